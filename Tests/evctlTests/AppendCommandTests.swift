import EventModel
import Testing

@testable import evctl

@Suite("append's arguments")
struct AppendCommandTests {
    func event(_ arguments: String...) throws -> NewEvent {
        let invocation = Invocation(arguments: ["append"] + arguments, now: TimeGrammarTests.now)
        return try #require(try invocation.command() as? AppendCommand).event(invocation)
    }

    @Test("become the event, data byte for byte")
    func full() throws {
        let event = try event(
            "order",
            "o-1",
            "created",
            #"{"n": 1.0}"#,
            "--at",
            "-1h",
            "--event-version",
            "2",
            "--id",
            "0190f5ea-7c7e-7000-8000-0123456789ab",
            "--tag",
            "a",
            "--tag",
            "b",
            "--metadata",
            #"{"by":1}"#,
            "--utc"
        )
        #expect(
            event
                == NewEvent(
                    category: "order",
                    aggregateID: "o-1",
                    eventType: "created",
                    data: Array(#"{"n": 1.0}"#.utf8),
                    timestamp: Timestamp(rfc3339: "2026-03-01T08:30:00.25Z"),
                    version: 2,
                    identifier: "0190f5ea-7c7e-7000-8000-0123456789ab",
                    tags: ["a", "b"],
                    metadata: Array(#"{"by":1}"#.utf8)
                )
        )
    }

    @Test("leave data empty and the time to the store")
    func minimal() throws {
        #expect(try event("c", "a", "t") == NewEvent(category: "c", aggregateID: "a", eventType: "t"))
    }

    @Test("are refused where they cannot be meant")
    func refused() {
        #expect(throws: Failure.self) { try event("", "a", "t") }
        #expect(throws: Failure.self) { try event("c", "a", "t", "--id", "") }
        #expect(throws: Failure.self) { try event("c", "a", "t", "--id", String(repeating: "x", count: 256)) }
        #expect(throws: Failure.self) { try event("c", "a", "t", "--event-version", "0") }
        #expect(throws: Failure.self) { try event("c", "a", "t", "--at", "soon") }
    }
}
