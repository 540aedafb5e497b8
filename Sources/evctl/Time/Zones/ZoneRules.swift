// Owns: what the clocks of a zone have shown and will show: the transitions of its offset, and the rule for the time after
// them; and which moment a reading of such a clock means. Pure: the same question has the same answer, whatever was asked
// before.
// Refuses to know: where the rules come from.

import EventModel

struct ZoneRules: Equatable, Sendable {
    struct Transition: Equatable {
        /// Seconds since the epoch from which on the offset holds.
        let at: Int
        /// Seconds ahead of UTC.
        let offset: Int
    }

    /// No clock is further from UTC, in seconds: POSIX allows 24:59:59, and a zone file barely more.
    static let maximumOffset = 93_599

    /// The offset before the first transition.
    let initialOffset: Int
    /// In ascending order.
    let transitions: [Transition]
    /// What holds after the last transition; nil where the last offset stays for ever.
    let afterwards: PosixZone?

    init(initialOffset: Int, transitions: [Transition] = [], afterwards: PosixZone? = nil) {
        self.initialOffset = initialOffset
        self.transitions = transitions
        self.afterwards = afterwards
    }

    /// A zone that follows one rule at all times.
    init(_ rule: PosixZone) {
        self.init(initialOffset: rule.standardOffset, afterwards: rule)
    }

    /// How many seconds the zone's clocks are ahead of UTC at a moment.
    func offset(at seconds: Int) -> Int {
        if let afterwards, transitions.last.map({ seconds > $0.at }) ?? true {
            let year = Self.year(of: seconds + afterwards.standardOffset)
            let last = (year - 1...year + 1).lazy.flatMap(afterwards.transitions).last { $0.at <= seconds }
            return last?.offset ?? afterwards.standardOffset
        }
        let passed = firstTransition(after: seconds)
        return passed == 0 ? initialOffset : transitions[passed - 1].offset
    }

    /// The moment of a reading, given as seconds from 1970-01-01 00:00 of the same clock.
    ///
    /// A reading that comes twice, as when clocks are set back, is the earlier of the two moments. One that never comes, as
    /// when clocks are set forward, is read with the offset that was in force before: 02:30 in a gap from 02:00 to 03:00 is
    /// what clocks then show as 03:30.
    func moment(ofLocal local: Int) -> Int {
        let periods = periods(from: local - 2 * Self.maximumOffset, to: local + 2 * Self.maximumOffset)
        for (index, period) in periods.enumerated() {
            let candidate = local - period.offset
            // Being past the end of this period and before the begin of the next is being in the gap between them; being
            // before the begin of this one has been dealt with one period earlier.
            if index + 1 == periods.count || candidate < periods[index + 1].at { return candidate }
            if local - periods[index + 1].offset < periods[index + 1].at { return candidate }
        }
        preconditionFailure("the last period has no end")
    }

    /// The periods of one offset each that cover a span; the first begins where the span does.
    private func periods(from start: Int, to end: Int) -> [Transition] {
        var periods = [Transition(at: start, offset: offset(at: start))]
        periods += transitions[firstTransition(after: start)...].prefix { $0.at <= end }
        if let afterwards, transitions.last.map({ $0.at < end }) ?? true {
            let begin = max(start, transitions.last?.at ?? start)
            periods += (Self.year(of: start) - 1...Self.year(of: end) + 1).flatMap(afterwards.transitions)
                .filter { begin < $0.at && $0.at <= end }
        }
        return periods
    }

    /// The index of the first transition that is later, by halving.
    private func firstTransition(after seconds: Int) -> Int {
        var (low, high) = (0, transitions.count)
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle].at <= seconds { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func year(of seconds: Int) -> Int {
        Int(CivilDate(daysSinceEpoch: Int64(seconds.floored(by: 86_400).quotient)).year)
    }
}
