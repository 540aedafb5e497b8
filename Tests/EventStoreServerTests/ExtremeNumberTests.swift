// Owns: the promise that no number in any place of any command costs more than an error.

import EventModel
import Testing

@testable import EventWire

@Suite(.timeLimit(.minutes(20))) struct ExtremeNumberTests {
    private static let numbers = [
        "0", "1", "2147483647", "2147483648", "2147483649", "4294967295", "4294967296", "4294967297",
        "9007199254740991", "9007199254740993", "9223372036854775807", "9223372036854775808",
        "18446744073709551615", "18446744073709551616", "-1", "-9223372036854775808", "-9223372036854775809",
        "-9223372036.854775808", "9223372036.854775807", "9223372036.854775808",
        "1000000000000000000000000000000", "1e308", "nan", "inf", "+1", "",
    ]
    private static let append = ["EV.APPEND", "c", "a", "t", "{}"]

    /// Every place for a number, `#`. None of them waits: where they could, there is an event to give.
    private static let commands: [[String]] = [
        ["EV.GET", "#"], append + ["TIMESTAMP", "#"], append + ["VERSION", "#"],
        append + ["UNLESS", "TAG", "x", "AFTER", "#"], ["EV.READ", "AFTER", "#"], ["EV.READ", "BEFORE", "#", "REV"],
        ["EV.READ", "AFTER", "#", "BEFORE", "#", "SKIPDAMAGE"], ["EV.READ", "SINCE", "#"], ["EV.READ", "UNTIL", "#"],
        ["EV.READ", "ASOF", "#"], ["EV.READ", "ASOF", "@#"], ["EV.READ", "COUNT", "#"],
        ["EV.READ", "COUNT", "#", "REV", "AGGREGATE", "a"], ["EV.READ", "BLOCK", "#"],
        ["EV.READ", "AFTER", "#", "BLOCK", "1"], ["EV.READ", "AFTER", "#", "REV", "BLOCK", "1", "COUNT", "#"],
        ["EV.BLOCKS", "AFTER", "#"], ["EV.BLOCKS", "BYTES", "#"], ["EV.COUNT", "AFTER", "#"],
        ["EV.COUNT", "BEFORE", "#", "SINCE", "#"], ["EV.STATE", "a", "REDUCER", "count", "AT", "#"],
        ["EV.STATE", "a", "REDUCER", "count", "ASOF", "#"], ["EV.FOLD", "REDUCER", "count", "AFTER", "#"],
        ["EV.FOLD", "REDUCER", "count", "BEFORE", "#", "UNTIL", "#"], ["EV.PROJECTION", "count", "AT", "#"],
        ["EV.PROJECTION", "count", "ASOF", "#"], ["EV.PROJECTION", "count", "ASOF", "@#"],
        ["EV.UNSUBSCRIBE", "#"], ["EV.SUBSCRIBE", "FROM", "#", "AGGREGATE", "nobody"],
        ["EV.SUBSCRIBE", "AFTER", "#", "BEFORE", "#", "AGGREGATE", "nobody"], ["SELECT", "#"], ["HELLO", "#"],
    ]

    @Test("Any number in any place is answered, and the connection goes on", arguments: [false, true])
    func places(resp3: Bool) async throws {
        let count = "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"
        try await TestServer.run(reducers: ["count": count]) { test in
            let connection = try test.connect(resp3: resp3)
            _ = try connection.ask(Self.append)
            for command in Self.commands {
                for number in Self.numbers {
                    let words = command.map { $0.replacing("#", with: number) }
                    _ = try connection.ask(words)
                    #expect(try connection.ask("PING") == .simple("PONG"), "\(words)")
                }
            }
            // What was appended at the ends of time is there, and can be asked about.
            #expect(try test.connect().ask("EV.VERIFY").text?.contains(#""damaged":[],"problems":[]"#) == true)
        }
    }

    @Test("A transaction whose events have extreme numbers is appended or refused as a whole")
    func transactions() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            for number in Self.numbers {
                _ = try connection.ask("MULTI")
                let first = try connection.ask(Self.append)
                let second = try connection.ask(Self.append + ["TIMESTAMP", number, "VERSION", number])
                let outcome = try connection.ask("EXEC")
                #expect(first == .queued && (outcome.elements?.count == 2) == (second == .queued), "\(number)")
            }
        }
    }
}
