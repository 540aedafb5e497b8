// Owns: `evctl bench replay` and `subscribe`: the log as a stream, what there is and what comes.

import ArgumentParser
import EventModel
import EventStoreClient

struct BenchReplayCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Read everything, as a program that rebuilds its own view does.",
        discussion: """
            Every field of each event is decoded and counted. The end is the last event at the moment when the replay begins; bytes are \
            those of the events' names and data.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Option(help: ArgumentHelp("Begin behind this event id.", valueName: "id"))
    var after: String?

    func run(in invocation: Invocation) async throws {
        let after = try after.map { try EventID(argument: $0, for: "--after") } ?? .zero
        let client = try await global.connect(invocation)
        invocation.interruption.deferToCommand()
        let tail = try await EventPages(client: client).tail()
        var run = ReplayRun(
            after: after,
            tail: tail,
            meter: ProgressMeter(
                .events,
                total: max(tail, after).rawValue - after.rawValue,
                isShown: global.showsProgress(invocation)
            ),
            interruption: invocation.interruption
        )
        let isInterrupted = try await run.run(client)
        await client.close()
        if global.isJSON {
            try global.print(json: run.json, in: invocation)
        } else {
            try StandardOutput().print(line: run.summary)
        }
        if isInterrupted { throw Failure(.interrupted, "interrupted") }
    }
}
