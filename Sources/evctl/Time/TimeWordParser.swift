// Owns: reading a text as a `TimeWord`: which form it has, and for what has none, which rule it breaks.
// Refuses to know: the clock, and any zone. Dates, clocks and zones in figures are in CalendarText.

import EventModel

extension TimeWord {
    static let forms =
        "seconds since the epoch, RFC 3339, now, today, yesterday, tomorrow, -1h30m, 11min ago, 2026-03-01 09:00, "
        + "2026-03-01 or 09:00, with or without an offset, UTC or Europe/Berlin"

    private static let weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
    private static let months = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
        "december",
    ]
    private static let namedDays = ["yesterday": -1, "today": 0, "tomorrow": 1]

    init(_ text: String) throws(TimeFault) {
        // No digit, sign or blank outside ASCII is taken for the one that it looks like. A micro sign begins a unit.
        if let stranger = text.unicodeScalars.first(where: { !$0.isASCII && $0 != "µ" && $0 != "μ" }) {
            throw .word("U+\(String(stranger.value, radix: 16, uppercase: true)) in it is not ASCII")
        }
        var words = text.split { $0 == " " || $0 == "\t" }
        guard let first = words.first, let last = words.last else { throw .word("it is empty; expected \(Self.forms)") }

        if words.count == 1, let number = try Self.number(first) {
            self = .exact(number)
            return
        }
        if last.lowercased() == "ago" {
            guard !first.hasPrefix("-"), !first.hasPrefix("+") else {
                throw .word("a length of time has a sign or “ago”, not both")
            }
            self = .fromNow(-(try TimeSpan.nanoseconds(words.dropLast().joined(separator: " "))))
            return
        }
        if first.hasPrefix("-") || first.hasPrefix("+") {
            let span = try TimeSpan.nanoseconds(words.joined(separator: " ").dropFirst())
            self = .fromNow(first.hasPrefix("-") ? -span : span)
            return
        }
        if first.lowercased() == "now" {
            guard words.count == 1 else { throw .word("after “now” nothing may follow") }
            self = .fromNow(0)
            return
        }

        var weekday: Int?
        if let named = Self.index(of: first, in: Self.weekdays) {
            weekday = named
            words.removeFirst()
        }
        guard let begin = words.first else { throw .word("a weekday alone names no day; write the date") }
        if let days = Self.namedDays[begin.lowercased()] {
            guard weekday == nil else { throw .word("a weekday stands before a date only") }
            var rest = TextScanner(words.dropFirst().joined(separator: " "))
            self = .clock(.fromToday(days), try rest.takeClock(isAfterDate: false) ?? .midnight, try rest.takeZone())
            return
        }
        if words.contains(where: { Self.index(of: $0, in: Self.months) != nil }) {
            throw .word("a month is written as a number: 2026-03-01")
        }
        guard begin.utf8.first?.isDigit ?? false else { throw .word("expected \(Self.forms)") }
        self = try Self.civil(words.joined(separator: " "), weekday)
    }

    private static func civil(_ text: String, _ weekday: Int?) throws(TimeFault) -> TimeWord {
        var scanner = TextScanner(text)
        if let clock = try scanner.takeClock(isAfterDate: false) {
            guard weekday == nil else { throw .word("a weekday stands before a date only") }
            return .clock(.fromToday(0), clock, try scanner.takeZone())
        }
        // A number with letters behind it would be a length of time, were it said in which direction.
        let behind = text.drop { $0.isASCII && $0.isNumber || $0 == "." || $0 == " " }
        if behind.first?.isLetter ?? false, behind.first?.lowercased() != "t" {
            _ = try TimeSpan.nanoseconds(text)
            throw .word("a length of time has a sign or “ago”: -\(text) or \(text) ago")
        }
        let date = try scanner.takeDate()
        if let weekday {
            let actual = Int(CivilDate.weekday(ofDay: date.daysSinceEpoch))
            guard actual == weekday else {
                throw .word(
                    "that day is a \(weekdays[actual].capitalizedFirst), not a \(weekdays[weekday].capitalizedFirst)"
                )
            }
        }
        let clock = try scanner.takeClock(isAfterDate: true)
        return .clock(.date(date), clock ?? .midnight, try scanner.takeZone())
    }

    /// The position of a name that is written in full or with its first three letters, with a comma after it or without.
    private static func index(of word: Substring, in names: [String]) -> Int? {
        let word = (word.hasSuffix(",") ? word.dropLast() : word).lowercased()
        return word.utf8.count < 3 ? nil : names.firstIndex { $0 == word || $0.prefix(3) == word }
    }

    /// Nil where the text is not a number at all. One out of range is most likely not in seconds, and so is no bound either.
    private static func number(_ text: Substring) throws(TimeFault) -> Timestamp? {
        let isMarked = text.hasPrefix("@")
        let number = isMarked ? text.dropFirst() : text
        if let moment = Timestamp(decimalSeconds: number) { return moment }
        let digits = number.drop { $0 == "-" }
        let isNumber = !digits.isEmpty && digits.utf8.allSatisfy { $0.isDigit || $0 == UInt8(ascii: ".") }
        guard isNumber else {
            guard !isMarked else { throw .word("after @ a number of seconds is expected, such as @1700000000.25") }
            if !digits.isEmpty, digits.utf8.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: ",") }) {
                throw .word("the fraction of a number follows a point")
            }
            return nil
        }
        if digits.utf8.count(where: { $0 == UInt8(ascii: ".") }) > 1, !isMarked {
            throw .word(TextScanner.dateRule)
        }
        let rule = TimeRules.violation(of: number)
        throw .word(
            rule == TimeRules.range ? "a number is seconds since the epoch, not milliseconds, and \(rule)" : rule
        )
    }
}

extension String {
    fileprivate var capitalizedFirst: String {
        prefix(1).uppercased() + dropFirst()
    }
}
