// Owns: a short life of a log in which everything happens once, and the history of it that a crash must respect.

import Disk
import SegmentLog

/// What was asked of a log and what it promised, up to a crash.
struct CrashHistory {
    /// All records handed to the log, as it should give them back, frame by frame.
    var submitted: [[TestRecord]] = []
    /// How many frames were acknowledged.
    var acknowledged = 0

    /// The logs that are allowed after the crash: all that was acknowledged, and of the frame under way all or nothing.
    var allowed: [[TestRecord]] {
        (acknowledged...submitted.count).map { Array(submitted[..<$0].joined()) }
    }
}

struct CrashWorkload {
    static let directory = LogDirectory("/store")
    private(set) var history = CrashHistory()
    private var clock: Int64 = 1_000

    /// Runs until it is done or the disk fails.
    static func run(on disk: any Disk) -> CrashHistory {
        var workload = CrashWorkload()
        do {
            try workload.live(on: disk)
        } catch {
            // The crash, or whatever else the disk did: the history says how far it came.
        }
        return workload.history
    }

    private mutating func live(on disk: any Disk) throws(LogError) {
        let opened = try SegmentLog.open(disk, directory: Self.directory, options: .small, now: RecordTime(clock))
        let (log, writer) = (opened.log, opened.writer)
        try append([40, 700, 3], to: writer)
        try append([1], to: writer)
        try writer.mark()
        try append([2_000, 1_500, 10, 600], to: writer)
        try writer.roll()
        _ = try log.replenishSpares()
        try append([500], to: writer)
        try append([900, 20], to: writer)
        try writer.mark()
        try writer.roll()
        _ = try log.sealOldest()
        try append([300, 5_000], to: writer)
        // The file of the first segment becomes the next spare, and then the active segment.
        _ = try log.replenishSpares()
        try writer.roll()
        try append([70, 80], to: writer)
        _ = try log.sealOldest()
        _ = try log.sealOldest()
        try append([60], to: writer)
        _ = try log.compact(.everything)
        try append([3_000, 1], to: writer)
        _ = try log.replenishSpares()
        try writer.mark()
        try append([5], to: writer)
    }

    private mutating func append(_ sizes: [Int], to writer: LogWriter) throws(LogError) {
        clock += 10
        let count = history.submitted.reduce(0) { $0 + $1.count }
        let records = sizes.enumerated().map { index, size in
            TestRecord(
                time: index.isMultiple(of: 2) ? nil : Int64(50 - count),
                keys: ["k\(index)", "all"],
                payload: noise(size, seed: count + index)
            )
        }
        // Noted before the attempt: from here on the frame may be found after a crash.
        history.submitted.append(
            records.enumerated().map {
                $1.committed(as: RecordID(UInt64(count + $0 + 1)), at: RecordTime(clock))
            }
        )
        try writer.commit(records, at: clock)
        history.acknowledged = history.submitted.count
    }
}
