// Owns: the thread for what can wait: sealing closed segments, merging small ones, keeping raw files ready. It runs at a
// lower priority than everything else, and stands still while appends come in fast: a burst is worth more than a backlog,
// until the backlog has come to its soft limit. Then it has as much of the machine as anybody, and seals as fast as it can.

import CMalloc
import EventModel
import Glibc
import SegmentLog

/// The maintenance thread. May be used from any thread.
final class Maintenance: Sendable {
    /// How long to wait before looking again after an error such as a full disk, in milliseconds.
    private static let retryMilliseconds = 5000

    /// How long to stand still before the speed is looked at again, in milliseconds.
    private static let restMilliseconds = 25
    static let niceness: Int32 = 10
    /// So many small segments are left for when there is time to merge them: a look-up asks each. Beyond, the first few of them are
    /// merged as they are.
    private static let mostSmallSegments = 256

    private let log: SegmentLog
    private let limits: BacklogLimits
    private let packing: PackingThreads
    private let report: @Sendable (String) -> Void
    private let signal = Monitor(Signal())
    private let load: Monitor<Load>
    private let thread = OwnedThread()

    private struct Signal {
        var hasNews = true
        var isClosed = false
    }

    init(
        _ log: SegmentLog,
        limits: BacklogLimits,
        packing: PackingThreads,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.log = log
        self.limits = limits
        load = Monitor(Load(limits: limits, niceness: Self.niceness, packing: packing))
        self.packing = packing
        self.report = report
    }

    func wake() {
        signal.update { $0.hasNews = true }
    }

    func start() {
        packing.start()
        thread.start("ev-maintain", niceness: Self.niceness) { self.run() }
    }

    func close() {
        signal.update { $0.isClosed = true }
        thread.join()
        packing.close()
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

    /// Whether sealing is behind; those who pack are as urgent from now on.
    func isBehind() -> Bool {
        let isBehind = limits.isSealingBehind(log)
        packing.set(isUrgent: isBehind)
        return isBehind
    }

    private func work() throws(LogError) {
        var (again, hasIndexed) = (true, false)
        while again, pace() {
            again = try log.replenishSpares(pace: pace)
            if try log.sealOldest(hurriedly: isBehind(), pace: pace) {
                (again, hasIndexed) = (true, true)
                // A load that lasts must not leave as many segments as it is long.
                if log.smallSegments >= Self.mostSmallSegments { _ = try log.compact(.hurried, most: 1, pace: pace) }
            }
        }
        let merged = try log.compact(.background, sealing: isBehind, pace: pace)
        _ = try log.replenishSpares(pace: pace)
        // The memory that an index takes while it is made is not needed again soon.
        if hasIndexed || merged.segmentsBefore != merged.segmentsAfter { cmalloc_trim() }
    }

    /// Between two pieces of work: stands still while there is a burst and room for it; false when the store is closing.
    private func pace() -> Bool {
        while load.withLock({ $0.isBurst(log) }) {
            _ = signal.wait(timeoutMilliseconds: Self.restMilliseconds) { $0.isClosed ? true : nil }
            if signal.withLock(\.isClosed) { return false }
        }
        return !signal.withLock(\.isClosed)
    }
}

/// What the appends do, looked at every few milliseconds; for the maintenance thread alone.
private struct Load {
    private static let interval = Duration.milliseconds(20)
    /// Committing faster than this, in bytes a second, is a burst.
    private static let burstBytesPerSecond: UInt64 = 32 << 20

    private let limits: BacklogLimits
    private let packing: PackingThreads
    private var priority: ThreadPriority
    private var since = ContinuousClock.now
    private var committed: UInt64 = 0
    private var isFast = false
    private var isBehind = false

    /// Until sealing is behind the thread has its niceness.
    init(limits: BacklogLimits, niceness: Int32, packing: PackingThreads) {
        self.limits = limits
        self.packing = packing
        priority = ThreadPriority(resting: niceness)
    }

    mutating func isBurst(_ log: SegmentLog) -> Bool {
        look(log)
        return isFast && !isBehind
    }

    private mutating func look(_ log: SegmentLog) {
        let elapsed = since.duration(to: .now)
        guard elapsed >= Self.interval else { return }
        let now = log.committedBytes
        isFast = Double(now - committed) > Double(Self.burstBytesPerSecond) * (elapsed / .seconds(1))
        isBehind = limits.isSealingBehind(log)
        priority.set(isUrgent: isBehind)
        packing.set(isUrgent: isBehind)
        since = .now
        committed = now
    }
}
