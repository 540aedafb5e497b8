// Owns: `evctl count`: how many events match.

import ArgumentParser
import EventModel
import EventStoreClient

struct CountCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "count",
        abstract: "Print how many events match."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions
    @OptionGroup(title: "Filter") var filter: FilterOptions

    func run(in invocation: Invocation) async throws {
        let asked = try filter.filter(global, invocation)
        let client = try await global.connect(invocation, try filter.store)
        let count = try await client.count(asked)
        try await global.noteSkipped(asked, client, invocation)
        await client.close()
        if global.isJSON {
            try global.print(json: Array(#"{"count":\#(count)}"#.utf8), in: invocation)
        } else {
            let isTyped = invocation.terminal.isOutput
            try StandardOutput().print(line: isTyped ? "\(Quantity.grouped(count)) events" : "\(count)")
        }
    }
}
