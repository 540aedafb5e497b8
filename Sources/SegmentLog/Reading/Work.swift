// Owns: the end of work that somebody has asked for. Whoever does it asks at every block whether it is to go on, so that no
// question outlives whoever asked it, its time, or the daemon.

import Synchronization

/// Where work is done beside other work: it gives turns, and memory. Used by the thread that does the work.
package protocol WorkHost: AnyObject, Sendable {
    /// Called at every step; others may go on meanwhile. Returns the nanoseconds that they had.
    @discardableResult
    func step() -> Int64
    /// Called before the work comes to hold so many bytes more, or fewer; waits for room. Throws `ended` where the work ends
    /// before there is.
    func hold(_ bytes: Int, for work: Work) throws(LogError)
    /// Lets others go on while `body` waits for something that needs no processor.
    func idle(_ body: () -> Void)
}

/// A piece of work under way. May be used from any thread.
package final class Work: Sendable {
    /// Why work ends before it is done.
    package enum End: UInt8, Hashable, Sendable {
        /// Nobody waits for its result any more.
        case cancelled = 1
        /// It has had all the time it may take.
        case timeUp
        /// The daemon stops.
        case stopping
    }

    private let ended = Atomic<UInt8>(0)
    private let deadline: ContinuousClock.Instant?
    /// What it is a part of: it ends with it.
    private let whole: Work?
    /// Who does it; nil where it is done alone.
    package let host: (any WorkHost)?
    /// Asked whether it is to end.
    private let condition: (@Sendable () -> End?)?

    /// Work that may go on for so long, as part of a greater whole.
    package init(within limit: Duration? = nil, of whole: Work? = nil, on host: (any WorkHost)? = nil) {
        deadline = limit.map { .now + $0 }
        self.whole = whole
        self.host = host ?? whole?.host
        condition = nil
    }

    /// Work that may go on until then.
    package init(until deadline: ContinuousClock.Instant) {
        self.deadline = deadline
        whole = nil
        host = nil
        condition = nil
    }

    /// Work that ends when `condition` says so; it is asked at every step.
    package init(endingWhen condition: @escaping @Sendable () -> End?) {
        deadline = nil
        whole = nil
        host = nil
        self.condition = condition
    }

    /// Has it end at its next step. The first reason stays.
    package func end(_ reason: End) {
        _ = ended.compareExchange(expected: 0, desired: reason.rawValue, ordering: .relaxed)
    }

    /// Why it is to end; nil where it may go on.
    package var ending: End? {
        if let end = End(rawValue: ended.load(ordering: .relaxed)) { return end }
        if let end = whole?.ending { return end }
        if let end = condition?() {
            self.end(end)
            return end
        }
        guard let deadline, ContinuousClock.now >= deadline else { return nil }
        end(.timeUp)
        return .timeUp
    }

    /// Throws `ended` where it is to end; lets others have their turn.
    package func check() throws(LogError) {
        host?.step()
        if let ending { throw .ended(ending) }
    }

    /// Has room for so many bytes more, or lets go of them. Throws `ended` where it ends before there is.
    package func hold(_ bytes: Int) throws(LogError) {
        try host?.hold(bytes, for: self)
    }

    /// Waits for something, and lets others go on meanwhile.
    package func idle(_ body: () -> Void) {
        if let host { host.idle(body) } else { body() }
    }
}
