// Owns: how far a projection has come, and who waits for that.

import EventModel
import EventRecords
import SegmentLog

/// What can be asked at any moment. Nobody holds it for long.
struct ProjectionProgress {
    /// What a question about the projection may have to wait for.
    enum Need: Sendable {
        /// That its snapshots are known.
        case begun
        /// That it has come to an event, or has stopped.
        case reached(EventID)
    }

    struct Waiter {
        let need: Need
        let wake: @Sendable () -> Void
    }

    var position = EventID.zero
    var eventsProcessed: UInt64 = 0
    var health = ProjectionHealth.rebuilding
    /// Whether it has looked for a snapshot to begin with.
    var hasBegun: Bool
    var lacking: [ClosedRange<RecordID>] = []
    /// Since when there have been events that it has not folded.
    var behindSince: ContinuousClock.Instant?
    /// So often in a row it has let others go first.
    var waited = 0
    var advance = Advance()
    var isFaultTold = false
    /// Whether to try the state takes next to no time.
    var isSoonChecked = true
    var ladder: SnapshotPace
    /// Threads that want the state: the next turn waits for them, since a lock alone would be taken again at once.
    var readers = 0
    var waiters: [UInt64: Waiter] = [:]
    var nextWaiter: UInt64 = 0
    /// Of the state and what it is made with, at the end of the last turn.
    var memoryBytes = 0

    func isLagging(_ longest: Duration) -> Bool { behindSince.map { .now - $0 > longest } ?? false }

    func has(_ need: Need) -> Bool {
        switch need {
        case .begun: hasBegun
        case .reached(let target): health.isFaulted || hasBegun && position >= target
        }
    }

    /// Takes out whoever has nothing to wait for any more.
    mutating func takeServed() -> [Waiter] {
        let served = waiters.filter { has($0.value.need) }
        for number in served.keys { waiters[number] = nil }
        return Array(served.values)
    }

    var lackingEvents: [ClosedRange<EventID>] { lacking.map { EventID($0.lowerBound)...EventID($0.upperBound) } }
}
