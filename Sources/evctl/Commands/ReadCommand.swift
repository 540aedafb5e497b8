// Owns: `evctl read`: events as journalctl shows a journal.

import ArgumentParser
import EventModel
import EventStoreClient

struct ReadCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "Print events, oldest first.",
        discussion: "Without -n everything that matches is printed; with -f the last 10, then what comes."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Flag(name: .shortAndLong, help: "Then wait and print what comes, until interrupted.")
    var follow = false

    @Option(name: [.customShort("n"), .customLong("lines")], help: ArgumentHelp("The last N only.", valueName: "n"))
    var last: Int?

    @Flag(name: .shortAndLong, help: "Newest first.")
    var reverse = false

    @OptionGroup(title: "Filter") var filter: FilterOptions

    func validate() throws {
        if follow, reverse { throw ValidationError("-f goes on at the newest end, -r begins there: not both.") }
        if let last, last < 0 { throw ValidationError("-n \(last): expected a number from 0.") }
    }

    func run(in invocation: Invocation) async throws {
        let asked = try filter.filter(global, invocation)
        let client = try await global.connect(invocation, try filter.store)
        let store = client.store
        let pages = EventPages(client: client)
        // What comes later is not part of this listing; following takes it up from here without a gap.
        let (now, tail) = try await pages.upToNow(asked)
        let count = last ?? (follow ? 10 : .max)
        let printer = try EventPrinter(global, invocation)
        try await global.list(in: invocation, isPaged: !follow) { output in
            var (listed, missing) = (now, ClientError?.none)
            if !reverse, count != .max { (listed, missing) = try await pages.narrow(now, toLast: count) }
            try await pages.forEachPage(listed, reversed: reverse, limit: count) { page in
                for event in page { try output.write { printer.append(event, to: &$0) } }
            }
            try output.flush()
            try await global.noteSkipped(asked, client, invocation)
            await client.close()
            if let missing { throw missing }

            guard follow else { return }
            let live = LiveEvents(global, asked, store, invocation)
            try await live.forEach(after: tail) { event in
                try output.write { printer.append(event, to: &$0) }
                try output.flush()
            }
        }
    }
}

extension LiveEvents {
    init(_ global: GlobalOptions, _ filter: Filter, _ store: EventUUID?, _ invocation: Invocation) {
        self.init(socketPath: global.socketPath(in: invocation), filter: filter, store: store) { error, pause in
            guard !global.quiet else { return }
            invocation.note("\(error); trying again in \(Quantity.tenths(pause.seconds)) s")
        }
    }
}
