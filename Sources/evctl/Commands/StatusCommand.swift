// Owns: `evctl status`: the daemon's account of itself, summed up for people or as one JSON object.

import ArgumentParser
import EventModel
import EventStoreClient

struct StatusCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Print the store's state, tail, sizes and lag."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    func run(in invocation: Invocation) async throws {
        let client = try await global.connect(invocation, waitingForStore: false)
        let report = StatusReport(info: try await client.info())
        await client.close()
        if global.isJSON {
            try global.print(json: report.json, in: invocation)
        } else {
            let output = StandardOutput()
            for line in report.lines(invocation.terminal) { try output.print(line: line) }
        }
    }
}
