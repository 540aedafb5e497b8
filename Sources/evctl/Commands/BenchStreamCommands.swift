// Owns: `evctl bench replay` and `subscribe`: the log as a stream, what there is and what comes.

import ArgumentParser
import EventModel
import EventStoreClient

struct BenchReplayCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Read everything, as a program that rebuilds its own view does.",
        discussion: """
            By the client's bulk path: blocks of the log, inflated and decoded here. Every field of each event is counted \
            where it lies. The end is the last event at the moment when the replay begins; bytes are those of the \
            events' names and data.
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
            try StandardOutput().print(line: ShownText(run.summary))
        }
        if isInterrupted { throw Failure(.interrupted, "interrupted") }
    }
}

struct BenchSubscribeCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "subscribe",
        abstract: "Append by the clock, and measure when a live subscriber gets each event.",
        discussion: """
            One connection appends, another is subscribed to what it appends. Latencies from sending count from the \
            moment at which an event was to be sent. An event that is delivered with or before its acknowledgement took \
            no time from there.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Option(help: ArgumentHelp("How many.", valueName: "n"))
    var events = 10_000

    @Option(help: ArgumentHelp("Events a second.", valueName: "n"))
    var rate: Double = 1000

    @Option(help: ArgumentHelp("Another seed, other events.", valueName: "n"))
    var seed: UInt64 = 1

    func validate() throws {
        try LoadOptions.require(events, "--events", in: 1...1_000_000_000)
        try LoadOptions.require(rate: rate)
    }

    func run(in invocation: Invocation) async throws {
        // Says why if there is no daemon, and waits for one that is recovering its store.
        await (try global.connect(invocation)).close()
        invocation.interruption.deferToCommand()
        let meter = ProgressMeter(.events, total: UInt64(events), isShown: global.showsProgress(invocation))
        let watch = LoadWatch(meter, invocation.interruption)
        let run = try DeliveryRun(
            socketPath: global.socketPath(in: invocation),
            events: events,
            rate: rate,
            seed: seed,
            watch: watch
        )
        let outcome = await OwnThread.run("bench") { Result { try run.run() } }
        watch.end()
        try outcome.get()
        if global.isJSON {
            let json = run.json { json in
                json.number("events", events)
                json.thousandths("rate", UInt64(saturating: rate * 1000))
                json.number("seed", seed)
            }
            try global.print(json: json, in: invocation)
        } else {
            try run.table.print(invocation.terminal)
            if !global.quiet { try StandardOutput().print(line: ShownText(run.summary)) }
        }
        if let failure = run.failure { throw failure }
    }
}
