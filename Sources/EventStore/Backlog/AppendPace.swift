// Owns: slowing appends down to the pace that the work behind them keeps, each user to an equal share of it.
//
// What waits beyond its hard limit lets appends go on at a rate that falls smoothly with it: from any at the limit, by way of a
// base rate half-way, to next to none at twice the limit. As what waits grows by what is appended and shrinks by what is worked off,
// it comes to rest where the two are equal, whatever that pace is; nothing has to be measured for that.
//
// It is users who wait, before they append, and not the writer: whoever appends less than its share is not slowed at all.

import EventModel
import SegmentLog
import Synchronization

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
        return max(base * (1 - excess) / excess, base / 1000)
    }
}

/// May be used from any thread.
package final class AppendPace: Sendable {
    /// What waits is looked at so often.
    private static let interval = Duration.milliseconds(50)
    /// A user may be ahead of its share by so much, and waits for no longer at once.
    private static let burst = Duration.milliseconds(100)
    private static let longest = Duration.seconds(10)
    /// Users who have appended nothing for so long have no share.
    private static let rest = Duration.seconds(1)

    private struct User {
        /// When it has had its share.
        var next: ContinuousClock.Instant
        var appendedAt: ContinuousClock.Instant
    }

    private struct State {
        var lookedAt = ContinuousClock.now - interval
        var slowing: Backlog?
        /// Those who have appended while appends are slowed.
        var users: [UInt32: User] = [:]
        var slowedAt: ContinuousClock.Instant?
        var isTold = false
        var delayed = Duration.zero
    }

    private let state = Monitor(State())
    /// Asked at every append, and hardly ever so.
    private let isSlowing = Atomic(false)
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

    /// What slows appends now, and for how long users have been told to wait in all.
    var figures: (slowing: Backlog?, delayed: Duration) {
        look()
        return state.withLock { ($0.slowing, $0.delayed) }
    }

    /// For how long a user is to append nothing; nil where it may. It may be told less than it comes to be.
    package func delay(of user: UInt32) -> Duration? {
        guard isSlowing.load(ordering: .relaxed) else { return nil }
        let now = ContinuousClock.now
        return state.withLock { state in
            guard let next = state.users[user]?.next, next > now else { return nil }
            return next - now
        }
    }

    /// A user appends so much.
    package func note(of user: UInt32, bytes: Int, events: Int) {
        guard isSlowing.load(ordering: .relaxed) else { return }
        let now = ContinuousClock.now
        state.withLock { state in
            guard let slowing = state.slowing, let rate = slowing.rate else { return }
            let before = state.users[user]?.next ?? now
            state.users[user] = User(next: before, appendedAt: now)
            let share = rate / Double(state.users.count)
            let cost = Duration.seconds(Double(slowing.kind == .sealing ? bytes : events) / share)
            let next = min(max(before, now - Self.burst) + cost, now + Self.longest)
            state.users[user]?.next = next
            state.delayed += max(next - max(before, now), .zero)
        }
    }

    /// Looks at what waits, if that has not been done for a while. To be called now and then.
    func look() {
        let now = ContinuousClock.now
        guard
            state.withLock({ state in
                guard state.lookedAt + Self.interval <= now else { return false }
                state.lookedAt = now
                return true
            })
        else { return }
        // The one whose room is used up most.
        let slowing = backlogs().filter { $0.rate != nil }.max { $0.excess < $1.excess }
        let line = state.withLock { state -> String? in
            state.slowing = slowing
            isSlowing.store(slowing != nil, ordering: .relaxed)
            guard let slowing else {
                state.users = [:]
                guard state.isTold, let slowedAt = state.slowedAt, now - slowedAt > calm else { return nil }
                state.isTold = false
                return "appends are no longer slowed"
            }
            state.users = state.users.filter { $0.value.next > now || now - $0.value.appendedAt < Self.rest }
            state.slowedAt = now
            guard !state.isTold else { return nil }
            state.isTold = true
            return "appends are slowed: \(slowing)"
        }
        if let line { report(line) }
    }
}

extension Backlog: CustomStringConvertible {
    /// How much of the room beyond the limit is used up.
    fileprivate var excess: Double { Double(waiting - min(waiting, hardLimit)) / Double(max(hardLimit, room)) }

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
