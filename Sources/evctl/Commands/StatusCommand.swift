// Owns: `evctl status`: the daemon's account of itself, summed up for people or as one JSON object.

import ArgumentParser
import EventModel
import EventStoreClient

struct StatusCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Print the store's state, tail, sizes and lag.",
        discussion: """
            Exits with 0 where the state is ok; 1 where a projection has stopped; 5 while the store is recovered; 6 where events \
            are damaged; 7 where it takes no appends, for want of space or for good.
            """
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
        if report.status != .ok { throw Failure(report.status, "") }
    }
}
