// Owns: lengths of time as systemd.time(7) writes them: `1h30m`, `5min`, `2 weeks`, `1.5 d`.

enum TimeSpan {
    private static let second: Int128 = 1_000_000_000

    private static func nanoseconds(perUnit unit: Substring) -> Int128? {
        switch unit {
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

    /// The sum of all terms, each a number and a unit; nil where the text is anything else. A bare number has no
    /// unit and so is no length.
    static func nanoseconds(_ text: some StringProtocol) -> Int64? {
        var rest = Substring(text)
        var total: Int128 = 0
        repeat {
            rest = rest.drop(while: \.isWhitespace)
            let number = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest = rest.dropFirst(number.count).drop(while: \.isWhitespace)
            let unit = rest.prefix(while: \.isLetter)
            rest = rest.dropFirst(unit.count)
            guard let term = term(number, unit) else { return nil }
            total += term
        } while !rest.allSatisfy(\.isWhitespace)
        return Int64(exactly: total)
    }

    private static func term(_ number: Substring, _ unit: Substring) -> Int128? {
        let parts = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? parts[1] : ""
        // Nine digits keep the product inside 128 bits for any whole part that fits 64.
        guard let unit = nanoseconds(perUnit: unit), let whole = parts.first.flatMap({ UInt64($0) }),
            fraction.count <= 9, parts.count == 1 || UInt64(fraction) != nil
        else { return nil }
        var scale: Int128 = 1
        for _ in fraction { scale *= 10 }
        return Int128(whole) * unit + Int128(UInt64(fraction) ?? 0) * unit / scale
    }
}
