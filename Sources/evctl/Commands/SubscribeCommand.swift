// Owns: `evctl subscribe`: every event from a position on, then each as it comes.

import ArgumentParser
import EventModel
import EventStoreClient

struct SubscribeCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "subscribe",
        abstract: "Print what is there, then what comes, one event a line, until interrupted.",
        discussion: """
            A lost connection is taken up again after the last event printed: without gap, without repeat. Each event \
            is written at once, also into a pipe.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Option(help: ArgumentHelp("Begin with this event id (default: the first).", valueName: "id"))
    var from: String?

    @OptionGroup(title: "Filter") var filter: FilterOptions

    func run(in invocation: Invocation) async throws {
        let first = try from.map { try EventID(argument: $0, for: "--from") } ?? .zero
        let live = LiveEvents(global, try filter.filter(global, invocation), invocation)
        let output = StandardOutput()
        let printer = EventPrinter(global, invocation.terminal)
        try await live.forEach(after: EventID(max(first.rawValue, 1) - 1)) { event in
            try output.write { printer.append(event, to: &$0) }
            try output.flush()
        }
    }
}
