// Owns: slowing appends down to the pace that the work behind them keeps.
//
// What waits beyond its hard limit lets appends go on at a rate that falls smoothly with it: from any at the limit, by way of a
// base rate half-way, to next to none at twice the limit. As what waits grows by what is appended and shrinks by what is worked off,
// it comes to rest where the two are equal, whatever that pace is; nothing has to be measured for that.

import EventModel
import SegmentLog

/// Something that follows appends, and how much of it waits.
package struct Backlog: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// Bytes of closed segments.
        case sealing
        /// Events.
        case projection(String)
    }

    package let kind: Kind
    package let waiting: UInt64
    /// Zero is none.
    package let hardLimit: UInt64
    /// What it is let grow by beyond the limit before appends all but stand: the limit once more, and no less than so much.
    let room: UInt64

    /// Units of it that may be appended in a second; nil where it does not slow appends.
    var rate: Double? {
        guard hardLimit > 0, waiting > hardLimit else { return nil }
        let excess = min(Double(waiting - hardLimit) / Double(max(hardLimit, room)), 1)
        let base = kind == .sealing ? 32e6 : 100e3
        return max(base * (1 - excess) / excess, base / 100)
    }
}

/// Used by the writer's thread, but for its figures.
final class AppendPace: Sendable {
    /// What waits is looked at so often.
    private static let interval = Duration.milliseconds(50)
    /// The longest that the next commit waits.
    private static let longest = Duration.seconds(1)

    private struct State {
        var lookedAt = ContinuousClock.now - interval
        var slowing: Backlog?
        /// When the next commit may begin.
        var next = ContinuousClock.now
        var slowedAt: ContinuousClock.Instant?
        var isTold = false
        var delayed = Duration.zero
    }

    private let state = Monitor(State())
    private let backlogs: @Sendable () -> [Backlog]
    private let report: @Sendable (String) -> Void
    /// After so long without it an operator is told that appends are no longer slowed.
    private let calm: Duration

    /// `backlogs` tells what waits at the moment.
    init(
        calm: Duration = .seconds(10),
        report: @escaping @Sendable (String) -> Void,
        backlogs: @escaping @Sendable () -> [Backlog]
    ) {
        self.calm = calm
        self.backlogs = backlogs
        self.report = report
    }

    /// When the next commit may begin; in the past, where appends are not slowed.
    var next: ContinuousClock.Instant { state.withLock(\.next) }

    /// What slows appends now, and for how long they have been held up in all.
    var figures: (slowing: Backlog?, delayed: Duration) {
        let (slowing, delayed, lookedAt) = state.withLock { ($0.slowing, $0.delayed, $0.lookedAt) }
        // Where nothing is committed, nobody has looked.
        let isFresh = ContinuousClock.now - lookedAt < .seconds(1)
        return (isFresh ? slowing : Self.worst(backlogs(), bytes: 1 << 10, events: 1), delayed)
    }

    /// So much has been committed, and the next commit waits for that where appends are slowed. To be told of nothing now and then,
    /// where nothing is committed.
    func note(bytes: Int, events: Int) {
        let now = ContinuousClock.now
        let isDue = state.withLock { $0.lookedAt + Self.interval <= now }
        let seen = isDue ? backlogs() : nil
        let line = state.withLock { state -> String? in
            if let seen {
                state.lookedAt = now
                state.slowing = Self.worst(seen, bytes: bytes, events: events)
            }
            guard let slowing = state.slowing else { return noteCalm(&state, at: now) }
            let delay = min(.seconds(Self.delay(slowing, bytes, events)), Self.longest)
            state.next = max(state.next, now) + delay
            state.delayed += delay
            state.slowedAt = now
            guard !state.isTold else { return nil }
            state.isTold = true
            return "appends are slowed: \(slowing)"
        }
        if let line { report(line) }
    }

    private func noteCalm(_ state: inout State, at now: ContinuousClock.Instant) -> String? {
        guard state.isTold, let slowedAt = state.slowedAt, now - slowedAt > calm else { return nil }
        state.isTold = false
        return "appends are no longer slowed"
    }

    /// The one that slows appends most.
    private static func worst(_ backlogs: [Backlog], bytes: Int, events: Int) -> Backlog? {
        backlogs.filter { $0.rate != nil }.max { delay($0, bytes, events) < delay($1, bytes, events) }
    }

    /// Seconds.
    private static func delay(_ backlog: Backlog, _ bytes: Int, _ events: Int) -> Double {
        guard let rate = backlog.rate else { return 0 }
        return Double(backlog.kind == .sealing ? bytes : events) / rate
    }
}

extension Backlog: CustomStringConvertible {
    package var description: String {
        switch kind {
        case .sealing:
            "\(waiting >> 20) MiB of segments wait to be sealed (backlog.hard_bytes is \(hardLimit >> 20) MiB)"
        case .projection(let name):
            "projection \(name) is \(waiting) events behind (backlog.hard_events is \(hardLimit))"
        }
    }
}

extension SegmentLog {
    /// What waits to be sealed.
    func sealingBacklog(_ limits: BacklogLimits) -> Backlog {
        Backlog(
            kind: .sealing,
            waiting: statistics.backlogBytes,
            hardLimit: limits.hardBytes,
            // A segment comes and goes as a whole.
            room: 8 * UInt64(options.segmentBytes)
        )
    }
}
