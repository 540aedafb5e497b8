// Owns: the flags of every load: how many clients ask how fast, and for how long.

import ArgumentParser

struct LoadOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: ArgumentHelp("Connections.", valueName: "n"))
    var clients = 1

    @Option(
        name: [.customShort("P"), .long],
        help: ArgumentHelp("Operations under way on each connection.", valueName: "n")
    )
    var pipeline = 1

    @Option(help: ArgumentHelp("Threads to share the connections.", valueName: "n"))
    var threads = 1

    @Option(help: ArgumentHelp("End after so long, if not before.", valueName: "seconds"))
    var duration: Double?

    @Option(
        help: ArgumentHelp(
            "Operations a second, sent by the clock; latencies count from when each was to be sent.",
            valueName: "n"
        )
    )
    var rate: Double?

    @Flag(name: .customLong("null"), help: "Measure the generator itself: against a server that does nothing.")
    var isNull = false

    func validate() throws {
        try Self.require(clients, "--clients", in: 1...10_000)
        try Self.require(pipeline, "--pipeline", in: 1...100_000)
        try Self.require(threads, "--threads", in: 1...256)
        if let duration, !(duration > 0 && duration <= 1e6) {
            throw ValidationError("--duration: expected more than 0 and at most 1,000,000 seconds.")
        }
        if let rate { try Self.require(rate: rate) }
    }

    static func require(rate: Double) throws {
        guard rate > 0, rate <= 1e8 else {
            throw ValidationError("--rate: expected more than 0 and at most 100,000,000.")
        }
    }

    static func require(_ value: Int, _ name: String, in range: ClosedRange<Int>) throws {
        guard !range.contains(value) else { return }
        let bounds = [range.lowerBound, range.upperBound].map { Quantity.grouped(UInt64($0)) }
        throw ValidationError("\(name): expected a number from \(bounds[0]) to \(bounds[1]).")
    }

    /// `operations` of each kind; nil is so many as the duration allows, or else a number that takes a moment.
    func plan(operations: Int?) -> LoadPlan {
        LoadPlan(
            clients: clients,
            pipeline: pipeline,
            threads: threads,
            units: operations ?? (duration == nil ? 100_000 : .max),
            seconds: duration,
            rate: rate
        )
    }

    func write(to json: inout JSONObjectWriter) {
        json.number("clients", clients)
        json.number("pipeline", pipeline)
        json.number("threads", threads)
        if let duration { json.thousandths("duration", UInt64(saturating: duration * 1000)) }
        if let rate { json.thousandths("rate", UInt64(saturating: rate * 1000)) }
        json.flag("null", isNull)
    }
}
