// Owns: the TIME grammar of the command line, a pure function of the text, the moment it is read at, and the zone.
// Refuses to know: the clock.

import EventModel

struct TimeGrammar {
    static let forms =
        "seconds since the epoch, RFC 3339 with a zone, now, today, yesterday, tomorrow, -1h30m, 11min ago, "
        + "2026-03-01 09:00, 2026-03-01 or 09:00"

    let now: Timestamp
    let zone: Zone

    /// The moment that the text names, or nil where it names none.
    func moment(_ text: String) -> Timestamp? {
        exact(text) ?? named(text) ?? relative(text) ?? civil(text)
    }

    /// Reads what a store is asked about as of: a bare integer is an event id, all else a time.
    func asOf(_ text: String) -> AsOf? {
        if let id = EventID(decimal: text) { return .id(id) }
        return moment(text).map(AsOf.time)
    }

    private func exact(_ text: String) -> Timestamp? {
        text.hasPrefix("@") ? Timestamp(decimalSeconds: text.dropFirst()) : Timestamp(text: text)
    }

    private func named(_ text: String) -> Timestamp? {
        switch text {
        case "now": now
        case "yesterday": midnight(daysFromToday: -1)
        case "today": midnight(daysFromToday: 0)
        case "tomorrow": midnight(daysFromToday: 1)
        default: nil
        }
    }

    private func relative(_ text: String) -> Timestamp? {
        let sign: Int64
        let length: Substring
        if text.hasSuffix(" ago") {
            (sign, length) = (-1, text.dropLast(4))
        } else if text.hasPrefix("-") || text.hasPrefix("+") {
            (sign, length) = (text.hasPrefix("-") ? -1 : 1, text.dropFirst())
        } else {
            return nil
        }
        guard let span = TimeSpan.nanoseconds(length) else { return nil }
        let (sum, overflow) = now.nanoseconds.addingReportingOverflow(sign * span)
        return overflow ? nil : Timestamp(nanoseconds: sum)
    }

    private func civil(_ text: String) -> Timestamp? {
        let parts = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 {
            return date(parts[0]).flatMap { moment(on: $0, clock: parts[1]) }
        }
        if let day = date(parts[0]) {
            return Timestamp(floorSeconds: zone.epochSeconds(of: day), nanoseconds: 0)
        }
        return moment(on: today, clock: parts[0])
    }

    /// `hh:mm`, `hh:mm:ss`, `hh:mm:ss.fraction`.
    private func moment(on day: CivilTime, clock: Substring) -> Timestamp? {
        let parts = clock.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        var nanoseconds = 0
        if parts.count == 2 {
            guard (1...9).contains(parts[1].count), let digits = digits(parts[1], count: parts[1].count) else {
                return nil
            }
            nanoseconds = (parts[1].count..<9).reduce(digits) { value, _ in value * 10 }
        }
        let fields = parts[0].split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 3 || fields.count == 2 && parts.count == 1,
            let hour = digits(fields[0], count: 2), hour < 24,
            let minute = digits(fields[1], count: 2), minute < 60,
            let second = fields.count == 3 ? digits(fields[2], count: 2) : 0, second < 60
        else { return nil }
        var reading = day
        (reading.hour, reading.minute, reading.second) = (hour, minute, second)
        return Timestamp(floorSeconds: zone.epochSeconds(of: reading), nanoseconds: nanoseconds)
    }

    private func date(_ text: Substring) -> CivilTime? {
        let fields = text.split(separator: "-", omittingEmptySubsequences: false)
        guard fields.count == 3, let year = digits(fields[0], count: 4), let month = digits(fields[1], count: 2),
            let day = digits(fields[2], count: 2)
        else { return nil }
        let date = CivilTime(year: year, month: month, day: day)
        // A date that the calendar does not have, such as 30 February, comes back as another one.
        let reading = Zone.utc.civil(atEpochSeconds: Zone.utc.epochSeconds(of: date)).reading
        return reading == date ? date : nil
    }

    private func digits(_ text: Substring, count: Int) -> Int? {
        text.utf8.count == count && text.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains)
            ? Int(text) : nil
    }

    private var today: CivilTime {
        let reading = zone.civil(atEpochSeconds: now.floored.seconds).reading
        return CivilTime(year: reading.year, month: reading.month, day: reading.day)
    }

    private func midnight(daysFromToday days: Int) -> Timestamp? {
        var day = today
        day.day += days
        return Timestamp(floorSeconds: zone.epochSeconds(of: day), nanoseconds: 0)
    }
}
