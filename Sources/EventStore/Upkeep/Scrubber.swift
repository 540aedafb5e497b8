// Owns: the thread that has the closed segments read again, at a rate and at intervals that somebody has set.

package import EventModel
import SegmentLog

package struct ScrubPolicy: Sendable {
    /// Bytes of the log read in a second; 0 for no scrub at all.
    package var bytesPerSecond = 8 << 20
    /// From the beginning of one pass to that of the next, in seconds; 0 for one after the other.
    package var everySeconds = 24 * 3600

    package init() {}
}

/// How far the scrub is.
package struct ScrubStatus: Sendable {
    /// Passes over the whole log since the store was opened.
    package internal(set) var passes: UInt64 = 0
    /// Bytes read since then.
    package internal(set) var bytes: UInt64 = 0
    /// When the last pass ended.
    package internal(set) var lastPass: Timestamp?
    /// Parts of indexes that the current or the last pass has found damaged: they cost time, not events.
    package internal(set) var problems: UInt64 = 0
}

/// The scrub's thread. May be used from any thread.
final class Scrubber: Sendable {
    private let log: SegmentLog
    private let policy: ScrubPolicy
    private let clock: StoreClock
    private let report: @Sendable (String) -> Void
    private let state = Monitor(State())
    private let thread = OwnedThread()

    private struct State {
        var status = ScrubStatus()
        var isClosed = false
    }

    init(_ log: SegmentLog, policy: ScrubPolicy, clock: StoreClock, report: @escaping @Sendable (String) -> Void) {
        self.log = log
        self.policy = policy
        self.clock = clock
        self.report = report
    }

    var status: ScrubStatus {
        state.withLock(\.status)
    }

    func start() {
        guard policy.bytesPerSecond > 0 else { return }
        thread.start("ev-scrub", niceness: 15) { self.run() }
    }

    func close() {
        state.update { $0.isClosed = true }
        thread.join()
    }

    private func run() {
        // The first pass is not for the moment of the start, when everything else wants the disk.
        guard pause(min(.seconds(policy.everySeconds), .seconds(60))) else { return }
        while true {
            let begun = ContinuousClock.now
            guard pass() else { return }
            // An empty log is not looked at without pause, whatever the policy says.
            let next = max(.milliseconds(100), .seconds(policy.everySeconds) - begun.duration(to: .now))
            guard pause(next) else { return }
        }
    }

    /// One pass; false when the store is closing.
    private func pass() -> Bool {
        var scrub = Scrub(log)
        var bytes = 0
        let begun = ContinuousClock.now
        state.withLock { $0.status.problems = 0 }
        while let step = next(&scrub) {
            bytes += step.bytes
            state.withLock { state in
                state.status.bytes += UInt64(step.bytes)
                if step.problem != nil { state.status.problems += 1 }
            }
            if let problem = step.problem { report("scrub: \(problem)") }
            let due = Duration.seconds(Double(bytes) / Double(policy.bytesPerSecond))
            guard pause(due - begun.duration(to: .now)) else { return false }
        }
        let now = clock.now()
        state.withLock { state in
            state.status.passes += 1
            state.status.lastPass = now
        }
        return true
    }

    /// A segment that cannot be looked at does not keep those behind it from being looked at.
    private func next(_ scrub: inout Scrub) -> Scrub.Step? {
        do {
            return try scrub.next()
        } catch {
            scrub.passOverSegment()
            return Scrub.Step(problem: "\(error)")
        }
    }

    /// Waits, where there is anything to wait for; false when the store is closing.
    private func pause(_ duration: Duration) -> Bool {
        let milliseconds = Int(duration / .milliseconds(1))
        guard milliseconds > 0 else { return !state.withLock(\.isClosed) }
        return state.wait(timeoutMilliseconds: milliseconds) { $0.isClosed ? true : nil } == nil
    }
}
