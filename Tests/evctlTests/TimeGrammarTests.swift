import EventModel
import Testing

@testable import evctl

@Suite("The TIME grammar")
struct TimeGrammarTests {
    // 2026-03-01T09:30:00.25Z, a Sunday.
    static let now = Timestamp(rfc3339: "2026-03-01T09:30:00.25Z")!
    static let utc = grammar(.utc)
    /// Central Europe by a rule of POSIX, so that no zone database is needed.
    static let centralEurope = Zone.rules(ZoneRules(PosixZone("CET-1CEST,M3.5.0,M10.5.0/3")!))
    static let local = grammar(centralEurope)

    static func grammar(_ zone: Zone) -> TimeGrammar {
        TimeGrammar(now: now, database: ZoneDatabase { _ in nil }) { () throws(TimeFault) in zone }
    }

    @Test(
        "a number is seconds since the epoch",
        arguments: [
            ("5", 5_000_000_000), ("1700000000.25", 1_700_000_000_250_000_000), ("-3.5", -3_500_000_000),
            ("@5", 5_000_000_000), (" 5 ", 5_000_000_000), ("20260301", 20_260_301_000_000_000),
        ]
    )
    func numbers(text: String, nanoseconds: Int64) throws {
        #expect(try Self.utc.moment(text).nanoseconds == nanoseconds)
    }

    @Test(
        "words name now and the midnights about it, in any case",
        arguments: [
            ("now", "2026-03-01T09:30:00.25Z"), ("today", "2026-03-01T00:00:00Z"),
            ("yesterday", "2026-02-28T00:00:00Z"), ("tomorrow", "2026-03-02T00:00:00Z"),
            ("NOW", "2026-03-01T09:30:00.25Z"), ("Yesterday", "2026-02-28T00:00:00Z"),
            ("yesterday 12:00", "2026-02-28T12:00:00Z"), ("TOMORROW 09:00:07.5", "2026-03-02T09:00:07.5Z"),
            ("today 23:30 -01:00", "2026-03-02T00:30:00Z"),
        ]
    )
    func words(text: String, expected: String) throws {
        #expect(try Self.utc.moment(text).rfc3339 == expected)
    }

    @Test("midnight is that of the reader, or of the zone that is named")
    func localMidnight() throws {
        #expect(try Self.local.moment("today").rfc3339 == "2026-02-28T23:00:00Z")
        #expect(try Self.local.moment("today 00:00 UTC").rfc3339 == "2026-03-01T00:00:00Z")
        // Twelve hours west of UTC it is still Saturday.
        #expect(try Self.local.moment("today -12:00").rfc3339 == "2026-02-28T12:00:00Z")
    }

    @Test(
        "lengths count from now, forwards or backwards",
        arguments: [
            ("-1h30m", "2026-03-01T08:00:00.25Z"), ("+5min", "2026-03-01T09:35:00.25Z"),
            ("11min ago", "2026-03-01T09:19:00.25Z"), ("2h ago", "2026-03-01T07:30:00.25Z"),
            ("1h 30min ago", "2026-03-01T08:00:00.25Z"), ("- 1 week", "2026-02-22T09:30:00.25Z"),
            ("-0.25s", "2026-03-01T09:30:00Z"), ("-250ms", "2026-03-01T09:30:00Z"),
            ("-250000us", "2026-03-01T09:30:00Z"), ("-250000µs", "2026-03-01T09:30:00Z"),
            ("-1.5d", "2026-02-27T21:30:00.25Z"), ("-1M", "2026-01-29T22:56:24.25Z"),
            ("-1y", "2025-03-01T03:30:00.25Z"),
            ("-2w", "2026-02-15T09:30:00.25Z"), ("-30sec", "2026-03-01T09:29:30.25Z"),
            ("11 MIN AGO", "2026-03-01T09:19:00.25Z"), ("-2Hours", "2026-03-01T07:30:00.25Z"),
        ]
    )
    func relative(text: String, expected: String) throws {
        #expect(try Self.utc.moment(text).rfc3339 == expected)
    }

