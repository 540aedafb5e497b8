// Owns: the promises about positions on the wire: they may name their store, and one that is not of this store is refused in
// every command that takes one.

import EventModel
import EventStore
import EventWire
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct PositionWireTests {
    private static let reducer = "return { reduce = function(s, e) s.n = (s.n or 0) + 1 return s end }"
    private static let stranger = "01234567-89ab-7def-8123-456789abcdef"

    /// Every command that takes a position, with the position in it.
    private func commands(_ position: String) -> [[String]] {
        [
            ["EV.READ", "AFTER", position], ["EV.READ", "ASOF", position], ["EV.COUNT", "AFTER", position],
            ["EV.COUNT", "BEFORE", position], ["EV.READ", "AFTER", position, "BLOCK", "1"],
            ["EV.READ", "ASOF", position, "BLOCK", "1"], ["EV.FOLD", "REDUCER", "c", "AFTER", position],
            ["EV.STATE", "a", "REDUCER", "c", "ASOF", position], ["EV.PROJECTION", "c", "ASOF", position],
            ["EV.BLOCKS", "AFTER", position], ["EV.SUBSCRIBE", "AFTER", position], ["EV.SUBSCRIBE", "FROM", position],
            ["EV.APPEND", "c", "a", "t", "{}", "UNLESS", "AGGREGATE", "x", "AFTER", position],
        ]
    }

    @Test("A position beyond the tail, or of another store, is POSITION and the tail, in every command")
    func refused() async throws {
        try await TestServer.run(reducers: ["c": Self.reducer]) { test in
            let client = try test.connect(resp3: true)
            #expect(try client.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(1))
            let own = test.store.uuid.description
            for position in ["9", "18446744073709551615", "1@\(Self.stranger)", "9@\(own)"] {
                for command in commands(position) {
                    let error = try client.error(command)
                    #expect(error?.hasPrefix("POSITION 1 ") == true, "\(command): \(error ?? "no error")")
                }
            }
            #expect(test.store.tail == EventID(1))
        }
    }

    @Test("A position that names this store is as good as one that names none")
    func own() async throws {
        try await TestServer.run(reducers: ["c": Self.reducer]) { test in
            let client = try test.connect(resp3: true)
            for n in 1...2 { #expect(try client.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(Int64(n))) }
            for command in commands("1@\(test.store.uuid)") + commands("1@\(test.store.uuid.description.uppercased())")
            {
                try client.send([command])
                var reply = try client.receive()
                while case .push = reply { reply = try client.receive() }
                #expect(reply.errorText == nil, "\(command)")
            }
        }
    }

    @Test("HELLO tells the store that positions belong to")
    func hello() async throws {
        try await TestServer.run { test in
            let reply = try test.connect().ask("HELLO", "3")
            #expect(reply[field: "store"]?.text == test.store.uuid.description)
        }
    }

    @Test(
        "What is no position is refused as such",
        arguments: [
            "", "@", "1@", "@\(stranger)", "1@x", "-1", "1 @\(stranger)", "1@\(stranger)@", "18446744073709551616",
        ]
    )
    func malformed(text: String) async throws {
        try await TestServer.run { test in
            let error = try test.connect().error("EV.READ", "AFTER", text) ?? "none"
            #expect(error.hasPrefix("INVALID argument 2: expected a position"))
        }
    }

    @Test("$ is the tail in every question that takes a position; a condition takes none")
    func tail() async throws {
        try await TestServer.run(reducers: ["c": Self.reducer]) { test in
            let client = try test.connect(resp3: true)
            for n in 1...3 { #expect(try client.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(Int64(n))) }
            #expect(try client.ask("EV.COUNT", "AFTER", "$") == .integer(0))
            #expect(try client.ask("EV.COUNT", "BEFORE", "$") == .integer(2))
            #expect(try client.ask("EV.COUNT", "ASOF", "$") == .integer(3))
            #expect(
                try client.ask("EV.FOLD", "REDUCER", "c", "AFTER", "$").text?.contains("\"events_processed\":0") == true
            )
            #expect(try client.ask("EV.BLOCKS", "AFTER", "$").bytes?.isEmpty == true)
            #expect(try client.ask("EV.SUBSCRIBE", "FROM", "$") == .integer(1))
            // Appended before in the same write, and so before the tail.
            try client.send([["EV.APPEND", "c", "a", "t", "{}"], ["EV.READ", "AFTER", "$"]])
            var replies = [try client.receive(), try client.receive(), try client.receive()]
            let push = replies.remove(
                at: try #require(replies.firstIndex { if case .push = $0 { true } else { false } })
            )
            #expect(replies == [.integer(4), .array([])])
            guard case .push(let parts) = push else { return }
            #expect(parts[2].event?.id == EventID(4))
            let condition = try client.error("EV.APPEND", "c", "a", "t", "{}", "UNLESS", "TAG", "g", "AFTER", "$")
            #expect(condition?.hasPrefix("INVALID") == true)
        }
    }

    @Test("Positions of two stores in one command are refused")
    func twoStores() async throws {
        try await TestServer.run { test in
            let error = try test.connect().error(
                "EV.READ",
                "AFTER",
                "0@\(test.store.uuid)",
                "BEFORE",
                "1@\(Self.stranger)"
            )
            #expect(error?.contains("a position of the same store") == true)
        }
    }
}
