// Owns: how often somebody may ask for a segment to be closed. Each roll begins a file of the full size, whatever the one
// before it holds, so a loop that asks for nothing else would fill the disk faster than sealing can give it back.
// Refuses to know: rolls that the writer makes itself, of a segment that is full or old: they are never refused.

import EventModel

/// The limit, as it is set.
package struct RollLimit: Sendable {
    /// Rolls that may come at once.
    package var burst = 10
    /// From then on one in so long.
    package var interval = Duration.seconds(1)
    /// Closed segments that wait to be sealed, from which on no other is made.
    package var waitingSegments = 8

    package init() {}

    /// For tests that have a reason to roll at every turn.
    static var unlimited: RollLimit {
        var limit = RollLimit()
        limit.interval = .zero
        limit.waitingSegments = .max
        return limit
    }
}

/// What is left of the limit: a bucket of tokens that fills with time.
struct RollBudget: Sendable {
    private let limit: RollLimit
    /// When the bucket is full again; nil while it has never been touched.
    private var isFullAt: ContinuousClock.Instant?

    init(_ limit: RollLimit) {
        self.limit = limit
    }

    /// Why there is to be no roll now; nil where there may be one, which then counts. `waiting` are the closed segments
    /// that are still to be sealed.
    mutating func objection(waiting: Int, now: ContinuousClock.Instant) -> StoreError? {
        guard waiting < limit.waitingSegments else {
            return StoreError(
                .other,
                "\(waiting) closed segments wait to be sealed, each in a file of the full size; "
                    + "come again when segments_raw in EV.INFO is down to \(limit.waitingSegments)"
            )
        }
        let full = max(isFullAt ?? now, now)
        let missing = now.duration(to: full) - limit.interval * (max(limit.burst, 1) - 1)
        guard missing <= .zero else {
            return StoreError(
                .other,
                "too many rolls: each begins a file of the full size, and there may be \(limit.burst) at once, then one in "
                    + "\(limit.interval.milliseconds) ms; come again in \(max(missing.milliseconds, 1)) ms"
            )
        }
        isFullAt = full + limit.interval
        return nil
    }
}

extension Duration {
    /// Whole ones, rounded up.
    fileprivate var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
