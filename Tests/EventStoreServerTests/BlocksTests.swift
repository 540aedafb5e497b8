// Owns: the promises of EV.BLOCKS on the wire: its grammar, its bounds, and what it says where something is damaged or not there
// yet.

import EventModel
import EventStore
import EventWire
import SegmentLog
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct BlocksTests {
    private func run(_ body: (TestServer, RawConnection) async throws -> Void) async throws {
        try await TestServer.run { test in
            let client = try test.connect()
            let data = "{\"p\":\"" + String(repeating: "x", count: 2_000) + "\"}"
            for id in 1...120 { #expect(try client.ask("EV.APPEND", "c", "a", "t", data) == .integer(Int64(id))) }
            try await body(test, client)
        }
    }

    /// The last id of each block of an answer.
    private func ids(_ reply: RESPValue) throws -> [UInt64] {
        let bytes = try #require(reply.bytes)
        return try #require(TransferBlock.split(bytes)).map(\.lastID.rawValue)
    }

    @Test("It begins with the block that reaches past the id, and ends with the log")
    func bounds() async throws {
        try await run { _, client in
            let all = try ids(try client.ask("EV.BLOCKS"))
            #expect(all.count > 3 && all.last == 120)
            for after in [UInt64(0), 1, all[0], all[0] + 1, 119] {
                let some = try ids(try client.ask("EV.BLOCKS", "AFTER", "\(after)"))
                #expect(some == all.filter { $0 > after })
            }
            #expect(try client.ask("EV.BLOCKS", "AFTER", "120") == .bulk([]))
            #expect(try client.error("ev.blocks", "after", "\(UInt64.max)")?.hasPrefix("POSITION 120 ") == true)
        }
    }

    @Test("BYTES bounds an answer, of which there is at least one block")
    func bytes() async throws {
        try await run { _, client in
            let all = try ids(try client.ask("EV.BLOCKS"))
            #expect(try ids(try client.ask("EV.BLOCKS", "BYTES", "1")) == [all[0]])
            #expect(try ids(try client.ask("EV.BLOCKS", "AFTER", "0", "BYTES", "40000")).count == 2)
        }
    }

    @Test(
        "What it does not take is named",
        arguments: [
            ["BYTES", "0"], ["BYTES", "x"], ["BYTES"], ["AFTER", "-1"], ["AFTER"], ["AFTER", "1", "AFTER", "1"],
            ["CATEGORY", "c"],
        ]
    )
    func grammar(words: [String]) async throws {
        try await TestServer.run { test in
            let client = try test.connect()
            #expect(try client.ask(["EV.BLOCKS"] + words).errorText?.hasPrefix("INVALID") == true)
            #expect(try client.ask("MULTI") == .simple("OK"))
            #expect(try client.ask("EV.BLOCKS").errorText?.hasPrefix("ERR") == true)
        }
    }
}
