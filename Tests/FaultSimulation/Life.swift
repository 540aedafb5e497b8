// Owns: long lives of a log under chance: any order of actions, any fault at any moment, crash after crash on the same
// disk, and damage at rest in between. What no list of cases foresees is found here; a violation names its seed.
//
// A life is a row of generations: open, judge what was recovered, act, and go down. What is demanded of it is what the log
// promises, and nothing about its files:
//
//   * acknowledged ⊆ recovered ⊆ submitted, in order, every record as it was; of the commit under way all or nothing;
//   * a read gives what was committed, or an error whose ids hold what could not be read; nothing vanishes in silence;
//   * only damage, and a disk that fails a read, excuse such an error; what a fault cost is back when the fault is gone;
//   * no id is given twice; after a failed commit none succeeds; after a full disk commits go on by themselves;
//   * what was recovered once is recovered again.

import Disk
import DiskSimulation
import SegmentLog

/// One disk, and the generations of a log on it.
package struct Life: Sendable {
    /// What has happened in lives, to be summed up.
    package struct Tally: Summable {
        package var generations = 0
        package var crashes = 0
        package var failures = 0
        package var damages = 0
        package var refusals = 0
        package var holes = 0
        package var records = 0

        package init() {}

        package static func += (sum: inout Tally, other: Tally) {
            sum.generations += other.generations
            sum.crashes += other.crashes
            sum.failures += other.failures
            sum.damages += other.damages
            sum.refusals += other.refusals
            sum.holes += other.holes
            sum.records += other.records
        }
    }

    static let directory = LogDirectory("/store")

    /// Whether there is damage at rest, and writes go astray, between crashes.
    let hasDamage: Bool
    /// Whether the disk is small enough to become full by itself.
    let isCramped: Bool
    /// Whether the actions, and all else, are as they were written down, and chance has no say.
    let isScripted: Bool
    private(set) var disk: SimulatedDisk
    /// What the log sees of the disk.
    private(set) var surface: any Disk
    private let wrap: @Sendable (SimulatedDisk) -> any Disk
    var random: SeededRandom
    var known = KnownLog()
    /// The commit that was not acknowledged and may be found after a crash.
    var underWay: KnownFrame?
    var clock: Int64 = 1_000
    var nextNumber = 0
    var nextWord = 0
    var options = LogOptions()
    /// The files that have been damaged, and how.
    var damaged: [Damage] = []
    var violations: [String] = []
    package var tally = Tally()
    /// Is told what happens, for whoever looks into one life.
    package var trace: (@Sendable (String) -> Void)?

    package init(seed: UInt64, hasDamage: Bool) {
        self.hasDamage = hasDamage
        isScripted = false
        wrap = { $0 }
        random = SeededRandom(seed: seed)
        options.segmentBytes = Int.random(in: 0..<4, using: &random) == 0 ? 64 << 10 : 20 << 10
        options.manifestNanoseconds = Int64.random(in: 1...40, using: &random)
        isCramped = Int.random(in: 0..<8, using: &random) == 0
        let segments = UInt64.random(in: 6...14, using: &random)
        disk = SimulatedDisk(capacity: isCramped ? segments * UInt64(options.segmentBytes) : nil, seed: seed)
        surface = disk
        options.spareFiles = Int.random(in: 0...2, using: &random)
        options.reserveFiles = Int.random(in: 0...1, using: &random)
        options.keepFreeBytes = UInt64.random(in: 0...10_000, using: &random)
        options.recycledFiles = 2
        beCheap()
    }

    /// A life whose actions are written down. `wrap` puts another disk between the log and the simulated one.
    init(segmentBytes: Int, spareFiles: Int, wrap: @escaping @Sendable (SimulatedDisk) -> any Disk = { $0 }) {
        hasDamage = false
        isScripted = true
        isCramped = true
        self.wrap = wrap
        random = SeededRandom(seed: 0)
        disk = SimulatedDisk()
        surface = wrap(disk)
        options.segmentBytes = segmentBytes
        options.spareFiles = spareFiles
        options.reserveFiles = spareFiles
        options.recycledFiles = spareFiles
        options.keepFreeBytes = 0
        beCheap()
    }

    private mutating func beCheap() {
        options.sealingLevel = 1
        options.compactionLevel = 1
        options.cacheBytes = 1 << 20
        options.tableBytes = 1 << 10
    }

    /// The same life once more, from here on, on a disk of its own.
    func copy() -> Life {
        var copy = self
        copy.disk = disk.copy()
        copy.surface = wrap(copy.disk)
        return copy
    }

    /// From now on the log sees the disk itself.
    mutating func unwrap() {
        surface = disk
    }

    /// Lives it; returns what was wrong, in words: nothing, if all is well.
    package mutating func violations(generations: Int = 6) -> [String] {
        let last = Int.random(in: 3...max(3, generations), using: &random)
        for generation in 1...last {
            tally.generations += 1
            let plan = generation == last ? Plan.calm : Plan.random(hasDamage: hasDamage, mayStop: mayStop, &random)
            trace?("generation \(generation) of \(last): \(plan)")
            let actions = (0..<Int.random(in: 4...24, using: &random)).map { _ in Action.random(&random) }
            let end = live(plan, actions, isLast: generation == last)
            trace?("  \(end), acknowledged \(known.lastID), under way \(underWay?.records.map(\.id.rawValue) ?? [])")
            if !violations.isEmpty {
                let damage = damaged.isEmpty ? "" : ", damaged \(damaged)"
                return violations.map { "generation \(generation) of \(last), \(plan)\(damage): \($0)" }
            }
            if end == .refused { break }
            comeBack()
            if end == .proven, hasDamage, generation < last { damageAtRest() }
        }
        tally.records += known.records.count
        return []
    }

    enum End {
        /// The disk failed, or the life of the process was cut off.
        case down
        /// Closed in good order, with a marker that proves the last commit durable.
        case proven
        /// The log could not be opened, for a reason it gave and that was there.
        case refused
    }

    /// Opens the log, judges it, and uses it until the disk fails or there is nothing more to do.
    @discardableResult
    mutating func live(_ plan: Plan, _ actions: [Action], isLast: Bool) -> End {
        prepare(plan)
        clock += 1
        if !isScripted, Int.random(in: 0..<24, using: &random) == 0 {
            options.segmentBytes = options.segmentBytes == 20 << 10 ? 64 << 10 : 20 << 10
        }
        do throws(LogError) {
            let isTwice = isScripted ? isLast : Int.random(in: 0..<4, using: &random) == 0
            let first = isTwice ? try tailOfFirstRecovery(plan) : nil
            var generation = Generation(try open(plan))
            try judge(&generation)
            if let first, violations.isEmpty { compare(generation, withTailOfFirst: first, plan) }
            guard violations.isEmpty else { return .down }
            act(actions, &generation, plan)
            if disk.isDown || generation.hasFailed || !violations.isEmpty { return .down }
            return try finish(&generation, plan, isLast: isLast)
        } catch {
            return end(of: error, in: plan)
        }
    }

    mutating func open(_ plan: Plan) throws(LogError) -> OpenedLog {
        do throws(LogError) {
            let opened = try SegmentLog.open(
                surface,
                directory: Self.directory,
                options: options,
                now: RecordTime(clock)
            )
            trace?("  opened, up to \(opened.log.view.tail): \(opened.report.notes)")
            return opened
        } catch {
            trace?("  opening throws \(error)")
            if error.isNoSpace, disk.failures.isEmpty, !known.records.isEmpty {
                violations.append("a full disk keeps the log from opening: \(error)")
            }
            throw error
        }
    }

    /// Opens the log, judges it, and lets go of it.
    private mutating func tailOfFirstRecovery(_ plan: Plan) throws(LogError) -> RecordID {
        var generation = Generation(try open(plan))
        try judge(&generation)
        return generation.log.view.tail
    }

    /// A second recovery must find what the first one did.
    private mutating func compare(_ second: Generation, withTailOfFirst tail: RecordID, _ plan: Plan) {
        // What cut the torn bytes off may itself have gone astray.
        // Where there is no room to go on elsewhere they stay where they are, too, behind damage.
        let isReadOnly = second.report.notes.contains { $0.contains("can only be read") }
        if second.report.tornBytes > 0, !plan.isMisdirected, !isReadOnly {
            violations.append("a second recovery finds torn bytes")
        }
        // What has gone astray in the first, such as the header of a new segment, may cost ids in the second.
        if plan.isMisdirected ? second.log.view.tail < tail : second.log.view.tail != tail {
            violations.append("a second recovery ends at \(second.log.view.tail), the first ended at \(tail)")
        }
    }

    private mutating func comeBack() {
        tally.failures += disk.failures.count
        if disk.isDown { tally.crashes += 1 }
        if Int.random(in: 0..<3, using: &random) == 0 {
            disk.restartProcess()
        } else {
            disk.restart(seed: random.next())
        }
    }

    /// Ends a generation in good order: commits go on where they could not, and prove themselves durable; the whole log is
    /// read once more.
    private mutating func finish(_ generation: inout Generation, _ plan: Plan, isLast: Bool) throws(LogError) -> End {
        disk.liftFaults()
        // What a write that went astray has spoilt may be the last commit, which only a later one can prove.
        for _ in 0..<(plan.isMisdirected ? 2 : isLast || plan.fills ? 1 : 0) {
            do throws(LogError) {
                try append(&generation, isSmall: true)
            } catch {
                guard error.isNoSpace, isCramped else { throw error }
            }
        }
        try generation.writer.rest()
        generation.holes = generation.report.damage
        try check(LogQuery(), .none, &generation)
        compareDamage(generation)
        if isLast || Int.random(in: 0..<4, using: &random) == 0 { try verify(generation) }
        return .proven
    }

    private mutating func verify(_ generation: Generation) throws(LogError) {
        let report = try generation.log.verify()
        if !mayHaveHoles, !report.isClean {
            violations.append("verify: \(report.problems) \(report.damage)")
        }
        if !generation.holes.isEmpty, report.isClean, !disk.failures.contains(.read) {
            violations.append("verify finds nothing, reads find \(generation.holes)")
        }
    }

    /// What the log says of its damage must be what reads have just found.
    mutating func compareDamage(_ generation: Generation) {
        let told = generation.log.damage
        for record in known.records {
            let isRefused = generation.holes.contains { $0.contains(record.id) }
            // A record of a damaged block may still be given from memory.
            if isRefused, !told.contains(where: { $0.contains(record.id) }) {
                violations.append("\(record.id) is refused, the log tells of damage \(told)")
                return
            }
        }
    }

    /// What to make of an error that ends a generation.
    private mutating func end(of error: LogError, in plan: Plan) -> End {
        if hasDamage, mayRefuse(error) {
            tally.refusals += 1
            return .refused
        }
        if !isExcused(error, plan) { violations.append("\(error)") }
        return .down
    }

    /// Whether something has happened to the disk that explains the error.
    func isExcused(_ error: LogError, _ plan: Plan) -> Bool {
        if error.isNoSpace { return plan.fills || isCramped || !disk.failures.isEmpty }
        return switch error {
        case .disk(let error) where error.isCrash: true
        case .disk: !disk.failures.isEmpty || damaged.contains { $0.kind == .unreadable }
        case .corrupt, .unreadable: mayHaveHoles
        default: false
        }
    }
}

typealias OpenedLog = (log: SegmentLog, writer: LogWriter, report: RecoveryReport)

/// An open log, until the disk or the process ends.
struct Generation {
    let log: SegmentLog
    let writer: LogWriter
    let report: RecoveryReport
    let ladder: SnapshotLadder
    /// What was said at the start, of the log and of the snapshots.
    let notes: [String]
    /// Ids that reads have refused to give.
    var holes: [ClosedRange<RecordID>]
    /// Whether a commit or a marker has failed, and with it the writer.
    var hasFailed = false

    init(_ opened: OpenedLog) {
        (log, writer, report) = opened
        let snapshots = SnapshotLadder.open(opened.log)
        ladder = snapshots.ladder
        notes = opened.report.notes + snapshots.notes
        holes = opened.report.damage
    }
}
