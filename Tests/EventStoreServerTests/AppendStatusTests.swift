// Owns: the promises of WITHSTATUS, of tags as a set, and of what identifies an aggregate, on the wire.

import EventModel
import EventStore
import EventWire
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct AppendStatusTests {
    private static let uuids = (1...3).map { "00000000-0000-4000-8000-00000000000\($0)" }
    private static let count = "return { reduce = function(s, e) s.n = (s.n or 0) + 1 return s end }"

    private func pair(_ id: Int64, _ status: String) -> RESPValue { .array([.integer(id), .bulk(Array(status.utf8))]) }

    @Test("With WITHSTATUS the answer says whether the event was there already; without it, it is the id as ever")
    func single() async throws {
        try await TestServer.run { test in
            let client = try test.connect()
            let append = ["EV.APPEND", "c", "a", "t", "{}", "ID", Self.uuids[0]]
            #expect(try client.ask(append + ["WITHSTATUS"]) == pair(1, "appended"))
            #expect(try client.ask(append + ["WITHSTATUS"]) == pair(1, "existed"))
            #expect(try client.ask(append) == .integer(1))
            #expect(try client.ask("EV.APPEND", "c", "a", "t", "{}", "WITHSTATUS") == pair(2, "appended"))
            let other = ["EV.APPEND", "c", "a", "t", "{\"n\":1}", "ID", Self.uuids[0], "WITHSTATUS"]
            #expect(try client.error(other)?.hasPrefix("REUSED 1 ") == true)
            #expect(try client.error(append + ["WITHSTATUS", "WITHSTATUS"])?.contains("given already") == true)
            // Among plain ones in one write, each has its own form.
            let plain = ["EV.APPEND", "c", "a", "t", "{}"]
            try client.send([plain, append + ["WITHSTATUS"], plain, plain + ["WITHSTATUS"], plain])
            #expect(
                try client.receive(5) == [
                    .integer(3), pair(1, "existed"), .integer(4), pair(5, "appended"), .integer(6),
                ]
            )
        }
    }

    @Test("In a transaction each event that asks is told; the retry of one with and without ID is the same success")
    func transaction() async throws {
        try await TestServer.run { test in
            let client = try test.connect()
            let events = [
                ["EV.APPEND", "c", "a", "t", "{}", "ID", Self.uuids[0], "WITHSTATUS"],
                ["EV.APPEND", "c", "b", "t", "{}"],
                ["EV.APPEND", "c", "d", "t", "{}", "WITHSTATUS"],
            ]
            for status in ["appended", "existed"] {
                try client.send([["MULTI"]] + events + [["EXEC"]])
                #expect(try client.receive(4) == [.ok, .queued, .queued, .queued])
                #expect(try client.receive() == .array([pair(1, status), .integer(2), pair(3, status)]))
            }
            #expect(test.store.tail == EventID(3))
        }
    }

    @Test("A tag that is given twice is there once")
    func tags() async throws {
        try await TestServer.run { test in
            let client = try test.connect()
            let tags = ["b", "a", "b", "a", "c"].flatMap { ["TAG", $0] }
            #expect(try client.ask(["EV.APPEND", "c", "a", "t", "{}"] + tags) == .integer(1))
            #expect(try client.ask("EV.GET", "1").event?.tags == ["b", "a", "c"])
            #expect(try client.ask("EV.APPEND", "c", "a", "t", "{}", "TAG", "x", "TAG", "x") == .integer(2))
            #expect(try client.ask("EV.GET", "2").event?.tags == ["x"])
        }
    }

    @Test("A state is that of a category's aggregate, or of the id in every category")
    func aggregates() async throws {
        try await TestServer.run(reducers: ["count": Self.count]) { test in
            let client = try test.connect()
            for category in ["order", "payment", "order"] {
                _ = try client.ask("EV.APPEND", category, "42", "t", "{}")
            }
            func state(_ words: String...) throws -> String? {
                try client.ask(["EV.STATE", "42", "REDUCER", "count"] + words).text
            }
            let head = #"{"category":"order","aggregate_id":"42","reducer":"count","#
            #expect(
                try state("CATEGORY", "order") == head + #""events_processed":2,"event_id":3,"state":{"n":2}}"#
            )
            #expect(try state("CATEGORY", "order", "ASOF", "2")?.hasSuffix(#""state":{"n":1}}"#) == true)
            #expect(try state("CATEGORY", "none")?.contains(#""events_processed":0"#) == true)
            #expect(
                try state()
                    == #"{"aggregate_id":"42","reducer":"count","events_processed":3,"event_id":3,"state":{"n":3}}"#
            )
            let new = ["UNLESS", "CATEGORY", "payment", "AGGREGATE", "43", "AFTER", "0"]
            #expect(try client.ask("EV.APPEND", "order", "43", "t", "{}") == .integer(4))
            #expect(try client.ask(["EV.APPEND", "payment", "43", "t", "{}"] + new) == .integer(5))
            #expect(
                try client.error(["EV.APPEND", "payment", "43", "t", "{}"] + new)?.hasPrefix("CONFLICT 5 ") == true
            )
        }
    }
}
