// Owns: when a projection's next snapshot is due: so many events or minutes behind the last, and not before the fold has had its
// part of the processor's time.

import EventModel

/// The last snapshot of a projection, and the work since.
struct SnapshotPace {
    /// A snapshot that takes no longer may be taken whenever its minutes have passed, however little was folded.
    private static let nothing = Duration.milliseconds(5)

    /// The last stands for all events up to this one.
    private(set) var position = EventID.zero
    private(set) var takenAt: Timestamp
    /// Whether one is being compressed and written.
    private(set) var isWriting = false
    /// The processor's time that the last one took, or that it took to go back to it.
    private(set) var taken = Duration.zero
    /// The processor's time that the fold has had since.
    var worked = Duration.zero

    init(takenAt: Timestamp) { self.takenAt = takenAt }

    /// The projection begins at a snapshot, to restore which took so long.
    mutating func begin(at position: EventID, restored taken: Duration) {
        self.position = position
        self.taken = taken
    }

    func isDue(_ policy: SnapshotPolicy, at position: EventID, now: Timestamp) -> Bool {
        guard !isWriting else { return false }
        let events = position.rawValue - self.position.rawValue
        // In either direction: a clock that was years ahead at the last snapshot is not to hold up the next for years.
        let minutes = now.nanoseconds(since: takenAt).magnitude / 60_000_000_000
        let hasWorked = worked >= taken * policy.workPerSnapshot
        if events >= policy.everyEvents { return hasWorked }
        return events > 0 && minutes >= UInt64(max(policy.everyMinutes, 0)) && (hasWorked || taken <= Self.nothing)
    }

    /// One is taken. Noted before the attempt, so that one that fails is not made again at once.
    mutating func take(at position: EventID, now: Timestamp) {
        self.position = position
        takenAt = now
        taken = .zero
        worked = .zero
        isWriting = true
    }

    mutating func spend(_ time: Duration) { taken += time }

    mutating func end() { isWriting = false }
}
