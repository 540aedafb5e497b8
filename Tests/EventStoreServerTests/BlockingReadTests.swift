// Owns: the promises of EV.READ … BLOCK: at once where there is a match, else with the first one, else null in time.

import EventModel
import EventStore
import EventWire
import Testing

@Suite(.timeLimit(.minutes(20))) struct BlockingReadTests {
    private let append = ["EV.APPEND", "c", "a", "t", "{}"]

    /// Waits until the blocked read is a subscription of the store.
    private func isBlocked(_ test: TestServer, readers: Int = 1) -> Bool {
        eventually { test.store.subscriptionCount == readers }
    }

    @Test("A match that is there already is answered at once")
    func immediate() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            try connection.send([append, append, ["EV.READ", "BLOCK", "0"]])
            #expect(try connection.receive(3)[2].events?.map(\.id.rawValue) == [1, 2])
        }
    }

    @Test("A read waits for the first event that matches, and only for that")
    func waits() async throws {
        try await TestServer.run { test in
            let (reader, writer) = (try test.connect(), try test.connect())
            try reader.send([["EV.READ", "TYPE", "wanted", "BLOCK", "0"], ["PING"]])
            #expect(isBlocked(test))
            for _ in 0..<10 { _ = try writer.ask(append) }
            _ = try writer.ask("EV.APPEND", "c", "a", "wanted", "{}")
            #expect(try reader.receive().events?.map(\.id.rawValue) == [11])
            #expect(try reader.receive() == .simple("PONG"))
            #expect(eventually { test.store.subscriptionCount == 0 })
        }
    }

    @Test("AFTER $ waits for what is appended from now on")
    func tail() async throws {
        try await TestServer.run { test in
            let (reader, writer) = (try test.connect(), try test.connect())
            for _ in 0..<3 { _ = try writer.ask(append) }
            try reader.send([["EV.READ", "AFTER", "$", "BLOCK", "0"]])
            #expect(isBlocked(test))
            _ = try writer.ask(append)
            #expect(try reader.receive().events?.map(\.id.rawValue) == [4])
        }
    }

    @Test("When the time is up the answer is null, and the connection goes on")
    func timeout() async throws {
        try await TestServer.run { test in
            let connection = try test.connect(resp3: true)
            try connection.send([["EV.READ", "BLOCK", "20"], append])
            #expect(try connection.receive(2) == [.null, .integer(1)])
            #expect(test.store.subscriptionCount == 0)
        }
    }

    @Test("Reading on with BLOCK gives every event once, in order, while a writer appends")
    func consumer() async throws {
        try await TestServer.run { test in
            let (reader, writer) = (try test.connect(), try test.connect())
            try writer.send(Array(repeating: append, count: 300))
            var ids: [UInt64] = []
            while ids.count < 300 {
                ids +=
                    try reader.ask("EV.READ", "AFTER", "\(ids.last ?? 0)", "COUNT", "7", "BLOCK", "5000").events?.map(
                        \.id.rawValue
                    ) ?? []
                if ids.isEmpty { break }
            }
            #expect(ids == Array(1...300))
            _ = try writer.receive(300)
        }
    }

    @Test("COUNT holds for a read that had to wait")
    func count() async throws {
        try await TestServer.run { test in
            let (reader, writer) = (try test.connect(), try test.connect())
            try reader.send([["EV.READ", "COUNT", "2", "BLOCK", "0"]])
            #expect(isBlocked(test))
            try writer.send([["MULTI"]] + Array(repeating: append, count: 5) + [["EXEC"]])
            #expect(try reader.receive().events?.map(\.id.rawValue) == [1, 2])
        }
    }

    @Test("Many may wait for one event, and nobody else is held up")
    func many() async throws {
        try await TestServer.run { test in
            let readers = try (0..<20).map { _ in try test.connect() }
            for reader in readers { try reader.send([["EV.READ", "BLOCK", "0"]]) }
            #expect(isBlocked(test, readers: 20))
            let writer = try test.connect()
            #expect(try writer.ask("EV.COUNT") == .integer(0))
            _ = try writer.ask(append)
            for reader in readers { #expect(try reader.receive().events?.count == 1) }
        }
    }

    @Test("Who has sent all it will send waits for nothing new, and is answered all that it has asked")
    func halfClosed() async throws {
        try await TestServer.run { test in
            for isWaitingBefore in [true, false] {
                let reader = try test.connect()
                try reader.send([["EV.COUNT"], ["EV.READ", "BLOCK", "0"], ["PING"]])
                if isWaitingBefore { #expect(isBlocked(test)) }
                reader.endSending()
                #expect(try reader.receive() == .integer(0))
                #expect(try reader.receive() == .null)
                #expect(try reader.receive() == .simple("PONG"))
                #expect(throws: RawConnection.Failure.self) { try reader.receive() }
            }
        }
    }
}
