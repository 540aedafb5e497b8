// Owns: an event of a later version as a client of the wire meets it.

import CraftedRecords
import EventModel
import EventStore
import EventWire
import SegmentLog
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct LaterEventWireTests {
    private static let counts = "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"
    private static let sentence = "LATER 3 3 event 3 was written by a later version of evstore"

    /// A server whose event 3 of 4 is of a later version.
    private func withLater(_ body: (TestServer) async throws -> Void) async throws {
        let directory = TemporaryDirectory()
        var options = StoreOptions(directory: directory.path + "/data")
        options.log.segmentBytes = 1 << 20
        options.log.spareFiles = 0
        try await TestServer.run(store: { $0 = options }) { test in
            let connection = try test.connect()
            for _ in 1...2 { _ = try connection.ask("EV.APPEND", "thing", "thing-1", "happened", "{}") }
        }
        try CraftedRecords.append([CraftedRecords.later[0]], to: options.directory, options: options.log)
        try await TestServer.run(
            reducers: ["counts": Self.counts],
            store: { $0.directory = options.directory }
        ) { test in
            #expect(try test.connect().ask("EV.APPEND", "thing", "thing-1", "happened", "{}") == .integer(4))
            try await body(test)
        }
        withExtendedLifetime(directory) {}
    }

    private func ids(_ value: RESPValue) -> [UInt64]? { value.events?.map(\.id.rawValue) }

    @Test func `Every command that comes to it says LATER with its id, and goes on behind it`() async throws {
        try await withLater { test in
            let connection = try test.connect()
            #expect(ids(try connection.ask("EV.READ")) == [1, 2])
            #expect(try connection.error("EV.READ", "AFTER", "2") == Self.sentence)
            #expect(ids(try connection.ask("EV.READ", "AFTER", "3")) == [4])
            #expect(ids(try connection.ask("EV.READ", "REV")) == [4])
            #expect(try connection.error("EV.GET", "3") == Self.sentence)
            #expect(try connection.error("EV.STATE", "thing-1", "REDUCER", "counts") == Self.sentence)
            #expect(try connection.error("EV.FOLD", "REDUCER", "counts") == Self.sentence)
            #expect(try connection.ask("EV.COUNT") == .integer(4))
            #expect(try test.info("state") == "ok" && test.info("damaged") == "")
        }
    }

    @Test func `SKIPDAMAGE passes over it, and folds and projections name it`() async throws {
        try await withLater { test in
            let connection = try test.connect()
            #expect(ids(try connection.ask("EV.READ", "SKIPDAMAGE")) == [1, 2, 4])
            let state = try connection.ask("EV.STATE", "thing-1", "REDUCER", "counts", "SKIPDAMAGE").text
            #expect(state?.hasSuffix(#""state":{"count":3},"lacking":[[3,3]]}"#) == true)
            let projection = try connection.ask("EV.PROJECTION", "counts").text
            #expect(projection?.hasSuffix(#""state":{"count":3},"lacking":[[3,3]]}"#) == true)
        }
    }

    @Test func `A subscription ends at it with the reason`() async throws {
        try await withLater { test in
            let connection = try test.connect(resp3: true)
            #expect(try connection.ask("EV.SUBSCRIBE", "FROM", "1") == .integer(1))
            let pushes = try (0..<3).map { _ in try #require(connection.receive().pushed) }
            #expect(pushes.map { $0[0].text } == ["ev.event", "ev.event", "ev.end"])
            #expect(pushes[2][2].text == Self.sentence)
        }
    }
}

extension RESPValue {
    /// The parts of a push; nil for anything else.
    fileprivate var pushed: [RESPValue]? {
        if case .push(let parts) = self { parts } else { nil }
    }
}
