import EventModel
import EventNDJSON
import Foundation
import Testing

@testable import evctl

@Suite("Output forms")
struct OutputTests {
    static let plain = Event(
        id: EventID(42),
        category: "order",
        aggregateID: "order-001",
        eventType: "created",
        data: Array(#"{"b":1.50, "a":123456789012345678901234567890}"#.utf8),
        timestamp: Timestamp(nanoseconds: 1_500_000_000),
        recordedAt: Timestamp(nanoseconds: 1_700_000_000_250_000_000)
    )
    static let full = Event(
        id: EventID(43),
        category: "or\"der",
        aggregateID: "é",
        eventType: "t\\u",
        data: Array("{\n  \"a\": 1\r\n}".utf8),
        timestamp: Timestamp(nanoseconds: -1),
        recordedAt: Timestamp(nanoseconds: 0),
        version: 7,
        identifier: "0190f5ea-7c7e-7000-8000-0123456789ab",
        tags: ["x", "y\"z"],
        metadata: Array(#"{"by":1}"#.utf8)
    )

    func printed(
        _ event: Event,
        _ form: OutputForm,
        times: TimesForm = .number,
        columns: Int? = nil,
        terminal: Terminal = .none
    ) -> String {
        var output: [UInt8] = []
        EventPrinter(form: form, times: times, zone: .utc, terminal: terminal, columns: columns)
            .append(event, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test("json is one line with the frozen fields in the frozen order, data byte for byte")
    func json() {
        #expect(
            printed(Self.plain, .json) == #"""
                {"event_id":42,"category":"order","event_type":"created","aggregate_id":"order-001",
                """# + #"""
                    "data":{"b":1.50, "a":123456789012345678901234567890},"timestamp":1.5,"version":1,
                    """# + #"""
                    "recorded_at":1700000000.25}
                    """# + "\n"
        )
    }

    @Test("id, tags and metadata follow where they are set; a line break between tokens becomes a space")
    func jsonFull() {
        #expect(
            printed(Self.full, .json) == #"""
                {"event_id":43,"category":"or\"der","event_type":"t\\u","aggregate_id":"é","data":{   "a": 1  },
                """# + #"""
                    "timestamp":-0.000000001,"version":7,"recorded_at":0,
                    """# + #"""
                    "id":"0190f5ea-7c7e-7000-8000-0123456789ab","tags":["x","y\"z"],"metadata":{"by":1}}
                    """# + "\n"
        )
    }

    @Test("times as strings have the same digits, in all forms that are JSON")
    func timesAsStrings() {
        let line = printed(Self.plain, .json, times: .string)
        #expect(line.contains(#","timestamp":"1.5","version":1,"recorded_at":"1700000000.25"}"#))
        #expect(printed(Self.full, .jsonPretty, times: .string).contains(#""timestamp": "-0.000000001""#))
        #expect(printed(Self.plain, .short, times: .string) == printed(Self.plain, .short))
    }

    @Test("times as strings keep their digits through a reader whose numbers are doubles, and times as numbers do not")
    func doubles() throws {
        let exact = Timestamp(nanoseconds: 1_700_000_000_123_456_789)
        let event = Event(
            id: EventID(1),
            category: "c",
            aggregateID: "a",
            eventType: "t",
            data: Array("{}".utf8),
            timestamp: exact,
            recordedAt: exact
        )
        for times in TimesForm.allCases {
            var object = try #require(
                try JSONSerialization.jsonObject(with: Data(printed(event, .json, times: times).utf8)) as? [String: Any]
            )
            if let number = object["timestamp"] as? Double { object["timestamp"] = number }
            let line = try JSONSerialization.data(withJSONObject: object)
            let read = try? EventLine.event(Array(line))
            #expect((read?.timestamp == exact) == (times == .string))
        }
    }

    @Test("import reads back what json prints", arguments: [plain, full], TimesForm.allCases)
    func roundTrip(event: Event, times: TimesForm) throws {
        let line = Array(printed(event, .json, times: times).utf8.dropLast())
        let read = try EventLine.event(line)
        #expect(read.category == event.category && read.aggregateID == event.aggregateID)
        #expect(read.eventType == event.eventType && read.timestamp == event.timestamp)
        #expect(read.version == event.version && read.identifier == event.identifier)
        #expect(read.tags == event.tags && read.metadata == event.metadata)
        #expect(read.data == event.data.map { $0 == 10 || $0 == 13 ? 32 : $0 })
    }

    @Test("short is time, id, category/aggregate, type and data")
    func short() {
        #expect(
            printed(Self.plain, .short)
                == "1970-01-01T00:00:01.500Z  42  order/order-001  created  "
                + #"{"b":1.50, "a":123456789012345678901234567890}"# + "\n"
        )
    }

    @Test("short ends at the terminal's edge")
    func shortIsCut() {
        let line = printed(Self.plain, .short, columns: 70)
        #expect(line.count == 71)
        #expect(line.hasSuffix("…\n"))
    }

    @Test("wide has everything on one line")
    func wide() {
        let line = printed(Self.full, .wide)
        for part in [
            "version=7", "recorded_at=1970-01-01T00:00:00Z", "id=0190f5ea", "tag=x", "tag=y\"z", #"metadata={"by":1}"#,
        ] {
            #expect(line.contains(part))
        }
        #expect(line.filter { $0.isNewline }.count == 1)
    }

    @Test("colours appear on a terminal that has them, and what would steer a terminal does not")
    func colours() {
        let terminal = Terminal(isOutput: true, isError: true, hasColour: true)
        #expect(printed(Self.plain, .short, terminal: terminal).contains("\u{1B}[1mcreated\u{1B}[0m"))
        #expect(!printed(Self.plain, .short).contains("\u{1B}"))
        let steering = Event(
            id: EventID(1),
            category: "c",
            aggregateID: "a",
            eventType: "t",
            data: Array("{\"a\":\"\u{9B}2J\u{7F}\"}".utf8),
            timestamp: Timestamp(nanoseconds: 0),
            recordedAt: Timestamp(nanoseconds: 0)
        )
        #expect(printed(steering, .short, terminal: terminal).contains(#"\u009b2J\u007f"#))
    }

    @Test("NO_COLOR is obeyed")
    func noColour() {
        // The tests' own output is no terminal in any case; what counts is that the variable wins over a terminal.
        #expect(!Terminal(environment: { $0 == "NO_COLOR" ? "1" : nil }).hasColour)
    }

    @Test(
        "seconds are printed exactly as Timestamp prints them",
        arguments: [0, 1, -1, 1_000_000_000, 1_500_000_000, -2_500_000_000, 1_700_000_000_123_456_789, .min, .max]
            as [Int64]
    )
    func seconds(nanoseconds: Int64) {
        let moment = Timestamp(nanoseconds: nanoseconds)
        var bytes: [UInt8] = []
        bytes.append(seconds: moment)
        #expect(String(decoding: bytes, as: UTF8.self) == moment.description)
    }

    @Test("control characters in a JSON string are escaped")
    func escapes() {
        var bytes: [UInt8] = []
        bytes.append(jsonString: "a\u{1}\n\u{1F}\"\\/é")
        #expect(String(decoding: bytes, as: UTF8.self) == #""a\u0001\u000a\u001f\"\\/é""#)
    }

    @Test("a table's columns are as wide as their widest cell")
    func table() {
        #expect(Table(["A", "B"], [["long", "1"], ["", "22"]]).lines == ["A     B", "long  1", "      22"])
    }

    @Test("quantities are printed for people")
    func quantities() {
        #expect([0, 999, 1000, 1_234_567].map(Quantity.grouped) == ["0", "999", "1,000", "1,234,567"])
        #expect([0, 1, 1000].map { Quantity.counted($0, "line") } == ["0 lines", "1 line", "1,000 lines"])
        #expect(
            [0, 1023, 1024, 4300, 1_073_741_824].map(Quantity.bytes) == [
                "0 B", "1023 B", "1.0 KiB", "4.2 KiB", "1.0 GiB",
            ]
        )
        #expect(
            [0, 999, 87_340, 12_500_000, 1_200_000_000].map(Quantity.duration) == [
                "0 ns", "999 ns", "87.3 µs", "12.5 ms", "1.2 s",
            ]
        )
        #expect([0, 7, 754, 3723].map(Quantity.clock) == ["0:00", "0:07", "12:34", "1:02:03"])
    }

    @Test("a progress line says share, rate and time left where the total is known")
    func progress() {
        let known = ProgressMeter(.bytes, total: 4 << 20, isShown: false)
        #expect(
            known.line(1 << 20, elapsed: .seconds(2))
                == "[######..................]  25 %  1.0 MiB  512.0 KiB/s  0:06 left"
        )
        let unknown = ProgressMeter(.events, total: nil, isShown: false)
        #expect(unknown.line(5000, elapsed: .seconds(2)) == "5,000 events  2,500/s")
    }
}
