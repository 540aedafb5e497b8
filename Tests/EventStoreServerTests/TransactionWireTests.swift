// Owns: the promises of MULTI and EXEC on the wire.

import EventStoreServer
import EventWire
import Testing

@Suite(.timeLimit(.minutes(20))) struct TransactionWireTests {
    private let append = ["EV.APPEND", "c", "a", "t", "{}"]

    @Test("EXEC appends what was queued in one commit and answers with the ids")
    func exec() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            try connection.send([["MULTI"], append, append, ["EXEC"], append])
            #expect(
                try connection.receive(5)
                    == [.ok, .queued, .queued, .array([.integer(1), .integer(2)]), .integer(3)]
            )
            #expect(try connection.ask("MULTI") == .ok)
            #expect(try connection.ask("EXEC") == .array([]))
        }
    }

    @Test("Nothing is appended before EXEC, and nothing at all after DISCARD or RESET")
    func discard() async throws {
        try await TestServer.run { test in
            let (connection, other) = (try test.connect(), try test.connect())
            for end in ["DISCARD", "RESET"] {
                #expect(try connection.ask("MULTI") == .ok)
                #expect(try connection.ask(append) == .queued)
                #expect(try other.ask("EV.COUNT") == .integer(0))
                #expect(try connection.ask(end).errorText == nil)
                #expect(try connection.error("EXEC") == "ERR EXEC without MULTI")
            }
            #expect(try other.ask("EV.COUNT") == .integer(0))
        }
    }

    @Test(
        "A mistake between MULTI and EXEC is answered at once, and EXEC with EXECABORT: nothing is appended",
        arguments: [
            ["EV.APPEND", "c", "a", "t", "nonsense"], ["EV.APPEND", "c", "a", "t"], ["NONSENSE"], ["MULTI"],
            ["EV.COUNT"],
            ["EV.APPEND", "c", "a", "t", "{}", "TIMESTAMP", "soon"],
        ]
    )
    func mistake(words: [String]) async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            try connection.send([["MULTI"], append, words, append, ["EXEC"], ["EV.COUNT"]])
            let replies = try connection.receive(6)
            #expect(replies[0] == .ok && replies[1] == .queued && replies[3] == .queued)
            #expect(replies[2].errorText != nil)
            #expect(replies[4].errorText?.contains("EXECABORT") == true)
            #expect(replies[5] == .integer(0))
        }
    }

    @Test("Nested MULTI is refused by name")
    func nested() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            _ = try connection.ask("MULTI")
            #expect(try connection.error("MULTI") == "ERR MULTI calls can not be nested")
        }
    }

    @Test(
        "A condition that does not hold refuses all: EXEC has an element for each event, and the last is the error",
        arguments: [1, 2, 5],
        [false, true]
    )
    func conflict(events: Int, resp3: Bool) async throws {
        try await TestServer.run { test in
            let connection = try test.connect(resp3: resp3)
            let condition = ["UNLESS", "AGGREGATE", "a", "AFTER", "0"]
            try connection.send(
                [append, ["MULTI"], append + condition] + Array(repeating: append, count: events - 1)
                    + [["EXEC"], ["EV.COUNT"]]
            )
            let replies = try connection.receive(events + 4)
            #expect(isRefusal(replies[events + 2], of: events, "CONFLICT 1 "), "\(replies[events + 2])")
            #expect(replies[events + 3] == .integer(1))
        }
    }

    @Test("Whatever else refuses a transaction that was queued is answered in the same form")
    func tooBigForACommit() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            let large = ["EV.APPEND", "c", "a", "t", #"{"x":""# + String(repeating: "x", count: 700_000) + #""}"#]
            try connection.send([["MULTI"], large, large, append, ["EXEC"]])
            let replies = try connection.receive(5)
            #expect(replies[1...3].allSatisfy { $0 == .queued })
            #expect(isRefusal(replies[4], of: 3, "TOOBIG "), "\(replies[4])")
            #expect(try connection.ask(append) == .integer(1))
        }
    }

    private func isRefusal(_ reply: RESPValue, of events: Int, _ beginning: String) -> Bool {
        guard let elements = reply.elements, elements.count == events else { return false }
        return elements.dropLast().allSatisfy { $0 == .integer(0) }
            && elements.last?.errorText?.hasPrefix(beginning) == true
    }

    @Test("A retried transaction is told the ids it has")
    func retry() async throws {
        let id = "01234567-89ab-4def-8123-456789abcdef"
        try await TestServer.run { test in
            let connection = try test.connect()
            for _ in 0..<2 {
                try connection.send([["MULTI"], append + ["ID", id], ["EXEC"]])
                #expect(try connection.receive(3)[2] == .array([.integer(1)]))
            }
        }
    }

    @Test("A transaction beyond the command limit is refused when it passes it")
    func tooBig() async throws {
        try await TestServer.run(server: { options in
            options.limits.commandBytes = 1000
        }) { test in
            let connection = try test.connect()
            _ = try connection.ask("MULTI")
            var refusal: String?
            for _ in 0..<40 where refusal == nil { refusal = try connection.ask(append).errorText }
            #expect(refusal?.hasPrefix("TOOBIG ") == true)
            #expect(try connection.error("EXEC")?.contains("EXECABORT") == true)
        }
    }
}
