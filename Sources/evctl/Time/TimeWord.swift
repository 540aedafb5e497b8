// Owns: what a text of the TIME grammar says, before it is known when and where it is read; and the one place where that is
// turned into a moment.

import EventModel

enum TimeWord: Equatable {
    case exact(Timestamp)
    /// Nanoseconds from now on.
    case fromNow(Int128)
    case clock(Day, Clock, ZoneWord)

    enum Day: Equatable {
        case date(CivilDate)
        /// Days from today on.
        case fromToday(Int)
    }

    struct Clock: Equatable {
        static let midnight = Clock(second: 0, nanosecond: 0)

        /// From midnight on.
        let second: Int
        let nanosecond: Int
    }

    enum ZoneWord: Equatable {
        /// The reader's.
        case local
        /// Seconds ahead of UTC.
        case offset(Int)
        case named(String)
    }

    /// Nanoseconds since the epoch, whether a `Timestamp` has room for them or not.
    func nanoseconds(now: Timestamp, zone: (ZoneWord) throws(TimeFault) -> Zone) throws(TimeFault) -> Int128 {
        switch self {
        case .exact(let moment): return Int128(moment.nanoseconds)
        case .fromNow(let span): return Int128(now.nanoseconds) + span
        case .clock(let day, let clock, let word):
            let zone = try zone(word)
            let days =
                switch day {
                case .date(let date): Int(date.daysSinceEpoch)
                case .fromToday(let days): today(now, in: zone) + days
                }
            let seconds = zone.moment(ofLocal: days * 86_400 + clock.second)
            return Int128(seconds) * 1_000_000_000 + Int128(clock.nanosecond)
        }
    }

    private func today(_ now: Timestamp, in zone: Zone) -> Int {
        let seconds = now.floored.seconds
        return (seconds + zone.offset(at: seconds)).floored(by: 86_400).quotient
    }
}
