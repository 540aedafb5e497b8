// Owns: the thread for what can wait: sealing closed segments, merging small ones, keeping raw files ready. It runs at a
// lower priority than everything else, and rests between pieces of work.

import EventModel
import Glibc
import SegmentLog

/// The maintenance thread. May be used from any thread.
final class Maintenance: Sendable {
    /// How long to wait before looking again after an error such as a full disk, in milliseconds.
    private static let retryMilliseconds = 5000

    private let log: SegmentLog
    private let report: @Sendable (String) -> Void
    private let signal = Monitor(Signal())
    private let thread: Monitor<NamedThread?> = Monitor(nil)

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
        let started = NamedThread("ev-maintain", niceness: 10) { self.run() }
        thread.withLock { $0 = started }
    }

    func close() {
        signal.update { $0.isClosed = true }
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
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
        var again = true
        while again, pace() {
            again = try log.replenishSpares()
            if try log.sealOldest(pace: pace) { again = true }
        }
        _ = try log.compact(.background, pace: pace)
        _ = try log.replenishSpares()
    }

    /// Between two blocks: whether to go on.
    private func pace() -> Bool {
        !signal.withLock(\.isClosed)
    }
}
