// Owns: the promise of pipelining: whatever is sent in one write is answered in order, each command after the effects of
// those before it.

import EventModel
import EventStore
import Foundation
import Synchronization
import Testing

@testable import EventWire

@Suite(.timeLimit(.minutes(20))) struct PipelineTests {
    @Test("Appends, mistakes, reads and transactions in one write are answered in order")
    func mixture() async throws {
        let append = ["EV.APPEND", "c", "a", "t", "{}"]
        try await TestServer.run { test in
            let connection = try test.connect()
            try connection.send([
                append, ["EV.APPEND", "c", "a", "t", "nonsense"], append, ["EV.COUNT"], ["NONSENSE"], append, ["MULTI"],
                append, append, ["EXEC"], ["EV.GET", "5"], append + ["UNLESS", "AFTER", "0"], ["PING"], append,
                ["EV.COUNT"],
            ])
            let replies = try connection.receive(15)
            #expect(replies[0] == .integer(1))
            #expect(replies[1].errorText?.hasPrefix("INVALID ") == true)
            #expect(replies[2] == .integer(2))
            #expect(replies[3] == .integer(2))
            #expect(replies[4].errorText?.contains("unknown command") == true)
            #expect(replies[5] == .integer(3))
            #expect(replies[6...9] == [.ok, .queued, .queued, .array([.integer(4), .integer(5)])])
            #expect(replies[10].event?.id == EventID(5))
            #expect(replies[11].errorText?.hasPrefix("CONFLICT 5 ") == true)
            #expect(replies[12...14] == [.simple("PONG"), .integer(6), .integer(6)])
        }
    }

    @Test("A client that has sent its last byte gets all its answers, and then the end")
    func halfClosed() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            let append = ["EV.APPEND", "c", "a", "t", "{}"]
            try connection.send([append, append, ["EV.COUNT"], append, ["EV.GET", "3"]])
            connection.endSending()
            let replies = try connection.receive(5)
            #expect(replies[0...3] == [.integer(1), .integer(2), .integer(2), .integer(3)])
            #expect(replies[4].event?.id == EventID(3))
            #expect(connection.isClosedByServer())
            #expect(try test.connect().ask("PING") == .simple("PONG"))
        }
    }

    @Test(
        "A long pipeline of every kind of command, cut anywhere, is answered in order",
        arguments: [1, 7, 1000, 100_000]
    )
    func long(chunk: Int) async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            var encoder = CommandEncoder()
            var expected: [RESPValue] = []
            var tail: Int64 = 0
            let rounds = chunk == 1 ? 20 : 300
            for n in 0..<rounds {
                switch n % 5 {
                case 0, 1, 2:
                    encoder.command(["EV.APPEND", "c", "a", "t", "{\"n\":\(n)}"])
                    tail += 1
                    expected.append(.integer(tail))
                case 3:
                    encoder.command(["EV.COUNT"])
                    expected.append(.integer(tail))
                default:
                    encoder.command(["ECHO", "\(n)"])
                    expected.append(.bulk(Array("\(n)".utf8)))
                }
            }
            let bytes = encoder.bytes
            for start in stride(from: 0, to: bytes.count, by: chunk) {
                try connection.send(Array(bytes[start..<min(start + chunk, bytes.count)]))
            }
            #expect(try connection.receive(rounds) == expected)
        }
    }

    @Test("A client may send megabytes before it reads the first reply")
    func readsLate() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            var encoder = CommandEncoder()
            let data = "{\"p\":\"" + String(repeating: "x", count: 400) + "\"}"
            for _ in 0..<8000 { encoder.command(["EV.APPEND", "c", "a", "t", data]) }
            try connection.send(encoder.bytes)
            #expect(try connection.receive(8000) == (1...8000).map { .integer($0) })
        }
    }

    @Test("A client that reads no replies holds up nobody, and gets them all when it reads")
    func readsNothing() async throws {
        try await TestServer.run { test in
            let (greedy, other) = (try test.connect(), try test.connect())
            let data = "{\"p\":\"" + String(repeating: "x", count: 100_000) + "\"}"
            for _ in 0..<20 { _ = try other.ask("EV.APPEND", "c", "a", "t", data) }
            try greedy.send(Array(repeating: ["EV.READ"], count: 20))
            for n in 21...40 { #expect(try other.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(Int64(n))) }
            for _ in 0..<20 { #expect(try greedy.receive().events?.count ?? 0 >= 20) }
        }
    }

    @Test("An append never overtakes an earlier one of its connection, whichever thread commits it")
    func order() async throws {
        // Syncs that cost nothing leave little time between a commit by the writer and its answer, in which the event loop
        // could commit the next append by itself.
        let memory = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : "/tmp"
        let folder = "\(memory)/evstore-test-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await TestServer.run(store: { $0.directory = folder }) { test in
            let connection = try test.connect()
            let large = encoded([
                "EV.APPEND", "c", "a", "t", "{\"p\":\"" + String(repeating: "x", count: 18_000) + "\"}",
            ])
            let small = encoded(["EV.APPEND", "c", "a", "t", "{}"])
            var next: Int64 = 1
            for round in 0..<40 {
                // Alone for a while, so that the loop may commit by itself.
                for _ in 0..<18 {
                    try connection.send(small)
                    #expect(try connection.receive() == .integer(next))
                    next += 1
                }
                try connection.send(large)
                for _ in 0..<(round * 37 % 400) * 10 { Self.spin.wrappingAdd(1, ordering: .relaxed) }
                try connection.send(small)
                try #require(try connection.receive(2) == [.integer(next), .integer(next + 1)])
                next += 2
            }
        }
    }

    private static let spin = Atomic(0)

    private func encoded(_ words: [String]) -> [UInt8] {
        var encoder = CommandEncoder()
        encoder.command(words)
        return encoder.bytes
    }

    @Test("What QUIT ends has been answered before, to the last byte")
    func quit() async throws {
        try await TestServer.run { test in
            let (connection, other) = (try test.connect(), try test.connect())
            let data = "{\"p\":\"" + String(repeating: "x", count: 100_000) + "\"}"
            for _ in 0..<7 { _ = try other.ask("EV.APPEND", "c", "a", "t", data) }
            try connection.send([
                ["EV.READ"], ["EV.APPEND", "c", "a", "t", "{}"], ["QUIT"], ["EV.APPEND", "c", "a", "t", "{}"],
            ])
            usleep(100_000)
            #expect(try connection.receive().events?.count == 7)
            #expect(try connection.receive() == .integer(8))
            #expect(try connection.receive() == .ok)
            #expect(connection.isClosedByServer())
            #expect(try other.ask("EV.COUNT") == .integer(8))
        }
    }
}
