// Owns: long lives of a log under chance: any order of actions, any fault at any moment, crash after crash on the same
// disk. What no list of cases foresees is found here; a failure names its seed.

import Disk
import DiskSimulation
import SegmentLog
import Testing

@Suite struct RandomLifeTests {
    @Test(arguments: 0..<60) func `A log survives whatever its disk does to it`(seed: UInt64) {
        var life = RandomLife(seed: seed)
        #expect(life.violations() == [], "seed \(seed)")
    }
}

/// One disk, and the lives of a log on it.
private struct RandomLife {
    private let disk = SimulatedDisk()
    private var random: SeededRandom
    /// What the log has acknowledged, or has shown after a recovery.
    private var acknowledged: [TestRecord] = []
    /// What was handed to it and not acknowledged.
    private var underWay: [TestRecord] = []
    private var clock: Int64 = 1_000
    /// Whether an operation of this life, which may be a read, was to fail.
    private var hadReadError = false

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    mutating func violations() -> [String] {
        for generation in 1...12 {
            hadReadError = false
            if generation < 12 { planFault() }
            do {
                if let violation = try live() { return ["generation \(generation): \(violation)"] }
            } catch .disk, .noSpace {
                // As planned.
            } catch .corrupt where hadReadError, .unreadable where hadReadError {
                // As planned, too: a block that could not be read once is damaged until the scrub has seen it again.
            } catch {
                return ["generation \(generation): \(error)"]
            }
            if Int.random(in: 0..<3, using: &random) == 0 {
                disk.restartProcess()
            } else {
                disk.restart(seed: random.next())
            }
        }
        return []
    }

    private mutating func planFault() {
        let soon = disk.operations + Int.random(in: 1...150, using: &random)
        if Bool.random(using: &random) { disk.keepCacheAfterFailedSync() }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: disk.failNext(.sync)
        case 1:
            disk.fail(operation: soon)
            hadReadError = true
        case 2: disk.fillUp(fromOperation: soon)
        default: disk.crash(atOperation: soon)
        }
    }

    /// Opens the log, judges it, and uses it until the disk fails or there is nothing more to do. Returns what is wrong.
    private mutating func live() throws(LogError) -> String? {
        clock += 1
        let opened = try SegmentLog.open(
            disk,
            directory: CrashWorkload.directory,
            options: .small,
            now: RecordTime(clock)
        )
        let (log, writer) = (opened.log, opened.writer)
        let recovered = try log.view.records()
        guard recovered == acknowledged || recovered == acknowledged + underWay else {
            return "recovered up to \(log.view.tail), acknowledged up to \(acknowledged.count)"
        }
        guard opened.report.damage.isEmpty else { return "damage: \(opened.report.notes)" }
        acknowledged = recovered
        underWay = []
        for _ in 0..<25 {
            do {
                try act(log, writer)
            } catch  where error.isNoSpace {
                disk.makeSpace()
            }
        }
        let read = try log.view.records()
        guard read == acknowledged else { return "reads differ from what was acknowledged" }
        let verification = try log.verify()
        return verification.isClean ? nil : "\(verification)"
    }

    private mutating func act(_ log: SegmentLog, _ writer: LogWriter) throws(LogError) {
        switch Int.random(in: 0..<20, using: &random) {
        case 0: try writer.mark()
        case 1, 2: try writer.roll()
        case 3, 4: _ = try log.sealOldest()
        case 5: _ = try log.compact(.everything)
        case 6: _ = try log.replenishSpares()
        default: try append(to: writer)
        }
    }

    private mutating func append(to writer: LogWriter) throws(LogError) {
        clock += 1
        let records = (0..<Int.random(in: 1...4, using: &random)).map { index in
            let size = [0, 1, 60, 500, 3_000, 12_000][Int.random(in: 0..<6, using: &random)]
            return TestRecord(keys: ["k\(index)"], payload: noise(size, seed: acknowledged.count + index))
        }
        let buffer = RecordBuffer(records)
        if !writer.fits(byteCount: buffer.byteCount) { try writer.roll() }
        underWay = records.enumerated().map {
            $1.committed(as: RecordID(UInt64(acknowledged.count + $0 + 1)), at: RecordTime(clock))
        }
        try writer.commit(records, at: clock)
        acknowledged += underWay
        underWay = []
    }
}
