import EventModel
import Testing

@testable import EventNDJSON

@Suite("A line of NDJSON")
struct EventLineTests {
    func event(_ line: String) throws(EventLineFault) -> NewEvent {
        try EventLine.event(Array(line.utf8))
    }

    func with(_ member: String) throws(EventLineFault) -> NewEvent {
        try event(#"{"category":"c","event_type":"t","aggregate_id":"a",\#(member)}"#)
    }

    func fault(_ line: String) -> String? {
        do {
            _ = try event(line)
            return nil
        } catch {
            return error.description
        }
    }

    func faultWith(_ member: String) -> String? {
        fault(#"{"category":"c","event_type":"t","aggregate_id":"a",\#(member)}"#)
    }

    @Test("every field reaches the event, in any order")
    func allFields() throws {
        let event = try event(
            #"""
            { "tags" : ["x","y"], "metadata": {"by":1}, "id":"0190F5EA-7c7e-7000-8000-0123456789ab","version":3,
            """# + #"""
                "timestamp":1.5,"data":{"k":[1]},"aggregate_id":"a","event_type":"t","category":"c","event_id":9,"recorded_at":7}
                """#
        )
        #expect(
            event
                == NewEvent(
                    category: "c",
                    aggregateID: "a",
                    eventType: "t",
                    data: Array(#"{"k":[1]}"#.utf8),
                    timestamp: Timestamp(nanoseconds: 1_500_000_000),
                    version: 3,
                    identifier: "0190F5EA-7c7e-7000-8000-0123456789ab",
                    tags: ["x", "y"],
                    metadata: Array(#"{"by":1}"#.utf8)
                )
        )
    }

    @Test(
        "data and metadata are taken byte for byte",
        arguments: [
            "{}", "{ }", #"{"n":123456789012345678901234567890,"e":1.0E+2,"z":-0.0}"#, #"{"b":1,"a":2,"b":3}"#,
            "{ \"spaced\" :\t[ 1 , 2 ] }", #"{"s":"\u00e9\/\ud83d\ude00 \ud800 é 😀 \"}{"}"#,
            #"{"deep":[[{"x":[null,true,false]}]]}"#,
        ]
    )
    func byteExact(json: String) throws {
        let event = try with(#""data":\#(json),"metadata":\#(json)"#)
        #expect(event.data == Array(json.utf8))
        #expect(event.metadata == Array(json.utf8))
    }

    @Test("data may be left out, and what is optional may be null")
    func optional() throws {
        let event = try with(#""timestamp":null,"id":null,"tags":null,"metadata":null"#)
        #expect(event == NewEvent(category: "c", aggregateID: "a", eventType: "t"))
    }

    @Test("escapes and surrogate pairs in names are decoded")
    func escapes() throws {
        let event = try event(
            #"{"category":"\u0063\/\"\\","event_type":"\ud83d\uDE00é\u00e9","\u0061ggregate_id":"a"}"#
        )
        #expect(event.category == #"c/"\"#)
        #expect(event.eventType == "😀éé")
    }

    @Test("a name holds no half of a surrogate pair and no control character")
    func badNames() {
        #expect(faultWith(#""tags":["\ud83d"]"#)?.contains("half of a surrogate pair") == true)
        #expect(faultWith(#""tags":["\ud83d\u0041"]"#)?.contains("half of a surrogate pair") == true)
        #expect(faultWith(#""tags":["\ude00"]"#)?.contains("half of a surrogate pair") == true)
        #expect(faultWith(#""tags":["a\nb"]"#) == "tags: it holds a control character")
        #expect(
            fault(#"{"category":"","event_type":"t","aggregate_id":"a"}"#)?.hasPrefix("category: it is empty") == true
        )
    }

    @Test(
        "a timestamp is exact seconds or RFC 3339",
        arguments: [
            ("5", 5_000_000_000), ("-3.5", -3_500_000_000), ("1e3", 1_000_000_000_000), ("12.5E-1", 1_250_000_000),
            ("1700000000.123456789", 1_700_000_000_123_456_789),
            ("1.00000000000000000000000000000000000000000", 1_000_000_000),
            ("0.0", 0), ("-0", 0), ("0e999999999999999999999", 0), ("100e-2", 1_000_000_000),
            ("9223372036.854775807", .max), ("-9223372036.854775808", .min),
            (#""1970-01-01T00:00:05Z""#, 5_000_000_000), (#""5""#, 5_000_000_000),
            (#""1700000000.123456789""#, 1_700_000_000_123_456_789), (#""-0.000000001""#, -1),
        ]
    )
    func timestamps(json: String, nanoseconds: Int64) throws {
        #expect(try with(#""timestamp":\#(json)"#).timestamp?.nanoseconds == nanoseconds)
    }

    @Test(
        "a timestamp that is not exact or out of range is refused",
        arguments: [
            "0.0000000001", "1e-10", "9223372036.854775808", "1e400", "1e99999999999999999999", #""yesterday""#,
            #""5 ""#, #""1e3""#, #""0.0000000001""#, "true", "{}",
            "123456789012345678901234567890123456789012345678901234567890",
        ]
    )
    func badTimestamps(json: String) {
        #expect(faultWith(#""timestamp":\#(json)"#)?.hasPrefix("timestamp ") == true)
    }

    @Test("a timestamp that is refused is told the rule that it breaks")
    func timestampRules() {
        #expect(faultWith(#""timestamp":"2026-02-29T00:00:00Z""#)?.hasSuffix("has the days 01 to 28, not 29") == true)
        #expect(faultWith(#""timestamp":"2016-12-31T23:59:60Z""#)?.contains("have no leap second") == true)
        #expect(faultWith(#""timestamp":"2026-03-01T00:00:00""#)?.contains("the zone is missing") == true)
    }

    @Test("an unknown field is named, and so are those that exist")
    func unknownField() {
        #expect(faultWith(#""catgory":1"#)?.hasPrefix("unknown field “catgory”; expected event_id, category,") == true)
    }

    @Test("a field given twice, a field missing, a value of the wrong kind: each is named")
    func namedFaults() {
        #expect(faultWith(#""category":"d""#) == "category is given twice")
        #expect(fault(#"{"category":"c","event_type":"t"}"#) == "aggregate_id is missing")
        #expect(faultWith(#""data":[1]"#) == "data is not a JSON object")
        #expect(faultWith(#""metadata":7"#) == "metadata is not a JSON object")
        #expect(faultWith(#""tags":"x""#) == "tags is not an array")
        #expect(faultWith(#""tags":[1]"#) == "tags is not a string")
        #expect(faultWith(#""id":7"#) == "id is not a string")
        #expect(faultWith(#""id":"""#) == "id: it is empty; expected 1 to 255 bytes")
        #expect(faultWith(#""version":0"#) == "version is not a whole number from 1 to 4294967295")
        #expect(faultWith(#""version":1.0"#) == "version is not a whole number from 1 to 4294967295")
        #expect(fault(#"{"category":1,"event_type":"t","aggregate_id":"a"}"#) == "category is not a string")
    }

    @Test(
        "what is no JSON object is refused, with the byte",
        arguments: [
            ("[]", "expected a JSON object at byte 1"), ("7", "expected a JSON object at byte 1"),
            ("{", "expected a string at byte 2"), ("{\"a\":1,}", "unknown field"),
            ("{} x", "expected nothing more at byte 4"),
            (#"{"data":{"a":01}}"#, "expected a comma or } at byte 15"),
            (#"{"data":{"a":.5}}"#, "expected a value at byte 14"),
            (#"{"data":{"a":1.}}"#, "expected a digit at byte 16"),
            (#"{"data":{"a":nul}}"#, "expected null at byte 14"),
            (#"{"data":{"a" 1}}"#, "expected a colon at byte 14"),
            (#"{"data":{"a":"\x"}}"#, "expected an escape that JSON has"),
            (#"{"data":{"a":"\u12G4"}}"#, "expected four hexadecimal digits"),
            ("{\"data\":{\"a\":\"\t\"}}", "expected no control character"),
            (#"{"data":{"a":"#, "expected a value at byte 14"), (#"{"data":{"a":"x"#, "expected a closing quote"),
            (#"{"data":{"a":[1}}"#, "expected a comma or ] at byte 16"),
            (#"{"data":{1:2}}"#, "expected a string at byte 10"),
        ]
    )
    func noObject(line: String, reason: String) {
        #expect(fault(line)?.hasPrefix(reason) == true, "\(fault(line) ?? "accepted")")
    }

    @Test("invalid UTF-8 is refused wherever it stands")
    func invalidUTF8() {
        var line = Array(#"{"category":"c","event_type":"t","aggregate_id":"a","data":{"a":"_"}}"#.utf8)
        line[line.lastIndex(of: UInt8(ascii: "_"))!] = 0xFF
        #expect(throws: EventLineFault(description: "invalid UTF-8 at byte 66")) { try EventLine.event(line) }
    }

    @Test("depth costs no stack")
    func deepNesting() throws {
        let depth = 200_000
        let deep = #"{"a":"# + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
        #expect(try with(#""data":\#(deep)"#).data.count == deep.utf8.count)
        #expect(faultWith(#""data":{"a":"# + String(repeating: "[", count: depth)) != nil)
    }
}
