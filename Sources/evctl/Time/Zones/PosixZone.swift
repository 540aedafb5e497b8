// Owns: a zone as POSIX writes it in `TZ`, and as zone files end: `CET-1CEST,M3.5.0,M10.5.0/3`; its text, and its transitions
// in any year.

import EventModel

struct PosixZone: Equatable, Sendable {
    /// The day and time at which the clock is changed, by the clock that is in force before it.
    struct Change: Equatable {
        enum Day: Equatable {
            /// `J60` is 1 March in every year: a leap day is not counted.
            case julian(Int)
            /// `59` is the day that comes 59 days after 1 January.
            case zeroBased(Int)
            /// `M10.5.0` is the last (5 means last) Sunday (0) of October.
            case weekday(month: Int, week: Int, day: Int)
        }

        let day: Day
        /// Seconds from the midnight that begins the day; by RFC 8536 from a week before it to a week after.
        let seconds: Int
    }

    struct Daylight: Equatable {
        /// Seconds ahead of UTC.
        let offset: Int
        let begins: Change
        let ends: Change
    }

    /// Seconds ahead of UTC.
    let standardOffset: Int
    let daylight: Daylight?

    /// When daylight saving begins and ends in a year, in order.
    func transitions(inYear year: Int) -> [ZoneRules.Transition] {
        guard let daylight else { return [] }
        let begins = ZoneRules.Transition(
            at: daylight.begins.localSeconds(inYear: year) - standardOffset,
            offset: daylight.offset
        )
        let ends = ZoneRules.Transition(
            at: daylight.ends.localSeconds(inYear: year) - daylight.offset,
            offset: standardOffset
        )
        // Where daylight saving ends as it begins, it is never interrupted.
        return begins.at < ends.at ? [begins, ends] : [ends, begins]
    }
}

extension PosixZone.Change {
    /// Seconds from 1970-01-01 00:00 of the same clock.
    func localSeconds(inYear year: Int) -> Int {
        let year = Int64(year)
        let days: Int64
        switch day {
        case .julian(let number):
            days = Self.day(year, 1) + Int64(number) - (number >= 60 && CivilDate.isLeap(year) ? 0 : 1)
        case .zeroBased(let number):
            days = Self.day(year, 1) + Int64(number)
        case .weekday(let month, let week, let weekday):
            let month = Int64(month)
            let first = Self.day(year, month)
            let ahead = (Int64(weekday) - CivilDate.weekday(ofDay: first) + 7) % 7
            let wanted = ahead + 7 * (Int64(week) - 1)
            days = first + (wanted < CivilDate.length(ofMonth: month, in: year) ? wanted : wanted - 7)
        }
        return Int(days) * 86_400 + seconds
    }

    /// The first of a month.
    private static func day(_ year: Int64, _ month: Int64) -> Int64 {
        guard let date = CivilDate(year: year, month: month, day: 1) else {
            preconditionFailure("every month has a first day")
        }
        return date.daysSinceEpoch
    }
}

extension PosixZone {
    /// Nil where the text is not of that form. Daylight saving must come with its dates: POSIX leaves open what is meant
    /// without them.
    init?(_ text: some StringProtocol) {
        var scanner = TextScanner(text)
        guard scanner.takeZoneAbbreviation(), let west = scanner.takeTime(maximumHours: 24) else { return nil }
        standardOffset = -west
        guard !scanner.isAtEnd else {
            daylight = nil
            return
        }
        guard scanner.takeZoneAbbreviation() else { return nil }
        var offset = standardOffset + 3600
        if scanner.peek != UInt8(ascii: ",") {
            guard let west = scanner.takeTime(maximumHours: 24) else { return nil }
            offset = -west
        }
        guard scanner.take(","), let begins = scanner.takeChange(), scanner.take(","), let ends = scanner.takeChange(),
            scanner.isAtEnd
        else { return nil }
        daylight = Daylight(offset: offset, begins: begins, ends: ends)
    }
}

extension TextScanner {
    /// `CET`, or `<+03>` where it is more than letters.
    fileprivate mutating func takeZoneAbbreviation() -> Bool {
        if take("<") {
            let name = take { $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
            return name.utf8.count >= 3 && take(">")
        }
        return take(while: \.isLetter).utf8.count >= 3
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    fileprivate mutating func takeTime(maximumHours: Int) -> Int? {
        let sign = take("-") ? -1 : 1
        if sign == 1 { _ = take("+") }
        guard let hours = number()?.value, hours <= maximumHours else { return nil }
        var seconds = hours * 3600
        for unit in [60, 1] where take(":") {
            guard let value = number()?.value, value < 60 else { return nil }
            seconds += value * unit
        }
        return sign * seconds
    }

    fileprivate mutating func takeChange() -> PosixZone.Change? {
        guard let day = takeDay() else { return nil }
        guard take("/") else { return .init(day: day, seconds: 2 * 3600) }
        return takeTime(maximumHours: 167).map { .init(day: day, seconds: $0) }
    }

    private mutating func takeDay() -> PosixZone.Change.Day? {
        if take("M") {
            guard let month = number()?.value, (1...12).contains(month), take("."), let week = number()?.value,
                (1...5).contains(week), take("."), let day = number()?.value, day <= 6
            else { return nil }
            return .weekday(month: month, week: week, day: day)
        }
        if take("J") {
            guard let day = number()?.value, (1...365).contains(day) else { return nil }
            return .julian(day)
        }
        guard let day = number()?.value, day <= 365 else { return nil }
        return .zeroBased(day)
    }
}
