// Owns: the promises about input that is wrong: a clear error that names what and where, nothing appended, and the
// connection as usable as before.

import EventModel
import EventStore
import Foundation
import Testing

@testable import EventWire

@Suite(.timeLimit(.minutes(20))) struct BadInputTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let words: [[UInt8]]
        let code: String
        /// What the error must name.
        let names: [String]

        init(_ description: String, _ words: [String], _ code: String, _ names: String...) {
            self.init(description, bytes: words.map { Array($0.utf8) }, code, names)
        }

        init(_ description: String, bytes: [[UInt8]], _ code: String, _ names: [String]) {
            testDescription = description
            words = bytes
            self.code = code
            self.names = names
        }
    }

    private static func append(_ data: String) -> [String] { ["EV.APPEND", "c", "a", "t", data] }

    static let cases: [Case] = [
        Case("not JSON", append("nonsense"), "INVALID", "data", "expected a JSON object"),
        Case("JSON cut short", append(#"{"a":"#), "INVALID", "data", "expected a JSON object"),
        Case("empty data", append(""), "INVALID", "data", "expected a JSON object"),
        Case("an array", append("[1]"), "INVALID", "data", "expected a JSON object"),
        Case("a string", append(#""a""#), "INVALID", "data", "expected a JSON object"),
        Case("two objects", append("{}{}"), "INVALID", "data", "expected a JSON object"),
        Case("NaN", append(#"{"a":NaN}"#), "INVALID", "data"),
        Case("Infinity", append(#"{"a":Infinity}"#), "INVALID", "data"),
        Case("a control character in a string", append("{\"a\":\"\u{1}\"}"), "INVALID", "data"),
        Case(
            "invalid UTF-8 in data",
            bytes: append("x").dropLast().map { Array($0.utf8) } + [
                Array("{\"a\":\"".utf8) + [0xFF] + Array("\"}".utf8)
            ],
            "INVALID",
            ["data"]
        ),
        Case(
            "metadata that is no object",
            append("{}") + ["METADATA", "7"],
            "INVALID",
            "metadata",
            "expected a JSON object"
        ),
        Case("an empty category", ["EV.APPEND", "", "a", "t", "{}"], "INVALID", "argument 1", "category"),
        Case("an empty aggregate", ["EV.APPEND", "c", "", "t", "{}"], "INVALID", "argument 2", "aggregate"),
        Case("an empty type", ["EV.APPEND", "c", "a", "", "{}"], "INVALID", "argument 3", "type"),
        Case("an empty tag", append("{}") + ["TAG", ""], "INVALID", "argument 6", "tag"),
        Case(
            "an over-long category",
            ["EV.APPEND", String(repeating: "x", count: 256), "a", "t", "{}"],
            "INVALID",
            "argument 1",
            "256",
            "255"
        ),
        Case(
            "a control character in a name",
            ["EV.APPEND", "c", "a\nb", "t", "{}"],
            "INVALID",
            "argument 2",
            "control"
        ),
        Case(
            "invalid UTF-8 in a name",
            bytes: [Array("EV.APPEND".utf8), [0xC3], [0x61], [0x74], [0x7B, 0x7D]],
            "INVALID",
            ["argument 1", "UTF-8"]
        ),
        Case(
            "a timestamp that is not one",
            append("{}") + ["TIMESTAMP", "yesterday"],
            "INVALID",
            "argument 6",
            "yesterday"
        ),
        Case(
            "a timestamp without a zone",
            append("{}") + ["TIMESTAMP", "2026-03-01T09:00:00"],
            "INVALID",
            "argument 6"
        ),
        Case("a timestamp out of range", append("{}") + ["TIMESTAMP", "99999999999999"], "INVALID", "argument 6"),
        Case("a timestamp missing", append("{}") + ["TIMESTAMP"], "INVALID", "argument 6", "time"),
        Case("version zero", append("{}") + ["VERSION", "0"], "INVALID", "argument 6"),
        Case("an identifier that is empty", append("{}") + ["ID", ""], "INVALID", "argument 6", "identifier"),
        Case("an option twice", append("{}") + ["VERSION", "1", "VERSION", "2"], "INVALID", "VERSION"),
        Case("an option that is none", append("{}") + ["COLOUR", "red"], "INVALID", "argument 5", "COLOUR"),
        Case("a condition without AFTER", append("{}") + ["UNLESS", "TAG", "x"], "INVALID", "AFTER"),
        Case("too few arguments", ["EV.APPEND", "c", "a", "t"], "ERR", "wrong number of arguments", "ev.append"),
        Case("an unknown command", ["EV.APEND", "c"], "ERR", "unknown command", "EV.APEND"),
        Case("an id that is not one", ["EV.GET", "-1"], "INVALID", "argument 1", "-1"),
        Case("a filter keyword that is none", ["EV.READ", "CATGEORY", "c"], "INVALID", "argument 1", "CATGEORY"),
        Case("a count of nothing", ["EV.READ", "COUNT", "0"], "INVALID", "argument 2"),
        Case("OR with nothing behind it", ["EV.READ", "TAG", "x", "OR"], "INVALID", "OR"),
        Case("an unknown reducer", ["EV.STATE", "a", "REDUCER", "nobody"], "NOTFOUND", "nobody"),
        Case("an unknown projection", ["EV.PROJECTION", "nobody"], "NOTFOUND", "nobody"),
        Case("EXEC without MULTI", ["EXEC"], "ERR", "EXEC without MULTI"),
        Case("DISCARD without MULTI", ["DISCARD"], "ERR", "DISCARD without MULTI"),
        Case("Lua with a mistake", ["EV.FOLD", "LUA", "return {"], "ERR", "lua"),
    ]

    @Test("Each mistake is answered with what was wrong and where, and changes nothing")
    func mistakes() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            for mistake in Self.cases {
                let answer = try connection.ask(mistake.words).errorText ?? "no error"
                #expect(answer.hasPrefix(mistake.code + " "), "\(mistake.testDescription): \(answer)")
                for name in mistake.names { #expect(answer.contains(name), "\(mistake.testDescription): \(answer)") }
            }
            #expect(try connection.ask("PING") == .simple("PONG"))
            #expect(try connection.ask("EV.COUNT") == .integer(0))
            #expect(try connection.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(1))
        }
    }

    @Test("Data beyond the limit is refused with both sizes, and the connection goes on")
    func tooBig() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            let huge = "{\"p\":\"" + String(repeating: "x", count: 2 << 20) + "\"}"
            let answer = try connection.error("EV.APPEND", "c", "a", "t", huge) ?? "no error"
            #expect(answer.hasPrefix("TOOBIG ") && answer.contains("\(huge.utf8.count)") && answer.contains("1048576"))
            #expect(try connection.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(1))
        }
    }

    @Test("Data and metadata count together, and so do tags")
    func limits() async throws {
        try await TestServer.run(store: { options in
            options.limits.eventBytes = 100
            options.limits.tags = 2
        }) { test in
            let connection = try test.connect()
            let half = "{\"p\":\"" + String(repeating: "x", count: 50) + "\"}"
            #expect(try connection.ask("EV.APPEND", "c", "a", "t", half) == .integer(1))
            let both = try connection.error("EV.APPEND", "c", "a", "t", half, "METADATA", half) ?? ""
            #expect(both.hasPrefix("TOOBIG ") && both.contains("100"))
            let tags = try connection.error("EV.APPEND", "c", "a", "t", "{}", "TAG", "x", "TAG", "y", "TAG", "z") ?? ""
            #expect(tags.hasPrefix("TOOBIG ") && tags.contains("3") && tags.contains("2"))
        }
    }

    @Test("What JSON allows is accepted and kept byte for byte: duplicate keys, great numbers, odd spaces")
    func oddButValid() async throws {
        let texts = [
            #"{"a":1,"a":2}"#, #"{"n":123456789012345678901234567890123456789}"#, #"{"n":1e999,"m":-0.0}"#,
            #"{"n":18446744073709551616,"m":-9223372036854775809}"#, " {\t\"a\" :\r\n 1 } ",
            #"{"\u0000":"\ud83d\ude00"}"#,
            "{\"käse\":\"日本 🙂\"}", "{}",
        ]
        try await TestServer.run { test in
            let connection = try test.connect()
            for (index, text) in texts.enumerated() {
                #expect(try connection.ask("EV.APPEND", "c", "a", "t", text) == .integer(Int64(index + 1)), "\(text)")
                #expect(try connection.ask("EV.GET", "\(index + 1)").event?.data == Array(text.utf8), "\(text)")
            }
        }
    }

    @Test("The greatest numbers in any place are no trouble")
    func extremes() async throws {
        let greatest = "18446744073709551615"
        try await TestServer.run { test in
            let connection = try test.connect(resp3: true)
            let refusal = try connection.error("EV.APPEND", "c", "a", "t", "{}", "UNLESS", "AFTER", greatest)
            #expect(refusal?.hasPrefix("POSITION 0 ") == true)
            #expect(try connection.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(1))
            #expect(try connection.ask("EV.GET", greatest) == .null)
            for words in [["BEFORE", "0"], ["ASOF", "0"], ["AFTER", "1", "REV"]] {
                #expect(try connection.ask(["EV.READ"] + words) == .array([]), "\(words)")
            }
            #expect(try connection.ask("EV.READ", "COUNT", "9223372036854775807").events?.count == 1)
            for keyword in ["FROM", "AFTER"] {
                let refusal = try connection.error("EV.SUBSCRIBE", keyword, greatest)
                #expect(refusal?.hasPrefix("POSITION 1 ") == true)
            }
            let blocked = try test.connect()
            try blocked.send([["EV.READ", "AFTER", "$", "BLOCK", "9223372036854775807"]])
            #expect(try eventually { try test.info("subscriptions") == "1" })
            #expect(try connection.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(2))
            #expect(try blocked.receive().events?.map(\.id) == [EventID(2)])
        }
    }
}
