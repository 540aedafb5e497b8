// Owns: `evctl bench`: loads for a daemon, and what all of them have in common.

import ArgumentParser
import EventStoreClient

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Put a load on the daemon, and measure how it does.",
        discussion: """
            Each prints one table, or with -o json one object: operations and events a second, and percentiles of the \
            latency, in microseconds there. The percentiles are exact to a thousandth. CLIENT CPU is what the generator \
            itself takes of a core; near 100 % it is the generator that is measured, and more --threads may help. With \
            --null its server is one that does nothing, which tells how fast the generator can be here.

            Without --rate the loop is closed: each client waits for answers before it asks again, so that while the \
            daemon stalls nobody asks, and the percentiles are better than those whom it keeps waiting would see. With \
            --rate the operations are sent by the clock, and each latency counts from the moment at which it was to be \
            sent, however late that became.

            Errors are counted by their code and are no successes; then the exit status is not 0.
            """,
        subcommands: [
            BenchAppendCommand.self, BenchReadCommand.self, BenchStateCommand.self, BenchReplayCommand.self,
            BenchSubscribeCommand.self, BenchNullServerCommand.self,
        ]
    )
}

/// A load that consists of commands and their answers.
protocol LoadCommand: Command {
    var load: LoadOptions { get }
}

extension LoadCommand {
    /// Runs works against the daemon, or against a server that does nothing; tells what came of them.
    func measure(
        _ works: consuming [Work],
        _ names: AggregateNames,
        _ order: AggregateNumbers.Order,
        _ plan: LoadPlan,
        in invocation: Invocation,
        parameters: @escaping (inout JSONObjectWriter) -> Void
    ) async throws {
        let kinds = works.map(\.kind)
        invocation.interruption.deferToCommand()
        let total = plan.units == .max ? nil : UInt64(plan.units * works.count)
        let meter = ProgressMeter(.operations, total: total, isShown: global.showsProgress(invocation))
        let watch = LoadWatch(meter, invocation.interruption)
        let measurements: [Measurement]
        if load.isNull {
            let directory = try TemporaryDirectory()
            defer { directory.remove() }
            let server = try NullServer(directory.path + "/socket")
            defer { server.stop() }
            measurements = try await LoadRun.run(
                works,
                names,
                order,
                plan,
                socketPath: directory.path + "/socket",
                watch: watch
            )
        } else {
            // Says why if there is no daemon, and waits for one that is recovering its store.
            await (try global.connect(invocation)).close()
            measurements = try await LoadRun.run(
                works,
                names,
                order,
                plan,
                socketPath: global.socketPath(in: invocation),
                watch: watch
            )
        }
        let report = LoadReport(
            rows: Array(zip(kinds, measurements)),
            parameters: parameters,
            isInterrupted: watch.isInterrupted
        )
        try report.print(global, invocation)
        if let failure = report.failure { throw failure }
    }
}

struct BenchNullServerCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "null-server",
        abstract: "Serve the socket with answers that mean nothing, for other load generators.",
        discussion: """
            Every command is answered with a fixed reply of its kind, as fast as possible; nothing is stored. Give \
            --socket a path of its own, and point redis-benchmark -s there, for instance. Runs until it is interrupted.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    func run(in invocation: Invocation) async throws {
        guard let path = global.socket else { throw Failure(.usage, "--socket: expected the path to listen on") }
        invocation.interruption.deferToCommand()
        let server = try NullServer(path)
        defer { server.stop() }
        while !invocation.interruption.isRequested { try await Task.sleep(for: .milliseconds(100)) }
    }
}
