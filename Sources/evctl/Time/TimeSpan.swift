// Owns: lengths of time as systemd.time(7) writes them: `1h30m`, `5min`, `2 weeks`, `1.5 d`.

enum TimeSpan {
    static let units = "ns us ms s min h d w M y, or in words: seconds, minutes, hours, days, weeks, months, years"

    private static let second: Int128 = 1_000_000_000
    /// Far beyond the range of times, and far below where a sum of 128 bits would end.
    private static let limit: Int128 = 1 << 100

    /// Units of one letter are lower case, for `m` is a minute and `M` a month; longer ones have any case.
    private static func nanoseconds(perUnit unit: String) -> Int128? {
        switch unit.utf8.count == 1 ? unit : unit.lowercased() {
        case "ns", "nsec": 1
        case "us", "usec", "µs", "μs": second / 1_000_000
        case "ms", "msec": second / 1000
        case "s", "sec", "second", "seconds": second
        case "m", "min", "minute", "minutes": 60 * second
        case "h", "hr", "hour", "hours": 3600 * second
        case "d", "day", "days": 86_400 * second
        case "w", "week", "weeks": 7 * 86_400 * second
        // systemd's month and year: 30.44 and 365.25 days.
        case "M", "month", "months": 2_630_016 * second
        case "y", "year", "years": 31_557_600 * second
        default: nil
        }
    }

    /// The sum of all terms in nanoseconds, each a number and a unit. A bare number has no unit and so is no length.
    static func nanoseconds(_ text: some StringProtocol) throws(TimeFault) -> Int128 {
        var rest = Substring(text).drop(while: \.isWhitespace)
        guard !rest.isEmpty else { throw .word("a length of time is missing, such as 1h30m") }
        var total: Int128 = 0
        repeat {
            let number = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest = rest.dropFirst(number.count).drop(while: \.isWhitespace)
            let unit = rest.prefix(while: \.isLetter)
            rest = rest.dropFirst(unit.count).drop(while: \.isWhitespace)
            total += try term(number, unit)
            guard total < limit else { throw .word("the length of time is too great") }
        } while !rest.isEmpty
        return total
    }

    private static func term(_ number: Substring, _ unit: Substring) throws(TimeFault) -> Int128 {
        guard !number.isEmpty else { throw .word("a number stands before each unit, as in 1h30m") }
        guard !unit.isEmpty else {
            throw .word(
                "“\(number)” has no unit; a length of time is \(number)s or \(number)min, a number alone is a moment"
            )
        }
        guard let perUnit = nanoseconds(perUnit: String(unit)) else {
            throw .word("“\(unit)” is no unit of time; expected \(units)")
        }
        let parts = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? parts[1] : ""
        guard !parts[0].isEmpty, !fraction.contains("."), parts.count == 1 || !fraction.isEmpty else {
            throw .word("“\(number)” is not digits, at most one point, and digits")
        }
        // Nine digits keep the product inside 128 bits for any whole part that fits 64.
        guard fraction.utf8.count <= 9 else { throw .word("a fraction has one to nine digits") }
        guard let whole = UInt64(parts[0]) else { throw .word("the length of time is too great") }
        var scale: Int128 = 1
        for _ in fraction { scale *= 10 }
        return min(Int128(whole) * perUnit + Int128(UInt64(fraction) ?? 0) * perUnit / scale, limit)
    }
}
