// Owns: dates, clocks and zones as they stand in a time in figures, `2026-03-01T09:00:07.5+01:00`: RFC 3339, and what `date`,
// journalctl and people make of it. Each part that is wrong is refused by its own rule.

import EventModel

extension TextScanner {
    static let dateRule = "a date is written YYYY-MM-DD, such as 2026-03-01"

    mutating func takeDate() throws(TimeFault) -> CivilDate {
        guard let year = number(), year.digits == 4, take("-"), let month = number(), month.digits == 2, take("-"),
            let day = number(), day.digits == 2
        else { throw .word(Self.dateRule) }
        let (years, months, days) = (Int64(year.value), Int64(month.value), Int64(day.value))
        guard let date = CivilDate(year: years, month: months, day: days) else {
            throw .word(TimeRules.violation(year: years, month: months, day: days) ?? Self.dateRule)
        }
        return date
    }

    /// `hh:mm`, `hh:mm:ss`, a fraction behind the seconds; after a date a T or a blank before it, and after the T `hh` alone.
    /// Nil, and nothing is taken, where no clock follows.
    mutating func takeClock(isAfterDate: Bool) throws(TimeFault) -> TimeWord.Clock? {
        var ahead = self
        let hasT = isAfterDate && (ahead.take("T") || ahead.take("t"))
        if isAfterDate, !hasT, !ahead.take(" ") { return nil }
        guard let hour = ahead.number() else {
            guard !hasT else { throw .word("after the T the clock is expected: hh:mm or hh:mm:ss") }
            return nil
        }
        guard hasT || ahead.peek == UInt8(ascii: ":") else {
            guard isAfterDate else { return nil }
            throw .word("a clock is written hh:mm or hh:mm:ss")
        }
        self = ahead
        var digits = [hour.digits]
        var fields = [Int64(hour.value)]
        while fields.count < 3, take(":") {
            guard let field = number() else { throw .word("after a colon two digits are expected") }
            digits.append(field.digits)
            fields.append(Int64(field.value))
        }
        guard digits.allSatisfy({ $0 == 2 }) else {
            throw .word("hour, minute and second have two digits each, with colons between them: 09:00:07")
        }
        let hasSeconds = fields.count == 3
        fields += Array(repeating: 0, count: 3 - fields.count)
        if let rule = TimeRules.violation(hour: fields[0], minute: fields[1], second: fields[2]) { throw .word(rule) }
        let nanosecond = try takeFraction(hasSeconds: hasSeconds)
        return .init(second: Int(fields[0] * 3600 + fields[1] * 60 + fields[2]), nanosecond: nanosecond)
    }

    /// Digits behind a point, or behind a comma as ISO 8601 prefers it.
    private mutating func takeFraction(hasSeconds: Bool) throws(TimeFault) -> Int {
        guard take(".") || take(",") else { return 0 }
        guard hasSeconds else { throw .word("a fraction follows seconds only: 09:00:00.5") }
        guard let fraction = number(), fraction.digits <= 9 else { throw .word(TimeRules.fractionDigits) }
        return (fraction.digits..<9).reduce(fraction.value) { value, _ in value * 10 }
    }

    /// Takes all that is left: nothing, `Z`, `UTC`, `GMT`, an offset, or a name of the zone database, with a blank before it
    /// or without.
    mutating func takeZone() throws(TimeFault) -> TimeWord.ZoneWord {
        _ = take(" ")
        if isAtEnd { return .local }
        let zone = try takeZoneWord()
        guard isAtEnd else {
            if peek == UInt8(ascii: "[") { throw .word("the offset says the zone; leave out “\(word)”") }
            _ = take(" ")
            throw .word("after the zone nothing may follow, but there is “\(word)”")
        }
        return zone
    }

    private mutating func takeZoneWord() throws(TimeFault) -> TimeWord.ZoneWord {
        let word = word
        switch word.lowercased() {
        case "z", "utc", "gmt":
            _ = take { !$0.isBlank }
            return .offset(0)
        case "am", "pm", "a.m.", "p.m.":
            throw .word("the clock has 24 hours, without AM and PM")
        default: break
        }
        if word.hasPrefix("+") || word.hasPrefix("-") { return .offset(try takeOffset()) }
        guard peek?.isLetter ?? false else { throw .word("“\(word)” is out of place") }
        if word.contains("[") { throw .word("the zone is said before “[”; leave out what is in brackets") }
        if word.contains("/") {
            _ = take { !$0.isBlank }
            return .named(word)
        }
        if word.utf8.contains(where: { !$0.isLetter }) {
            throw .word("“\(word)” is no zone; write the offset alone, such as +02:00")
        }
        throw .word(
            "“\(word)” could be several zones; write an offset, such as +01:00, or a name with its area, such as Europe/Berlin"
        )
    }

    /// `±hh`, `±hhmm`, `±hh:mm` or `±hh:mm:ss`, in seconds.
    private mutating func takeOffset() throws(TimeFault) -> Int {
        let rule = TimeFault.word("an offset is written +hh:mm, +hhmm or +hh")
        let sign = take("-") ? -1 : 1
        if sign == 1 { _ = take("+") }
        guard let first = number(), first.digits == 2 || first.digits == 4 else { throw rule }
        var fields = first.digits == 4 ? [first.value / 100, first.value % 100] : [first.value]
        while first.digits == 2, fields.count < 3, take(":") {
            guard let field = number(), field.digits == 2 else { throw rule }
            fields.append(field.value)
        }
        fields += Array(repeating: 0, count: 3 - fields.count)
        if let broken = TimeRules.violation(offsetHours: Int64(fields[0]), minutes: Int64(fields[1])) {
            throw .word(broken)
        }
        guard fields[2] < 60 else { throw rule }
        return sign * (fields[0] * 3600 + fields[1] * 60 + fields[2])
    }
}