    @Test(
        "calendar and clock are read in the reader's zone",
        arguments: [
            ("2026-03-01 09:00", "2026-03-01T09:00:00Z", "2026-03-01T08:00:00Z"),
            ("2026-03-01 09:00:07", "2026-03-01T09:00:07Z", "2026-03-01T08:00:07Z"),
            ("2026-03-01 09:00:07.5", "2026-03-01T09:00:07.5Z", "2026-03-01T08:00:07.5Z"),
            ("2026-03-01T09:00:07", "2026-03-01T09:00:07Z", "2026-03-01T08:00:07Z"),
            ("2026-03-01t09:00", "2026-03-01T09:00:00Z", "2026-03-01T08:00:00Z"),
            ("2026-07-01", "2026-07-01T00:00:00Z", "2026-06-30T22:00:00Z"),
            ("09:00", "2026-03-01T09:00:00Z", "2026-03-01T08:00:00Z"),
            ("09:00:07", "2026-03-01T09:00:07Z", "2026-03-01T08:00:07Z"),
            ("Sun 2026-03-01 09:00", "2026-03-01T09:00:00Z", "2026-03-01T08:00:00Z"),
            ("SUNDAY, 2026-03-01", "2026-03-01T00:00:00Z", "2026-02-28T23:00:00Z"),
        ]
    )
    func civil(text: String, utc: String, local: String) throws {
        #expect(try Self.utc.moment(text).rfc3339 == utc)
        #expect(try Self.local.moment(text).rfc3339 == local)
    }

    @Test(
        "what has its own offset is read whatever the zone of the reader",
        arguments: [
            ("2026-03-01T09:00:00Z", "2026-03-01T09:00:00Z"), ("2026-03-01T09:00:00+02:00", "2026-03-01T07:00:00Z"),
            // date --iso-8601=ns, =seconds, =minutes and =hours, and +%FT%T%z
            ("2026-03-01T09:00:00,123456789+01:00", "2026-03-01T08:00:00.123456789Z"),
            ("2026-03-01T09:00:00+01:00", "2026-03-01T08:00:00Z"), ("2026-03-01T09:00+01:00", "2026-03-01T08:00:00Z"),
            ("2026-03-01T09+01:00", "2026-03-01T08:00:00Z"), ("2026-03-01T09:00:00+0100", "2026-03-01T08:00:00Z"),
            // date --rfc-3339=ns, and +%F %T %Z of a machine in UTC
            ("2026-03-01 09:00:00.123456789+01:00", "2026-03-01T08:00:00.123456789Z"),
            ("2026-03-01 09:00:00 UTC", "2026-03-01T09:00:00Z"), ("2026-03-01T09:00:00 +01:00", "2026-03-01T08:00:00Z"),
            ("2026-03-01 09:00 -0530", "2026-03-01T14:30:00Z"), ("2026-03-01  09:00\t+01", "2026-03-01T08:00:00Z"),
            ("2026-03-01 09:00:00+01:00:30", "2026-03-01T07:59:30Z"), ("2026-03-01 09:00 utc", "2026-03-01T09:00:00Z"),
            ("2026-03-01T09:00:00GMT", "2026-03-01T09:00:00Z"), ("2026-03-01t09:00:00z", "2026-03-01T09:00:00Z"),
            ("2026-03-01T09:00:00-00:00", "2026-03-01T09:00:00Z"), ("2026-03-01+02:00", "2026-02-28T22:00:00Z"),
            ("2026-03-01 UTC", "2026-03-01T00:00:00Z"), ("09:00Z", "2026-03-01T09:00:00Z"),
            // systemctl status
            ("Sun 2026-03-01 09:00:00 UTC", "2026-03-01T09:00:00Z"),
        ]
    )
    func offsets(text: String, expected: String) throws {
        for grammar in [Self.utc, Self.local] {
            #expect(try grammar.moment(text).rfc3339 == expected)
            #expect(try grammar.upperBound(text).rfc3339 == expected)
        }
    }

