// Owns: `evctl get`: one event by its id.

import ArgumentParser
import EventModel
import EventStoreClient

struct GetCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Print one event; exit 3 where there is none of that id."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Argument(help: "The event's id.")
    var id: String

    func run(in invocation: Invocation) async throws {
        let id = try EventID(argument: id, for: "ID")
        let client = try await global.connect(invocation)
        guard let event = try await client.get(id) else { throw Failure(.notFound, "there is no event \(id)") }
        await client.close()
        // One event has the terminal to itself: nothing is cut.
        var printer = try EventPrinter(global, invocation)
        printer.columns = nil
        let output = StandardOutput()
        try output.write { printer.append(event, to: &$0) }
        try output.flush()
    }
}
