// Owns: the exploration: the short life of a log in which everything happens, cut off at every operation of the disk, and
// each recovery from it cut off at every operation in turn.

package import Disk
package import DiskSimulation

/// Every crash of one life.
package struct CrashExploration: Sendable {
    package struct Report: Summable {
        package var crashes = 0
        /// Disks that were judged.
        package var outcomes = 0
        package var violations: [String] = []

        package init() {}

        package static func += (sum: inout Report, other: Report) {
            sum.crashes += other.crashes
            sum.outcomes += other.outcomes
            sum.violations += other.violations
        }
    }

    /// Rolls, indexes, seals, snapshots, compacts and recycles; the disk becomes full in the middle of it, and space returns.
    private static let script: [Life.Action] = [
        .append, .say, .append, .mark, .append, .say, .roll, .index, .replenish, .append, .snapshot, .append, .mark,
        .roll,
        .seal, .append,
        .replenish, .roll, .say, .append, .index, .seal, .snapshot, .fill, .append, .roll, .index, .roll, .seal,
        .compact, .append,
        .mark,
        .makeSpace, .replenish, .append, .roll, .append, .roll, .index, .index, .append, .seal, .compact, .append,
        .snapshot, .replenish, .mark, .append, .index, .seal,
        .append,
    ]
    /// What a log is put through after a recovery, to show that it goes on as if nothing had happened.
    private static let afterwards: [Life.Action] = [
        .append, .roll, .append, .index, .look, .index, .seal, .seal, .seal, .compact, .replenish, .snapshot, .look,
        .count, .scrub,
    ]

    /// Outcomes to try of each crash.
    private let seeds: Range<UInt64>
    private let wrap: @Sendable (SimulatedDisk) -> any Disk
    /// The operations of the life after which the disk can be another than before.
    package let operations: [Int]

    /// `wrap` puts another disk between the log and the simulated one, up to the crash.
    package init(seeds: Range<UInt64>, wrap: @escaping @Sendable (SimulatedDisk) -> any Disk = { $0 }) {
        self.seeds = seeds
        self.wrap = wrap
        var life = Self.life { $0 }
        life.live(.calm, Self.script, isLast: false)
        operations = life.disk.changingOperations
    }

    private static func life(_ wrap: @escaping @Sendable (SimulatedDisk) -> any Disk) -> Life {
        Life(segmentBytes: 32 << 10, spareFiles: 1, wrap: wrap)
    }

    /// What is wrong with the life where nothing goes wrong.
    package func violationsOfWholeLife() -> [String] {
        var life = Self.life(wrap)
        life.live(.calm, Self.script, isLast: true)
        return life.violations
    }

    /// All outcomes of all crashes, several at a time.
    package func run(jobs: Int = 1) async -> Report {
        await Jobs.run(operations, jobs: jobs) { explore($0, &$1) }
    }

    /// All outcomes of the crash at one operation, and of each crash of the recovery from it.
    package func explore(_ operation: Int, _ report: inout Report) {
        var crashed = Self.life(wrap)
        crashed.live(.crash(after: operation), Self.script, isLast: false)
        crashed.unwrap()
        report.crashes += 1
        for seed in seeds {
            var life = crashed.copy()
            life.disk.restart(seed: seed)
            judge(&life, "crash at operation \(operation), seed \(seed)", &report)
        }
        exploreProcess(crashed, "killed in operation \(operation)", &report)
        exploreRecovery(crashed, operation, &report)
    }

    private func judge(_ life: inout Life, _ what: String, _ report: inout Report) {
        life.live(.calm, Self.afterwards, isLast: true)
        report.outcomes += 1
        report.violations += life.violations.map { "\(what): \($0)" }
    }

    /// The process is killed, the machine goes on: what it left in memory alone must be durable before anything is built
    /// upon it. Then the power is cut.
    private func exploreProcess(_ crashed: Life, _ what: String, _ report: inout Report) {
        var killed = crashed.copy()
        killed.disk.restartProcess()
        // What is renamed after the commit must not become durable before what it rests on.
        killed.live(.calm, [.append, .failDirectorySync, .replenish], isLast: false)
        for seed in seeds {
            var life = killed.copy()
            life.disk.restart(seed: seed)
            judge(&life, "\(what), then a power cut, seed \(seed)", &report)
        }
    }

    private func exploreRecovery(_ crashed: Life, _ operation: Int, _ report: inout Report) {
        let restarted = crashed.copy()
        restarted.disk.restart(seed: UInt64(operation))
        var whole = restarted.copy()
        let before = whole.disk.operations
        whole.live(.calm, [], isLast: false)
        for step in whole.disk.changingOperations where step > before {
            var life = restarted.copy()
            life.live(.crash(after: step - before), [], isLast: false)
            report.crashes += 1
            life.disk.restart(seed: UInt64(operation + step))
            judge(&life, "crash at operation \(operation), recovery at \(step)", &report)
        }
    }
}
