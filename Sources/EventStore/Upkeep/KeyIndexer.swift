// Owns: the thread that keeps raw segments answerable by their keys: it follows the active one at a short distance, and makes the
// key file of each that is closed. Neither sealing nor a long burst holds it up: whoever asks for a key is to find what came last as
// fast as what came first.

import CMalloc
import EventModel
import SegmentLog

/// The indexing thread. May be used from any thread.
final class KeyIndexer: Sendable {
    /// How long to wait before looking again, in milliseconds: after an error such as a full disk, or where a key file has
    /// turned out damaged.
    private static let retryMilliseconds = 5000
    /// The thread lags behind the log by so many bytes of records, where nothing is closed.
    private static let lagBytes: UInt64 = 1 << 20
    /// Gives way to appends until it lags behind by so many.
    private static let urgentBytes: UInt64 = 32 << 20
    private static let niceness: Int32 = 5

    private let log: SegmentLog
    private let report: @Sendable (String) -> Void
    private let signal = Monitor(Signal())
    private let thread = OwnedThread()

    private struct Signal {
        var hasNews = true
        var isClosed = false
        /// The bytes that had been committed when the thread was last told.
        var told: UInt64 = 0
    }

    init(_ log: SegmentLog, report: @escaping @Sendable (String) -> Void) {
        self.log = log
        self.report = report
    }

    /// Tells it that a segment has been closed.
    func wake() {
        signal.update { $0.hasNews = true }
    }

    /// Tells it that something has been committed.
    func advance() {
        let committed = log.committedBytes
        guard signal.withLock({ committed - $0.told >= Self.lagBytes }) else { return }
        signal.update { ($0.told, $0.hasNews) = (committed, true) }
    }

    func start() {
        thread.start("ev-index", niceness: Self.niceness) { self.run() }
    }

    func close() {
        signal.update { $0.isClosed = true }
        thread.join()
    }

    private func run() {
        var lastProblem: String?
        var priority = ThreadPriority(resting: Self.niceness)
        var followed = log.committedBytes
        func pace() -> Bool {
            priority.set(isUrgent: log.committedBytes - followed >= Self.urgentBytes)
            return !signal.withLock(\.isClosed)
        }
        while true {
            let isClosed = signal.wait(timeoutMilliseconds: Self.retryMilliseconds) { signal -> Bool? in
                guard signal.hasNews || signal.isClosed else { return nil }
                signal.hasNews = false
                return signal.isClosed
            }
            if isClosed == true { return }
            do {
                let committed = log.committedBytes
                var hasMade = false
                while try log.makeKeys(pace: pace) { hasMade = true }
                // The memory that an index takes while a file is made of it is not needed again soon.
                if hasMade { cmalloc_trim() }
                try log.followActive(pace: pace)
                followed = committed
                lastProblem = nil
            } catch {
                // The same trouble is said once, not every few seconds.
                let problem = "index: \(error)"
                if problem != lastProblem { report(problem) }
                lastProblem = problem
            }
        }
    }
}
