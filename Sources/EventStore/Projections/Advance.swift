// Owns: how fast a projection comes on, and when it will be at the tail.

import EventModel

/// Looked at whenever the projection has come on.
struct Advance {
    /// Over so long it is measured at least.
    private static let window = Duration.seconds(1)

    private struct Mark {
        let time: ContinuousClock.Instant
        let position: UInt64
        let lag: UInt64
    }

    private var mark: Mark?
    /// Events a second that it has looked at lately, and by which its distance from the tail has become less; nil until they have been
    /// measured.
    private(set) var rate: Double?
    private var gain: Double?

    mutating func note(_ position: EventID, tail: EventID, at now: ContinuousClock.Instant = .now) {
        let lag = tail.rawValue - min(tail.rawValue, position.rawValue)
        guard let last = mark, last.position <= position.rawValue else {
            mark = Mark(time: now, position: position.rawValue, lag: lag)
            return
        }
        let time = now - last.time
        guard time >= Self.window else { return }
        let seconds = time / .seconds(1)
        func blend(_ old: Double?, _ new: Double) -> Double { old.map { ($0 + new) / 2 } ?? new }
        rate = blend(rate, Double(position.rawValue - last.position) / seconds)
        gain = blend(gain, (Double(last.lag) - Double(lag)) / seconds)
        mark = Mark(time: now, position: position.rawValue, lag: lag)
    }

    /// It is at the tail: what it was like on the way there says nothing about the next.
    mutating func arrive() { self = Advance() }

    /// In how many seconds it will be at the tail; nil where that is not known, or it does not come nearer.
    func seconds(behind lag: UInt64) -> Double? {
        guard let gain, gain > 0 else { return nil }
        return Double(lag) / gain
    }
}
