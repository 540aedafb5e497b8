// Owns: `evctl bench append`, `read` and `state`: loads of many clients.

import ArgumentParser
import EventModel

struct BenchAppendCommand: LoadCommand {
    static let configuration = CommandConfiguration(
        commandName: "append",
        abstract: "Append events, which stay in the store.",
        discussion: """
            The events are made up as those of evctl generate are, or taken from a file; each aggregate of a category gets \
            one after the other. They are encoded before the clock starts, up to 16 MiB of them, and sent round and \
            round with other aggregates each time, without a timestamp: their time is that of the commit.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions
    @OptionGroup(title: "Load") var load: LoadOptions

    @Option(help: ArgumentHelp("How many (default: 100000, or as many as --duration allows).", valueName: "n"))
    var events: Int?

    @Option(help: ArgumentHelp("Append so many in one transaction; the last one is filled up.", valueName: "n"))
    var batch = 1

    @Option(help: ArgumentHelp("Take the data from this file, a JSON object or one a line.", valueName: "file"))
    var payload: String?

    @OptionGroup var names: BenchNameOptions

    func validate() throws {
        if let events { try LoadOptions.require(events, "--events", in: 1...1_000_000_000_000) }
        try LoadOptions.require(batch, "--batch", in: 1...100_000)
    }

    func run(in invocation: Invocation) async throws {
        var plan = load.plan(operations: events)
        if plan.units != .max { plan.units = (plan.units - 1) / batch + 1 }
        plan.rate = plan.rate.map { $0 / Double(batch) }
        let names = try names.names()
        var source =
            try payload.map { try EventSource(file: $0) }
            ?? EventSource(seed: self.names.seed, aggregates: self.names.aggregates)
        let work = Work.appends(names, plan: plan, batch: batch, source: &source)
        try await measure([work], names, .inTurn, plan, in: invocation) { json in
            load.write(to: &json)
            if let events { json.number("events", events) }
            json.number("batch", batch)
            if let payload { json.text("payload", payload) }
            self.names.write(to: &json)
        }
    }
}

struct BenchReadCommand: LoadCommand {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "Read the events of one aggregate after the other, beside PINGs.",
        discussion: """
            Which one is drawn at random among those of evctl bench append with the same --aggregates and --category. Reads \
            and as many PINGs take turns, ten times, on the same connections: the quotient of their percentiles says what \
            a look-up costs beyond the round trip.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions
    @OptionGroup(title: "Load") var load: LoadOptions
    @OptionGroup var names: BenchNameOptions

    @Option(help: ArgumentHelp("Reads (default: 100000, or as many as --duration allows).", valueName: "n"))
    var operations: Int?

    func validate() throws {
        if let operations { try LoadOptions.require(operations, "--operations", in: 1...1_000_000_000_000) }
    }

    func run(in invocation: Invocation) async throws {
        let plan = load.plan(operations: operations)
        let names = try names.names()
        let works = [Work.reads(names, plan: plan), Work.pings(names, plan: plan)]
        try await measure(works, names, .atRandom(seed: self.names.seed), plan, in: invocation) { json in
            load.write(to: &json)
            if let operations { json.number("operations", operations) }
            self.names.write(to: &json)
        }
    }
}

struct BenchStateCommand: LoadCommand {
    static let configuration = CommandConfiguration(
        commandName: "state",
        abstract: "Ask for the state of one aggregate after the other, beside reads and PINGs.",
        discussion: "As evctl bench read, with which its states take turns: the quotient says what folding costs."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions
    @OptionGroup(title: "Load") var load: LoadOptions
    @OptionGroup var names: BenchNameOptions

    @Option(help: ArgumentHelp("The reducer to fold with.", valueName: "name"))
    var reducer: String

    @OptionGroup var until: UntilOption

    @Option(help: ArgumentHelp("States (default: 100000, or as many as --duration allows).", valueName: "n"))
    var operations: Int?

    func validate() throws {
        if let operations { try LoadOptions.require(operations, "--operations", in: 1...1_000_000_000_000) }
    }

    func run(in invocation: Invocation) async throws {
        let plan = load.plan(operations: operations)
        let names = try names.names()
        let moment = try until.moment(global.grammar(invocation))
        let works = [
            Work.states(names, plan: plan, reducer: reducer, at: moment),
            Work.reads(names, plan: plan),
            Work.pings(names, plan: plan),
        ]
        try await measure(works, names, .atRandom(seed: self.names.seed), plan, in: invocation) { json in
            load.write(to: &json)
            if let operations { json.number("operations", operations) }
            json.text("reducer", reducer)
            if let moment { json.text("at", moment.description) }
            self.names.write(to: &json)
        }
    }
}

/// Which aggregates a load is about.
struct BenchNameOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How many aggregates, in all categories together.", valueName: "n"))
    var aggregates: UInt64 = 100_000

    @Option(help: ArgumentHelp("One category instead of the generator's four.", valueName: "name"))
    var category: String?

    @Option(help: ArgumentHelp("Another seed, other events and another order.", valueName: "n"))
    var seed: UInt64 = 1

    func validate() throws {
        guard (4...4_000_000_000).contains(aggregates) else {
            throw ValidationError("--aggregates: expected a number from 4 to 4,000,000,000.")
        }
    }

    func names() throws -> AggregateNames {
        if let category { try requireName(category, for: "--category") }
        return AggregateNames(category: category, aggregates: aggregates)
    }

    func write(to json: inout JSONObjectWriter) {
        json.number("aggregates", aggregates)
        if let category { json.text("category", category) }
        json.number("seed", seed)
    }
}
