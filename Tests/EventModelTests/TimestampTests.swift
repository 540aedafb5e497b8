// Owns: the promises about moments and their two textual forms.

import EventModel
import Testing

@Suite struct TimestampTests {
    private static let edges: [Int64] = [
        .min, .min + 1, .max, .max - 1, 0, 1, -1, 999_999_999, 1_000_000_000, -999_999_999, -1_000_000_000,
        1_100_000_000, 5_000_000_000, -86_400_000_000_000, -86_400_000_000_001, 951_782_400_000_000_000,
    ]

    @Test("every moment parses back from what is printed, in both forms")
    func roundTrip() {
        // Steps of the golden ratio: spread evenly, and the same in every run.
        let spread = (0..<5000 as Range<UInt64>).map { Int64(truncatingIfNeeded: $0 &* 0x9E37_79B9_7F4A_7C15) }
        for nanoseconds in Self.edges + spread {
            let moment = Timestamp(nanoseconds: nanoseconds)
            #expect(Timestamp(decimalSeconds: moment.description) == moment)
            #expect(Timestamp(rfc3339: moment.rfc3339) == moment)
            #expect(Timestamp(text: moment.description) == moment)
            #expect(Timestamp(text: moment.rfc3339) == moment)
        }
    }

    @Test(
        "decimal seconds are printed with as many digits as are needed",
        arguments: [
            (0, "0"), (5_000_000_000, "5"), (1_700_000_000_250_000_000, "1700000000.25"), (1, "0.000000001"),
            (-1, "-0.000000001"), (-3_500_000_000, "-3.5"), (Int64.max, "9223372036.854775807"),
            (Int64.min, "-9223372036.854775808"),
        ]
    )
    func decimal(nanoseconds: Int64, text: String) {
        #expect(Timestamp(nanoseconds: nanoseconds).description == text)
        #expect(Timestamp(decimalSeconds: text)?.nanoseconds == nanoseconds)
    }

    @Test("decimal seconds may be written with zeros that are not needed")
    func zeros() {
        #expect(Timestamp(decimalSeconds: "007.50")?.nanoseconds == 7_500_000_000)
        #expect(Timestamp(decimalSeconds: "-0")?.nanoseconds == 0)
        #expect(Timestamp(decimalSeconds: "0000000000000000000000001")?.nanoseconds == 1_000_000_000)
    }

    @Test(
        "decimal seconds that are not exact, or not a number, are refused",
        arguments: [
            "", "-", ".", "1.", ".5", "1.0000000000", "1e3", "+1", " 1", "1 ", "0x1", "1,5", "--1", "1.-5", "nan", "١",
            "9223372036.854775808", "-9223372036.854775809", "99999999999999999999", "1.2.3",
        ]
    )
    func notDecimal(text: String) {
        #expect(Timestamp(decimalSeconds: text) == nil)
        #expect(Timestamp(text: text) == nil)
    }

    @Test(
        "RFC 3339 is read with its zone",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0), ("1970-01-01 00:00:00Z", 0),
            ("1970-01-01T01:00:00+01:00", 0), ("1969-12-31T23:30:00-00:30", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000_000), ("2024-02-29T12:00:00.5Z", 1_709_208_000_500_000_000),
            ("1969-12-31T23:59:59.999999999Z", -1), ("2026-03-01T09:00:00Z", 1_772_355_600_000_000_000),
            ("2262-04-11T23:47:16.854775807Z", Int64.max), ("1677-09-21T00:12:44Z", -9_223_372_036_000_000_000),
        ]
    )
    func rfc3339(text: String, nanoseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.nanoseconds == nanoseconds)
    }

    @Test(
        "dates that do not exist, and forms that are not RFC 3339, are refused",
        arguments: [
            "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2024-02-30T00:00:00Z", "2024-04-31T00:00:00Z",
            "2024-00-01T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-00T00:00:00Z", "2024-01-32T00:00:00Z",
            "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:60Z", "2024-01-01T00:00:00",
            "2024-01-01", "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+0100", "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00.1234567890Z", "2024-1-01T00:00:00Z", "2024-01-01T00:00:00Zx", "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z", "2262-04-11T23:47:16.854775808Z", "now", "٢٠٢٤-01-01T00:00:00Z",
        ]
    )
    func notRFC3339(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test(
        "what is refused is told the one rule that it breaks",
        arguments: [
            ("", "it is empty"), ("1.0000000000", TimeRules.fractionDigits), ("1.", TimeRules.fractionDigits),
            ("9223372036.854775808", TimeRules.range), ("-99999999999", TimeRules.range),
            ("1.2.3", "a number of seconds is digits, at most one point, and digits"),
            ("--1", "a number of seconds is digits, at most one point, and digits"), ("noon", "a date is YYYY-MM-DD"),
            ("2024-1-01T00:00:00Z", "a date is YYYY-MM-DD"),
            ("2023-02-29T00:00:00Z", "that month has the days 01 to 28, not 29"),
            ("2024-13-01T00:00:00Z", "the month is 01 to 12, not 13"),
            ("2024-01-01", "a T stands between date and clock"),
            ("2024-01-01T24:00:00Z", "24:00 is written as 00:00 of the next day"),
            ("2024-01-01T24:00:01Z", "the hour is 00 to 23, not 24"),
            ("2024-01-01T00:60:00Z", "the minute is 00 to 59, not 60"),
            ("2024-01-01T00:00:61Z", "the second is 00 to 59, not 61"), ("2024-01-01T00:00Z", "the clock is hh:mm:ss"),
            ("2024-01-01T00:00:00,5Z", "a fraction of a second follows a point"),
            ("2024-01-01T00:00:00.1234567890Z", TimeRules.fractionDigits),
            ("2024-01-01T00:00:00", "the zone is missing; it is Z or ±hh:mm"),
            ("2024-01-01T00:00:00+0100", "the zone is Z or ±hh:mm"),
            ("2024-01-01T00:00:00Zx", "the zone is Z or ±hh:mm"),
            ("9999-12-31T23:59:59Z", TimeRules.range),
        ]
    )
    func rules(text: String, rule: String) {
        #expect(Timestamp(text: text) == nil)
        #expect(TimeRules.violation(of: text) == rule)
    }

    @Test("a leap second is refused by a rule of its own")
    func leapSecond() {
        #expect(TimeRules.violation(of: "2016-12-31T23:59:60Z").contains("no leap second"))
        #expect(TimeRules.violation(of: "2015-06-30T23:59:60+00:00").contains("no leap second"))
    }

    @Test("RFC 3339 is printed in UTC, with as many digits as are needed")
    func prints() {
        #expect(Timestamp(nanoseconds: 0).rfc3339 == "1970-01-01T00:00:00Z")
        #expect(Timestamp(nanoseconds: -1).rfc3339 == "1969-12-31T23:59:59.999999999Z")
        #expect(Timestamp(nanoseconds: 951_782_400_250_000_000).rfc3339 == "2000-02-29T00:00:00.25Z")
        #expect(Timestamp.distantPast.rfc3339 == "1677-09-21T00:12:43.145224192Z")
    }

    @Test("moments are ordered as they happened")
    func order() {
        #expect(Timestamp(nanoseconds: -1) < Timestamp(nanoseconds: 0))
        #expect(Timestamp.distantPast < Timestamp.distantFuture)
    }
}
