// Owns: a moment in time, and its two exact textual forms: decimal seconds and RFC 3339.
// Refuses to know: relative and local forms ("yesterday", "-1h"), which belong to the command line.

/// A moment: nanoseconds since the Unix epoch, from year 1677 to year 2262.
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Nanoseconds since the Unix epoch; negative before it.
    public let nanoseconds: Int64

    /// The moment so many nanoseconds after the Unix epoch.
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The earliest moment, which stands for no lower bound; no event can have it.
    public static let distantPast = Timestamp(nanoseconds: .min)
    /// The latest moment, which stands for no upper bound.
    public static let distantFuture = Timestamp(nanoseconds: .max)

    /// Earlier before later.
    public static func < (lhs: Timestamp, rhs: Timestamp) -> Bool {
        lhs.nanoseconds < rhs.nanoseconds
    }

    /// Decimal seconds with as many fraction digits as are needed: `5`, `1700000000.25`. Parses back to the same moment.
    public var description: String {
        let (seconds, fraction) = nanoseconds.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
        var text = nanoseconds < 0 ? "-" : ""
        text += String(seconds)
        if fraction > 0 {
            let digits = String(fraction)
            let padded = String(repeating: "0", count: 9 - digits.count) + digits
            text += "." + padded.trimmingTrailingZeros
        }
        return text
    }

    /// Reads decimal seconds (`5`, `-3.5`, `1700000000.25`), exactly: digits beyond the ninth of the fraction are
    /// refused rather than rounded, and so is a moment outside the range.
    public init?(decimalSeconds text: some StringProtocol) {
        var text = String(text)
        guard let value = text.withUTF8({ Timestamp(decimalSeconds: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = value
    }

    /// Reads decimal seconds from bytes.
    package init?(decimalSeconds bytes: UnsafeRawBufferPointer) {
        let negative = bytes.first == UInt8(ascii: "-")
        var magnitude: UInt64 = 0
        var wholeDigits = 0
        var fractionDigits: Int?
        for byte in bytes.dropFirst(negative ? 1 : 0) {
            if byte == UInt8(ascii: "."), fractionDigits == nil {
                fractionDigits = 0
                continue
            }
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte),
                magnitude.append(digit: byte - UInt8(ascii: "0"))
            else { return nil }
            if let digits = fractionDigits { fractionDigits = digits + 1 } else { wholeDigits += 1 }
        }
        guard wholeDigits > 0, fractionDigits.map((1...9).contains) ?? true else { return nil }
        for _ in (fractionDigits ?? 0)..<9 {
            guard magnitude.append(digit: 0) else { return nil }
        }
        guard let value = negative ? Int64(exactlyNegating: magnitude) : Int64(exactly: magnitude) else { return nil }
        self.init(nanoseconds: value)
    }
}

extension Timestamp {
    /// RFC 3339 in UTC, with as many fraction digits as are needed: `2026-03-01T09:00:00.5Z`.
    public var rfc3339: String {
        let second: Int64 = 1_000_000_000
        var (seconds, fraction) = nanoseconds.quotientAndRemainder(dividingBy: second)
        if fraction < 0 {
            seconds -= 1
            fraction += second
        }
        var (days, secondOfDay) = seconds.quotientAndRemainder(dividingBy: 86_400)
        if secondOfDay < 0 {
            days -= 1
            secondOfDay += 86_400
        }
        let date = CivilDate(daysSinceEpoch: days)
        var text = "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))T"
        text += "\(padded(secondOfDay / 3600, 2)):\(padded(secondOfDay / 60 % 60, 2)):\(padded(secondOfDay % 60, 2))"
        if fraction > 0 {
            text += "." + padded(fraction, 9).trimmingTrailingZeros
        }
        return text + "Z"
    }

    /// Reads `YYYY-MM-DDThh:mm:ss[.fraction](Z|±hh:mm)`; a space may stand for the `T`. The zone is required.
    public init?(rfc3339 text: some StringProtocol) {
        var scanner = DigitScanner(text)
        guard
            let year = scanner.number(digits: 4), scanner.take("-"),
            let month = scanner.number(digits: 2), scanner.take("-"),
            let day = scanner.number(digits: 2), scanner.take("T") || scanner.take("t") || scanner.take(" "),
            let hour = scanner.number(digits: 2), scanner.take(":"),
            let minute = scanner.number(digits: 2), scanner.take(":"),
            let second = scanner.number(digits: 2),
            let fraction = scanner.optionalFraction(),
            let offsetMinutes = scanner.zone(), scanner.isAtEnd,
            let date = CivilDate(year: year, month: month, day: day),
            hour < 24, minute < 60, second < 60
        else { return nil }
        let seconds = date.daysSinceEpoch * 86_400 + hour * 3600 + minute * 60 + second - offsetMinutes * 60
        // Before the epoch the last second is counted down from, so that the earliest moment does not overflow.
        let oneSecond: Int64 = 1_000_000_000
        let countsDown = seconds < 0 && fraction > 0
        let (whole, overflow) = (countsDown ? seconds + 1 : seconds).multipliedReportingOverflow(by: oneSecond)
        let (sum, carry) = whole.addingReportingOverflow(countsDown ? fraction - oneSecond : fraction)
        guard !overflow, !carry else { return nil }
        self.init(nanoseconds: sum)
    }

    /// Reads either exact form.
    public init?(text: some StringProtocol) {
        guard let value = Timestamp(decimalSeconds: text) ?? Timestamp(rfc3339: text) else { return nil }
        self = value
    }
}

private func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

extension Int64 {
    fileprivate init?(exactlyNegating magnitude: UInt64) {
        guard magnitude <= Int64.min.magnitude else { return nil }
        self = Int64(truncatingIfNeeded: 0 &- magnitude)
    }
}
