import EventModel
import Glibc
import Testing

@testable import evctl

@Suite("The TIME grammar")
struct TimeGrammarTests {
    // 2026-03-01T09:30:00.25Z, a Sunday.
    static let now = Timestamp(rfc3339: "2026-03-01T09:30:00.25Z")!
    static let utc = TimeGrammar(now: now, zone: .utc)

    /// Central Europe by a rule of POSIX, so that no zone database is needed; set once, for the whole process.
    static let local: TimeGrammar = {
        setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1)
        tzset()
        return TimeGrammar(now: now, zone: .local)
    }()

    @Test(
        "a number is seconds since the epoch",
        arguments: [
            ("5", 5_000_000_000), ("1700000000.25", 1_700_000_000_250_000_000), ("-3.5", -3_500_000_000),
            ("@5", 5_000_000_000),
        ]
    )
    func numbers(text: String, nanoseconds: Int64) {
        #expect(Self.utc.moment(text)?.nanoseconds == nanoseconds)
    }

    @Test("RFC 3339 is read whatever the zone of the reader")
    func rfc3339() {
        #expect(Self.local.moment("2026-03-01T09:00:00Z") == Timestamp(rfc3339: "2026-03-01T09:00:00Z"))
        #expect(Self.utc.moment("2026-03-01T09:00:00+02:00") == Timestamp(rfc3339: "2026-03-01T07:00:00Z"))
    }

    @Test(
        "words name now and the midnights about it",
        arguments: [
            ("now", "2026-03-01T09:30:00.25Z"), ("today", "2026-03-01T00:00:00Z"),
            ("yesterday", "2026-02-28T00:00:00Z"), ("tomorrow", "2026-03-02T00:00:00Z"),
        ]
    )
    func words(text: String, expected: String) {
        #expect(Self.utc.moment(text)?.rfc3339 == expected)
    }

    @Test("midnight is the reader's")
    func localMidnight() {
        #expect(Self.local.moment("today")?.rfc3339 == "2026-02-28T23:00:00Z")
    }

    @Test(
        "lengths count from now, forwards or backwards",
        arguments: [
            ("-1h30m", "2026-03-01T08:00:00.25Z"), ("+5min", "2026-03-01T09:35:00.25Z"),
            ("11min ago", "2026-03-01T09:19:00.25Z"), ("2h ago", "2026-03-01T07:30:00.25Z"),
            ("1h 30min ago", "2026-03-01T08:00:00.25Z"), ("- 1 week", "2026-02-22T09:30:00.25Z"),
            ("-0.25s", "2026-03-01T09:30:00Z"), ("-250ms", "2026-03-01T09:30:00Z"),
            ("-250000us", "2026-03-01T09:30:00Z"), ("-1.5d", "2026-02-27T21:30:00.25Z"),
            ("-1M", "2026-01-29T22:56:24.25Z"), ("-1y", "2025-03-01T03:30:00.25Z"), ("-2w", "2026-02-15T09:30:00.25Z"),
            ("-30sec", "2026-03-01T09:29:30.25Z"),
        ]
    )
    func relative(text: String, expected: String) {
        #expect(Self.utc.moment(text)?.rfc3339 == expected)
    }

    @Test(
        "calendar and clock are read in the reader's zone",
        arguments: [
            ("2026-03-01 09:00", "2026-03-01T09:00:00Z", "2026-03-01T08:00:00Z"),
            ("2026-03-01 09:00:07", "2026-03-01T09:00:07Z", "2026-03-01T08:00:07Z"),
            ("2026-03-01 09:00:07.5", "2026-03-01T09:00:07.5Z", "2026-03-01T08:00:07.5Z"),
            ("2026-07-01", "2026-07-01T00:00:00Z", "2026-06-30T22:00:00Z"),
            ("09:00", "2026-03-01T09:00:00Z", "2026-03-01T08:00:00Z"),
            ("09:00:07", "2026-03-01T09:00:07Z", "2026-03-01T08:00:07Z"),
        ]
    )
    func civil(text: String, utc: String, local: String) {
        #expect(Self.utc.moment(text)?.rfc3339 == utc)
        #expect(Self.local.moment(text)?.rfc3339 == local)
    }

    @Test(
        "what is no time is refused",
        arguments: [
            "", " ", "soon", "5 apples", "-", "+", "ago", " ago", "-5 apples", "+5", "1h", "2026-02-30", "2026-13-01",
            "2026-3-1", "24:00", "09:60", "9:00", "09:00.5", "2026-03-01 ", "2026-03-01 09:00:00.",
            "2026-03-01T09:00:00", "9999999999999999999", "-999999y", "1..5s ago", "٣h ago",
        ]
    )
    func refused(text: String) {
        #expect(Self.utc.moment(text) == nil)
        #expect(Self.local.moment(text) == nil)
    }

    @Test("as of: a bare integer is an event id, an @ makes it seconds")
    func asOf() {
        #expect(Self.utc.asOf("42") == .id(EventID(42)))
        #expect(Self.utc.asOf("@42") == .time(Timestamp(nanoseconds: 42_000_000_000)))
        #expect(Self.utc.asOf("yesterday") == .time(Timestamp(rfc3339: "2026-02-28T00:00:00Z")!))
        #expect(Self.utc.asOf("later") == nil)
    }

    @Test(
        "what is printed is read back to the same nanosecond",
        arguments: [
            0, 1, -1, 1_000_000_000, 1_772_355_000_250_000_000, 1_772_355_000_000_001_000, 1_772_355_000_000_000_001,
            // The two passes of 02:30 on the night when daylight saving ends.
            1_792_888_200_000_000_000, 1_792_891_800_000_000_000, -9_223_372_036_000_000_000, .max,
        ] as [Int64]
    )
    func printedParses(nanoseconds: Int64) {
        let moment = Timestamp(nanoseconds: nanoseconds)
        for grammar in [Self.utc, Self.local] {
            let text = moment.rfc3339(in: grammar.zone)
            #expect(grammar.moment(text) == moment, "printed as \(text)")
        }
    }

    @Test("a fraction is printed in groups of three digits, and none where there is none")
    func fractions() {
        #expect(Timestamp(nanoseconds: 1_500_000_000).rfc3339(in: .utc) == "1970-01-01T00:00:01.500Z")
        #expect(Timestamp(nanoseconds: 1_000_001_000).rfc3339(in: .utc) == "1970-01-01T00:00:01.000001Z")
        #expect(Timestamp(nanoseconds: 1_000_000_000).rfc3339(in: Self.local.zone) == "1970-01-01T01:00:01+01:00")
    }
}
