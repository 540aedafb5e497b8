// Owns: the thread for what can wait: sealing closed segments, merging small ones, keeping raw files ready. It runs at a
// lower priority than everything else, and stands still while appends come in fast: a burst is worth more than a backlog,
// until the backlog is large.

import CMalloc
import EventModel
import Glibc
import SegmentLog

/// The maintenance thread. May be used from any thread.
final class Maintenance: Sendable {
    /// How long to wait before looking again after an error such as a full disk, in milliseconds.
    private static let retryMilliseconds = 5000

    /// Committing faster than this, in bytes a second, is a burst.
    private static let burstBytesPerSecond: UInt64 = 32 << 20
    /// How long to stand still before the speed is looked at again, in milliseconds.
    private static let restMilliseconds = 25
    /// Closed segments that may wait, in bytes of records, before work goes on in spite of a burst.
    private static let backlogBytes: UInt64 = 1 << 30

    private let log: SegmentLog
    private let report: @Sendable (String) -> Void
    private let signal = Monitor(Signal())
    private let speed = Monitor(CommitSpeed())
    private let thread = OwnedThread()

    private struct Signal {
        var hasNews = true
        var isClosed = false
    }

    init(_ log: SegmentLog, report: @escaping @Sendable (String) -> Void) {
        self.log = log
        self.report = report
    }

    func wake() {
        signal.update { $0.hasNews = true }
    }

    func start() {
        thread.start("ev-maintain", niceness: 10) { self.run() }
    }

    func close() {
        signal.update { $0.isClosed = true }
        thread.join()
    }

    private func run() {
        var lastProblem: String?
        while true {
            let isClosed = signal.wait(timeoutMilliseconds: Self.retryMilliseconds) { signal -> Bool? in
                guard signal.hasNews || signal.isClosed else { return nil }
                signal.hasNews = false
                return signal.isClosed
            }
            if isClosed == true { return }
            do {
                try work()
                lastProblem = nil
            } catch {
                // The same trouble is said once, not every few seconds.
                let problem = "maintenance: \(error)"
                if problem != lastProblem { report(problem) }
                lastProblem = problem
            }
        }
    }

    private func work() throws(LogError) {
        var (again, hasIndexed) = (true, false)
        while again, pace() {
            again = try log.replenishSpares(pace: pace)
            if try log.sealOldest(pace: pace) { (again, hasIndexed) = (true, true) }
        }
        let merged = try log.compact(.background, pace: pace)
        _ = try log.replenishSpares(pace: pace)
        // The memory that an index takes while it is made is not needed again soon.
        if hasIndexed || merged.segmentsBefore != merged.segmentsAfter { cmalloc_trim() }
    }

    /// Between two pieces of work: stands still while there is a burst; false when the store is closing.
    private func pace() -> Bool {
        while true {
            let isBurst = speed.withLock { $0.isAbove(Self.burstBytesPerSecond, committed: log.committedBytes) }
            guard isBurst, log.statistics.backlogBytes < Self.backlogBytes else {
                return !signal.withLock(\.isClosed)
            }
            _ = signal.wait(timeoutMilliseconds: Self.restMilliseconds) { $0.isClosed ? true : nil }
            if signal.withLock(\.isClosed) { return false }
        }
    }
}

/// How fast bytes are committed, looked at every few milliseconds.
private struct CommitSpeed {
    private static let interval = Duration.milliseconds(20)

    private var since = ContinuousClock.now
    private var committed: UInt64 = 0
    private var wasAbove = false

    mutating func isAbove(_ bytesPerSecond: UInt64, committed now: UInt64) -> Bool {
        let elapsed = since.duration(to: .now)
        guard elapsed >= Self.interval else { return wasAbove }
        wasAbove = Double(now - committed) > Double(bytesPerSecond) * (elapsed / .seconds(1))
        since = .now
        committed = now
        return wasAbove
    }
}
