import EventModel
import Testing

@testable import evctl

@Suite("A TIME that is none")
struct TimeRefusalTests {
    @Test(
        "is refused by the rule that it breaks, whatever the zone",
        arguments: [
            ("", "it is empty"), (" ", "it is empty"), ("soon", "expected seconds since the epoch, RFC 3339, now"),
            ("-", "a length of time is missing"), ("+", "a length of time is missing"),
            ("ago", "a length of time is missing"),
            (" ago", "a length of time is missing"), ("5 apples", "“apples” is no unit"),
            ("-5 apples", "“apples” is no unit"),
            ("+5", "“5” has no unit"), ("-1h30", "“30” has no unit"), ("1h", "has a sign or “ago”: -1h or 1h ago"),
            ("-1h ago", "a sign or “ago”, not both"), ("-1H", "“H” is no unit"),
            ("1..5s ago", "is not digits, at most one"),
            ("-1.0123456789s", "one to nine digits"), ("-h", "a number stands before each unit"),
            ("-99999999999999999999s", "too great"),
            ("2026-02-30", "that month has the days 01 to 28, not 30"), ("2026-13-01", "the month is 01 to 12, not 13"),
            ("2026-3-1", "a date is written YYYY-MM-DD"), ("26-03-01", "a date is written YYYY-MM-DD"),
            ("2026/03/01", "a date is written YYYY-MM-DD"), ("01.03.2026", "a date is written YYYY-MM-DD"),
            ("20260301T090000Z", "a date is written YYYY-MM-DD"), ("12026-03-01", "a date is written YYYY-MM-DD"),
            ("Sun Mar  1 09:00:00 UTC 2026", "a month is written as a number"),
            ("Sun, 01 Mar 2026 09:00:00 +0000", "a month is written as a number"),
            ("1 march 2026", "a month is written as a number"), ("Mon 2026-03-01", "a Sunday, not a Monday"),
            ("monday, 2026-03-01 09:00", "a Sunday, not a Monday"), ("Sun", "names no day"),
            ("Sun 09:00", "before a date only"),
            ("Sun today", "before a date only"), ("now 12:00", "nothing may follow"),
            ("today noon", "could be several zones"),
            ("24:00", "00:00 of the next day"), ("2026-03-01 24:00:00", "00:00 of the next day"),
            ("24:01", "the hour is 00 to 23"), ("09:60", "the minute is 00 to 59"),
            ("09:00:61", "the second is 00 to 59"),
            ("2016-12-31T23:59:60Z", "no leap second"), ("2015-06-30 23:59:60 UTC", "no leap second"),
            ("1998-12-31T23:59:60", "no leap second"), ("9:00", "two digits each"),
            ("2026-03-01 09:0", "two digits each"),
            ("2026-03-01 09", "a clock is written hh:mm"), ("2026-03-01T", "after the T the clock"),
            ("09:", "two digits are expected"), ("09:00.5", "a fraction follows seconds only"),
            ("2026-03-01T09:00,5Z", "a fraction follows seconds only"), ("2026-03-01 09:00:00.", "one to nine digits"),
            ("2026-03-01T09:00:00.1234567890Z", "one to nine digits"), ("1.0000000000", "one to nine digits"),
            ("1700000000,25", "the fraction of a number follows a point"), ("@soon", "after @ a number of seconds"),
            ("1.2.3", "a date is written"), ("@1.2.3", "at most one point"), ("09:00 PM", "without AM and PM"),
            ("2026-03-01 09:00 CET", "“CET” could be several zones"), ("2026-03-01T09:00:00EST", "“EST” could be"),
            ("2026-03-01 09:00 Japan", "“Japan” could be"), ("2026-03-01 09:00 UTC+2", "write the offset alone"),
            ("09:00 GMT-05:00", "write the offset alone"),
            ("2026-03-01T09:00:00+24:00", "the hours of an offset are 00 to 23"),
            ("2026-03-01T09:00:00+01:60", "the minutes of an offset are 00 to 59"),
            ("2026-03-01T09:00:00+1", "an offset is written"), ("2026-03-01T09:00:00+100", "an offset is written"),
            ("2026-03-01 -1h", "an offset is written"),
            ("2026-03-01T09:00:00Z UTC", "after the zone nothing may follow"),
            ("2026-03-01T09:00:00+01:00[Europe/Berlin]", "leave out “[Europe/Berlin]”"),
            ("2026-03-01T09:00:00Z[UTC]", "leave out what is in brackets"),
            ("2026-03-01 09:00 Europe/Nowhere", "there is no zone “Europe/Nowhere”"),
            ("2026-03-01 09:00 europe/berlin", "capitals count"),
            ("2026-03-01 09:00 ../zoneinfo/UTC", "is out of place"),
            ("2026-03-01 09:00 a/../UTC", "there is no zone"),
            ("٣h ago", "U+663 in it is not ASCII"), ("2026-03-01T09:00:00−01:00", "U+2212 in it is not ASCII"),
            ("2026-03-01\u{A0}09:00", "U+A0 in it is not ASCII"),
            ("9999999999999999999", "seconds since the epoch, not milli"),
        ]
    )
    func refused(text: String, rule: String) {
        for grammar in [TimeGrammarTests.utc, TimeGrammarTests.local] {
            for read in [grammar.moment(_:), grammar.lowerBound, grammar.upperBound] {
                do throws(TimeFault) {
                    let moment = try read(text)
                    Issue.record("read as \(moment)")
                } catch {
                    #expect(error.rule.contains(rule))
                }
            }
        }
    }

    @Test("a length of any number of terms is refused and does not overflow")
    func manyTerms() {
        let text = String(repeating: "18446744073709551615y", count: 400) + " ago"
        #expect(throws: TimeFault.self) { try TimeGrammarTests.utc.moment(text) }
    }

    @Test("is an error of usage that names the option, quotes the text and says the rule")
    func message() {
        #expect(throws: Failure(.usage, "--since: “24:00” is no TIME: 24:00 is written as 00:00 of the next day")) {
            try TimeGrammarTests.utc.lowerBound("24:00", for: "--since")
        }
    }
}