    @Test("as of: a bare integer is an event id, an @ makes it seconds")
    func asOf() throws {
        #expect(try Self.utc.asOf("42") == .id(EventID(42)))
        #expect(try Self.utc.asOf("@42") == .time(Timestamp(nanoseconds: 42_000_000_000)))
        #expect(try Self.utc.asOf("yesterday") == .time(Timestamp(rfc3339: "2026-02-28T00:00:00Z")!))
        #expect(throws: TimeFault.self) { try Self.utc.asOf("later") }
    }

    @Test(
        "years 1 and 9999 are bounds that exclude nothing, and no times of an event",
        arguments: [
            "0001-01-01", "9999-12-31T23:59:59Z", "0000-01-01 00:00", "9999-12-31 23:59:59,999999999+14:00", "-999999y",
        ]
    )
    func farBounds(text: String) throws {
        let isEarly = !text.hasPrefix("9")
        #expect(throws: TimeFault.word(TimeRules.range)) { try Self.local.moment(text) }
        #expect(try Self.local.upperBound(text) == (isEarly ? .distantPast : .distantFuture))
        #expect(try Self.local.asOf(text) == .time(isEarly ? .distantPast : .distantFuture))
        if isEarly {
            #expect(try Self.local.lowerBound(text) == .distantPast)
        } else {
            // Clamped, it would find the events of the last nanosecond, which are earlier.
            #expect(throws: TimeFault.word(TimeRules.range)) { try Self.local.lowerBound(text) }
        }
    }

    @Test("an event can have every time but the first nanosecond, which stands for no bound")
    func range() throws {
        #expect(try Self.utc.moment("2262-04-11T23:47:16.854775807Z") == .distantFuture)
        #expect(try Self.utc.moment("-9223372036.854775807").nanoseconds == .min + 1)
        for text in ["-9223372036.854775808", "1677-09-21T00:12:43.145224192Z", "2262-04-11T23:47:16.854775808Z"] {
            #expect(throws: TimeFault.word(TimeRules.range)) { try Self.utc.moment(text) }
        }
    }

    @Test(
        "a number out of range is no bound either: it is not in seconds",
        arguments: ["1772355600000", "-1772355600000000"]
    )
    func milliseconds(text: String) {
        for read in [Self.utc.moment(_:), Self.utc.lowerBound, Self.utc.upperBound] {
            #expect(
                throws: TimeFault.word("a number is seconds since the epoch, not milliseconds, and \(TimeRules.range)")
            ) {
                try read(text)
            }
        }
    }

    @Test(
        "what is printed is read back to the same nanosecond",
        arguments: [
            0, 1, -1, 1_000_000_000, 1_772_355_000_250_000_000, 1_772_355_000_000_001_000, 1_772_355_000_000_000_001,
            // The two passes of 02:30 on the night when daylight saving ends.
            1_792_888_200_000_000_000, 1_792_891_800_000_000_000, -9_223_372_036_000_000_000, .max,
        ] as [Int64]
    )
    func printedParses(nanoseconds: Int64) throws {
        let moment = Timestamp(nanoseconds: nanoseconds)
        for zone in [Zone.utc, Self.centralEurope] {
            let text = moment.rfc3339(in: zone)
            #expect(try Self.grammar(zone).moment(text) == moment, "printed as \(text)")
        }
    }

    @Test("a fraction is printed in groups of three digits, and none where there is none")
    func fractions() {
        #expect(Timestamp(nanoseconds: 1_500_000_000).rfc3339(in: .utc) == "1970-01-01T00:00:01.500Z")
        #expect(Timestamp(nanoseconds: 1_000_001_000).rfc3339(in: .utc) == "1970-01-01T00:00:01.000001Z")
        #expect(Timestamp(nanoseconds: 1_000_000_000).rfc3339(in: Self.centralEurope) == "1970-01-01T01:00:01+01:00")
    }
}
