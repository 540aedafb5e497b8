// Owns: the rules that a written time can break, each as the sentence that says so, and which of them a text breaks that
// is neither decimal seconds nor RFC 3339.
// Refuses to know: how to read a time. It is asked only about what was refused, so it may take its time.

package enum TimeRules {
    package static let range = "times are from 1677-09-21 to 2262-04-11"
    package static let fractionDigits = "a fraction of a second has one to nine digits"

    /// Why the calendar has no such day; nil where it has it.
    package static func violation(year: Int64, month: Int64, day: Int64) -> String? {
        guard (1...12).contains(month) else { return "the month is 01 to 12, not \(padded(month))" }
        let length = CivilDate.length(ofMonth: month, in: year)
        return (1...length).contains(day) ? nil : "that month has the days 01 to \(length), not \(padded(day))"
    }

    /// Why no clock shows such a time; nil where one does.
    package static func violation(hour: Int64, minute: Int64, second: Int64) -> String? {
        if hour == 24, minute == 0, second == 0 { return "24:00 is written as 00:00 of the next day" }
        if hour >= 24 { return "the hour is 00 to 23, not \(padded(hour))" }
        if minute >= 60 { return "the minute is 00 to 59, not \(padded(minute))" }
        if second == 60 {
            return "seconds since the epoch have no leap second; write second 59, or second 00 of the next minute"
        }
        return second > 60 ? "the second is 00 to 59, not \(padded(second))" : nil
    }

    /// Why an offset from UTC is none; nil where it is one.
    package static func violation(offsetHours hours: Int64, minutes: Int64) -> String? {
        if hours >= 24 { return "the hours of an offset are 00 to 23, not \(padded(hours))" }
        return minutes >= 60 ? "the minutes of an offset are 00 to 59, not \(padded(minutes))" : nil
    }

    /// Which rule of decimal seconds or RFC 3339 a text breaks that `Timestamp(text:)` has refused.
    package static func violation(of text: some StringProtocol) -> String {
        if text.isEmpty { return "it is empty" }
        let digits = text.utf8.drop { $0 == UInt8(ascii: "-") }
        if digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".") }) {
            return violation(ofDecimal: text)
        }
        return violation(ofRFC3339: DigitScanner(text))
    }

    private static func violation(ofDecimal text: some StringProtocol) -> String {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, !parts[0].drop(while: { $0 == "-" }).isEmpty, !parts[0].hasPrefix("--") else {
            return "a number of seconds is digits, at most one point, and digits"
        }
        if parts.count == 2, !(1...9).contains(parts[1].utf8.count) { return fractionDigits }
        return range
    }

    private static func violation(ofRFC3339 scanner: DigitScanner) -> String {
        var scanner = scanner
        guard let year = scanner.number(digits: 4), scanner.take("-"), let month = scanner.number(digits: 2),
            scanner.take("-"), let day = scanner.number(digits: 2)
        else { return "a date is YYYY-MM-DD" }
        if let violation = violation(year: year, month: month, day: day) { return violation }
        guard scanner.take("T") || scanner.take("t") || scanner.take(" ") else {
            return "a T stands between date and clock"
        }
        guard let hour = scanner.number(digits: 2), scanner.take(":"), let minute = scanner.number(digits: 2),
            scanner.take(":"), let second = scanner.number(digits: 2)
        else { return "the clock is hh:mm:ss" }
        if let violation = violation(hour: hour, minute: minute, second: second) { return violation }
        if scanner.take(",") { return "a fraction of a second follows a point" }
        guard scanner.optionalFraction() != nil else { return fractionDigits }
        if scanner.isAtEnd { return "the zone is missing; it is Z or ±hh:mm" }
        guard scanner.zone() != nil, scanner.isAtEnd else { return "the zone is Z or ±hh:mm" }
        return range
    }

    private static func padded(_ value: Int64) -> String {
        value < 10 ? "0\(value)" : "\(value)"
    }
}
