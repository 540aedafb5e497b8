// Owns: `evctl subscribe`: every event from a position on, then each as it comes.

import ArgumentParser
import EventModel
import EventStoreClient

struct SubscribeCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "subscribe",
        abstract: "Print what is there, then what comes, one event a line, until interrupted.",
        discussion: """
            A lost connection is taken up again after the last event printed: without gap, without repeat. Where another store \
            answers then, or one that has not come so far, it ends with exit 4 and says so. Each event \
            is written at once, also into a pipe. Damaged events end it with exit 6, after what lies before them; go on with \
            --from the id behind them, or pass over them all with --skip-damage.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Option(help: ArgumentHelp("Begin with this event id (default: the first).", valueName: "id"))
    var from: String?

    @OptionGroup(title: "Filter") var filter: FilterOptions

    func run(in invocation: Invocation) async throws {
        let first = try from.map { try EventPosition(argument: $0, for: "--from") }
        var asked = try filter.filter(global, invocation)
        asked.after = max(asked.after ?? .zero, first?.id.predecessor ?? .zero)
        let store = try commonStore(of: [first, try filter.store.map { EventPosition(.zero, store: $0) }])
        if asked.skipsDamage {
            let client = try await global.connect(invocation, store)
            try await global.noteSkipped(asked, client, invocation)
            await client.close()
        }
        let live = LiveEvents(global, asked, store, invocation)
        let printer = try EventPrinter(global, invocation)
        try await global.list(in: invocation, isPaged: false) { output in
            try await live.forEach(after: asked.after ?? .zero) { event in
                try output.write { printer.append(event, to: &$0) }
                try output.flush()
            }
        }
    }
}
