// Owns: the promise that RESP2 and RESP3 say the same in their own forms, and that stock clients can begin a connection.

import EventModel
import EventStoreServer
import EventWire
import Testing

@Suite(.timeLimit(.minutes(20))) struct DialectTests {
    private let append = [
        "EV.APPEND", "order", "order-001", "created", #"{"n":1}"#, "TIMESTAMP", "1.5", "VERSION", "2", "ID",
        "01234567-89ab-4def-8123-456789abcdef", "TAG", "x", "TAG", "y", "METADATA", #"{"by":"me"}"#,
    ]

    @Test("An event is a map in RESP3 and a flat array in RESP2, with the same fields")
    func event() async throws {
        try await TestServer.run { test in
            let (two, three) = (try test.connect(), try test.connect(resp3: true))
            _ = try two.ask(append)
            guard case .array(let flat) = try two.ask("EV.GET", "1"), case .map(let map) = try three.ask("EV.GET", "1")
            else { return #expect(Bool(false), "neither an array nor a map") }
            #expect(flat == map)
            let names = stride(from: 0, to: flat.count, by: 2).map { flat[$0].text }
            #expect(
                names == [
                    "event_id", "category", "event_type", "aggregate_id", "data", "timestamp", "version", "recorded_at",
                    "id", "tags", "metadata",
                ]
            )
            let event = try #require(RESPValue.map(map).event)
            #expect(event.timestamp == Timestamp(nanoseconds: 1_500_000_000))
            #expect(event.version == 2)
            #expect(event.tags == ["x", "y"])
            #expect(RESPValue.map(map)[field: "event_id"] == .integer(1))
            #expect(RESPValue.map(map)[field: "version"] == .integer(2))
            #expect(RESPValue.map(map)[field: "timestamp"] == .bulk(Array("1.5".utf8)))
        }
    }

    @Test("Optional fields are absent where they were not set")
    func absent() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            _ = try connection.ask("EV.APPEND", "c", "a", "t", "{}")
            let event = try connection.ask("EV.GET", "1")
            #expect(event.elements?.count == 16)
            for field in ["id", "tags", "metadata"] { #expect(event[field: field] == nil) }
            #expect(event[field: "timestamp"] == event[field: "recorded_at"])
        }
    }

    @Test("Nothing is written as each dialect writes it")
    func nothing() async throws {
        try await TestServer.run { test in
            let (two, three) = (try test.connect(), try test.connect(resp3: true))
            for (words, resp2, resp3) in [
                (["EV.GET", "1"], "$-1\r\n", "_\r\n"), (["EV.READ"], "*0\r\n", "*0\r\n"),
                (["EV.READ", "BLOCK", "1"], "*-1\r\n", "_\r\n"),
            ] {
                try two.send([words])
                #expect(try two.receiveLine() == resp2, "\(words)")
                try three.send([words])
                #expect(try three.receiveLine() == resp3, "\(words)")
            }
        }
    }

    @Test("A reader names its last event to get the next page; REV turns it round")
    func pages() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            try connection.send(Array(repeating: ["EV.APPEND", "c", "a", "t", "{}"], count: 25))
            _ = try connection.receive(25)
            func ids(_ words: String...) throws -> [UInt64]? {
                try connection.ask(["EV.READ"] + words).events?.map(\.id.rawValue)
            }
            #expect(try ids("COUNT", "10") == Array(1...10))
            #expect(try ids("COUNT", "10", "AFTER", "20") == Array(21...25))
            #expect(try ids("REV", "COUNT", "3") == [25, 24, 23])
            #expect(try ids("REV", "COUNT", "3", "BEFORE", "3") == [2, 1])
            #expect(try ids("AFTER", "$") == [])
        }
    }

    @Test("A reply of EV.READ is bounded in bytes")
    func replyBytes() async throws {
        try await TestServer.run(server: { $0.replyBytes = 10_000 }) { test in
            let connection = try test.connect()
            let data = "{\"p\":\"" + String(repeating: "x", count: 3000) + "\"}"
            for _ in 0..<10 { _ = try connection.ask("EV.APPEND", "c", "a", "t", data) }
            #expect(try connection.ask("EV.READ").events?.map(\.id.rawValue) == [1, 2, 3])
        }
    }

    @Test("Stock clients can say hello, name themselves, ask for commands and leave")
    func handshake() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            #expect(try connection.ask("HELLO", "3")[field: "proto"] == .integer(3))
            #expect(try connection.error("HELLO", "4")?.contains("NOPROTO") == true)
            #expect(try connection.ask("CLIENT", "SETINFO", "LIB-NAME", "test") == .ok)
            #expect(try connection.ask("SELECT", "0") == .ok)
            #expect(try connection.ask("COMMAND", "COUNT").unsigned ?? 0 > 20)
            #expect(try connection.ask("CONFIG", "GET", "save").elements == [.bulk(Array("save".utf8)), .bulk([])])
            #expect(try connection.ask("ECHO", "x") == .bulk([0x78]))
            #expect(try connection.ask("INFO").text?.contains("redis_version:7.0.0") == true)
            #expect(try connection.ask("RESET") == .simple("RESET"))
            try connection.send("PING\r\n")
            #expect(try connection.receiveLine() == "+PONG\r\n")
            #expect(try connection.ask("QUIT") == .ok)
            #expect(connection.isClosedByServer())
        }
    }
}
