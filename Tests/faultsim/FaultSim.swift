// Owns: the simulator as a program: many seeds, every crash, every bit; one line of figures, and each violation with what
// brings it back. Exits with 1 where anything is wrong.

import ArgumentParser
import FaultSimulation
import Glibc

@main
struct FaultSim: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faultsim",
        abstract: "Tries the log against a disk that fails in every way.",
        subcommands: [Crashes.self, Explore.self, Flips.self, Files.self, OneLife.self]
    )
}

/// Seeds as `A..<B`.
struct SeedRange: ExpressibleByArgument {
    let range: Range<UInt64>

    init?(argument: String) {
        guard let match = argument.wholeMatch(of: /([0-9]+)\.\.<([0-9]+)/), let first = UInt64(match.1),
            let end = UInt64(match.2), first < end
        else { return nil }
        range = first..<end
    }
}

struct Explore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Every crash of one life, and of each recovery from it.")

    @Option(help: "Outcomes of each crash.")
    var outcomes: UInt64 = 12

    @Option(help: "How many threads.")
    var jobs = 2

    func run() async throws {
        let exploration = CrashExploration(seeds: 0..<outcomes)
        let (report, duration) = await timed { await exploration.run(jobs: jobs) }
        let violations = exploration.violationsOfWholeLife() + report.violations
        for violation in violations { print(violation) }
        print(
            "\(exploration.operations.count) operations in \(duration): \(report.crashes) crashes, "
                + "\(report.outcomes) outcomes, \(violations.count) violations"
        )
        if !violations.isEmpty { throw ExitCode(1) }
    }
}

struct Flips: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Every bit of every file of a small store, one at a time."
    )

    @Option(help: "Every so many bits.")
    var every = 1

    @Option(help: "How many threads.")
    var jobs = 2

    @Option(help: "Stop after so many violations.")
    var limit = 20

    func run() async throws {
        let flips = BitFlips(step: every)
        let (report, duration) = await timed { await flips.run(jobs: jobs, limit: limit) }
        for violation in report.violations { print(violation) }
        for file in flips.files { print("\(file.path): \(file.bytes) bytes") }
        print(
            "\(report.flips) flips in \(duration): \(report.whole) told and nothing lost, \(report.degraded) told and "
                + "\(report.recordsRefused) records refused by name, \(report.refused) refusals to open, "
                + "\(report.meaningless) without meaning, \(report.violations.count) violations"
        )
        if !report.violations.isEmpty { throw ExitCode(1) }
    }
}

struct Files: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Every file of a small store cut, lengthened, removed and replaced, one at a time."
    )

    @Option(help: "Every so many faults.")
    var every = 1

    @Option(help: "How many threads.")
    var jobs = 2

    @Option(help: "Stop after so many violations.")
    var limit = 20

    func run() async throws {
        let files = FileFaults(step: every)
        let (report, duration) = await timed { await files.run(jobs: jobs, limit: limit) }
        for violation in report.violations { print(violation) }
        print(
            "\(report.faults) faults in \(duration): \(report.whole) cost nothing, \(report.degraded) had "
                + "\(report.recordsRefused) records refused by name, \(report.refused) refusals to open, "
                + "\(report.violations.count) violations"
        )
        if !report.violations.isEmpty { throw ExitCode(1) }
    }
}

/// The result of some work, and how long it took.
func timed<Result>(_ work: () async -> Result) async -> (Result, Duration) {
    let clock = ContinuousClock()
    let start = clock.now
    let result = await work()
    return (result, start.duration(to: clock.now))
}

struct OneLife: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "life", abstract: "One life, told as it goes.")

    @Argument(help: "The seed.")
    var seed: UInt64

    @Flag(help: "As `crashes --damage` lives it.")
    var damage = false

    func run() throws {
        var life = Life(seed: seed, hasDamage: damage)
        life.trace = {
            print($0)
            fflush(nil)
        }
        let violations = life.violations()
        for violation in violations { print(violation) }
        if !violations.isEmpty { throw ExitCode(1) }
    }
}

struct Crashes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Random lives of a log, by seed.")

    @Option(help: "Which seeds, as A..<B.")
    var seeds: SeedRange

    @Flag(help: "Damage files, too, between the crashes.")
    var damage = false

    @Option(help: "How many threads.")
    var jobs = 2

    @Option(help: "Stop after so many violations.")
    var limit = 20

    func run() async throws {
        let (run, duration) = await timed {
            await SeedRun.lives(seeds.range, hasDamage: damage, jobs: jobs, limit: limit)
        }
        let tally = run.tally
        for violation in run.violations { print("seed \(violation.seed): \(violation.reason)") }
        print(
            "\(run.seeds) seeds\(damage ? " with damage" : "") in \(duration): "
                + "\(tally.generations) generations, \(tally.crashes) crashes, \(tally.failures) failed operations, "
                + "\(tally.damages) damages, \(tally.refusals) refusals to open, \(tally.holes) reads refused, "
                + "\(tally.records) records, \(run.violations.count) violations"
        )
        if !run.violations.isEmpty { throw ExitCode(1) }
    }
}
