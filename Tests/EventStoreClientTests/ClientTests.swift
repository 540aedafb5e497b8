// Owns: the promises of the client about requests, answers and lost connections.

import EventModel
import EventStoreClient
import Testing

@Suite(.timeLimit(.minutes(20))) struct ClientTests {
    private let event = NewEvent(category: "order", aggregateID: "order-001", eventType: "created")

    /// Runs `body` with a client of a server that follows `script`.
    private func withClient(
        _ script: @escaping FakeServer.Script,
        _ body: (EventStoreClient) async throws -> Void
    ) async throws {
        let server = try await FakeServer.start(script)
        let client = try await EventStoreClient.connect(.patient(server.path))
        try await body(client)
        await client.close()
        await server.stop()
    }

    @Test("an append returns the id it was given")
    func append() async throws {
        try await withClient { words in
            .text(words == ["EV.APPEND", "order", "order-001", "created", "{}"] ? ":7\r\n" : "-ERR unexpected\r\n")
        } _: { client in
            let id = try await client.append(event)
            #expect(id == EventID(7))
        }
    }

    @Test("an error of the store arrives with its code and its ids")
    func storeError() async throws {
        try await withClient { _ in
            .text("-CONFLICT 12 in the way\r\n")
        } _: { client in
            let condition = AppendCondition(alternatives: [Criteria(tags: ["g"])], after: .zero)
            await #expect(throws: ClientError.store(StoreError(.conflict, ids: [EventID(12)], "in the way"))) {
                try await client.append(event, unless: condition)
            }
        }
    }

    @Test("pipelined events succeed and fail independently, in order")
    func pipelined() async throws {
        try await withClient { words in
            .text(words[2] == "bad" ? "-INVALID no\r\n" : ":\(words[2])\r\n")
        } _: { client in
            let events = ["1", "2", "bad", "4"].map { NewEvent(category: "c", aggregateID: $0, eventType: "t") }
            let results = try await client.appendPipelined(events).map { $0.map(\.id) }
            #expect(
                results == [
                    .success(EventID(1)), .success(EventID(2)), .failure(StoreError(.invalid, "no")),
                    .success(EventID(4)),
                ]
            )
            #expect(try await client.appendPipelined([]).isEmpty)
        }
    }

    @Test("many tasks share a client, and each gets its own answer")
    func concurrent() async throws {
        try await withClient { words in
            .text(":\(words[2])\r\n")
        } _: { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...500 as ClosedRange<UInt64> {
                    group.addTask { () async throws in
                        let event = NewEvent(category: "c", aggregateID: String(number), eventType: "t")
                        if number.isMultiple(of: 10) {
                            #expect(try await client.appendPipelined([event, event]).count == 2)
                        } else {
                            #expect(try await client.append(event) == EventID(number))
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("an atomic append is one transaction, and its first refusal is the reason")
    func atomic() async throws {
        let script: FakeServer.Script = { words in
            switch words[0] {
            case "MULTI": .text("+OK\r\n")
            case "EXEC": .text("*2\r\n:8\r\n:9\r\n")
            default: .text("+QUEUED\r\n")
            }
        }
        try await withClient(script) { client async throws in
            #expect(try await client.append([event, event]) == [EventID(8), EventID(9)])
            #expect(try await client.append([]).isEmpty)
        }
        let refusing: FakeServer.Script = { words in
            switch words[0] {
            case "MULTI": .text("+OK\r\n")
            case "EXEC": .text("-EXECABORT Transaction discarded because of previous errors.\r\n")
            default: .text("-TOOBIG one\r\n")
            }
        }
        try await withClient(refusing) { client in
            await #expect(throws: ClientError.store(StoreError(.tooBig, "one"))) {
                try await client.append([event, event])
            }
        }
        for error in [
            StoreError(.conflict, ids: [EventID(7)], "none of it"), StoreError(.noSpace, "none of it"),
            StoreError(.failed, "none of it"),
        ] {
            let lost: FakeServer.Script = { words in
                switch words[0] {
                case "MULTI": .text("+OK\r\n")
                case "EXEC": .text("*2\r\n:0\r\n-\(error)\r\n")
                default: .text("+QUEUED\r\n")
                }
            }
            try await withClient(lost) { client in
                await #expect(throws: ClientError.store(error)) { try await client.append([event, event]) }
            }
        }
    }

    @Test("queries send their words and read their answers")
    func queries() async throws {
        try await withClient { words in
            switch words {
            case ["EV.GET", "7"]: .bytes(eventBytes(7))
            case ["EV.GET", "8"]: .text("_\r\n")
            case ["EV.READ", "TYPE", "t", "COUNT", "2", "REV"]:
                .bytes(Array("*2\r\n".utf8) + eventBytes(2) + eventBytes(1))
            case ["EV.READ", "AFTER", "$", "BLOCK", "10"]: .text("_\r\n")
            case ["EV.COUNT"]: .text(":42\r\n")
            case ["EV.STATE", "a", "REDUCER", "r", "AT", "5", "ASOF", "@6"], ["EV.FOLD", "LUA", "x", "AFTER", "1"],
                ["EV.PROJECTION", "p"], ["EV.INFO"], ["EV.ROLL"], ["EV.SNAPSHOT"], ["EV.COMPACT"], ["EV.VERIFY"]:
                .text("$2\r\n{}\r\n")
            case ["EV.REBUILD", "p"]: .text("+OK\r\n")
            case ["EV.PROJECTIONS"]:
                .text(
                    "*1\r\n%5\r\n+name\r\n+p\r\n+event_id\r\n:5\r\n+lag\r\n:1\r\n+health\r\n+live\r\n+events_processed\r\n:3\r\n"
                )
            default: .text("-ERR unexpected \(words)\r\n")
            }
        } _: { client in
            let seven = try await client.get(EventID(7))
            #expect(seven?.id == EventID(7))
            #expect(seven?.recordedAt == Timestamp(nanoseconds: 6_500_000_000))
            #expect(try await client.get(EventID(8)) == nil)
            let filter = Filter(alternatives: [Criteria(types: ["t"])])
            let events = try await client.read(filter, count: 2, reversed: true)
            #expect(events.map(\.id) == [EventID(2), EventID(1)])
            #expect(try await client.read(blockMilliseconds: 10, afterTail: true).isEmpty)
            #expect(try await client.count() == 42)
            let braces = Array("{}".utf8)
            let (five, six) = (Timestamp(nanoseconds: 5_000_000_000), Timestamp(nanoseconds: 6_000_000_000))
            #expect(try await client.state(of: "a", reducer: "r", at: five, asOf: .time(six)) == braces)
            #expect(try await client.fold(.lua("x"), Filter(after: EventID(1))) == braces)
            #expect(try await client.projection("p") == braces)
            #expect(try await client.info() == "{}")
            #expect(try await client.roll() == braces)
            #expect(try await client.snapshot() == braces)
            #expect(try await client.compact() == braces)
            #expect(try await client.verify() == braces)
            try await client.rebuildProjection("p")
            #expect(
                try await client.projections() == [
                    ProjectionStatus(name: "p", eventID: EventID(5), lag: 1, health: "live", eventsProcessed: 3)
                ]
            )
        }
    }

    @Test("a connection lost with an append in flight leaves its outcome unknown")
    func outcomeUnknown() async throws {
        try await withClient { _ in
            .close
        } _: { client in
            await #expect(throws: ClientError.outcomeUnknown(reason: "the daemon closed the connection")) {
                try await client.append(event)
            }
            // By now the connection is known to be gone, so this one is never written.
            await #expect(throws: ClientError.disconnected(reason: "the daemon closed the connection")) {
                try await client.append(event)
            }
        }
    }

    @Test("a connection lost with a question in flight is just lost")
    func disconnected() async throws {
        try await withClient { _ in
            .close
        } _: { client in
            await #expect(throws: ClientError.disconnected(reason: "the daemon closed the connection")) {
                try await client.count()
            }
        }
    }

    @Test("closing a client ends what waits, and what comes after")
    func close() async throws {
        try await withClient { _ in
            .silence
        } _: { client in
            let waiting = Task { try await client.count() }
            try await Task.sleep(for: .milliseconds(50))
            await client.close()
            await #expect(throws: ClientError.disconnected(reason: "the client was closed")) { try await waiting.value }
            await #expect(throws: ClientError.disconnected(reason: "the client was closed")) {
                try await client.count()
            }
        }
    }

    @Test("an answer that is none ends the connection", arguments: ["?\r\n", "$-7\r\n", "+x\r\n"])
    func violations(answer: String) async throws {
        try await withClient { _ in
            .text(answer)
        } _: { client in
            do {
                _ = try await client.count()
                Issue.record("took \(answer) for a count")
            } catch ClientError.protocolViolation {}
        }
    }

    @Test("a socket that is not there is reported with its path")
    func noSocket() async {
        let path = "/tmp/evstore-there-is-no-such.sock"
        let reason = "there is no such socket; is evstored running?"
        await #expect(throws: ClientError.cannotConnect(path: path, reason: reason)) {
            try await EventStoreClient.connect(.patient(path))
        }
        await #expect(throws: ClientError.cannotConnect(path: path, reason: reason)) {
            let server = try await FakeServer.start { _ in .silence }
            let client = try await EventStoreClient.connect(.patient(server.path))
            await client.close()
            await server.stop()
            _ = try await EventStoreClient.connect(.patient(path))
        }
    }

    @Test("a path that does not fit a socket's address is reported with its length and the limit")
    func longPath() async {
        let path = "/tmp/" + String(repeating: "x", count: 103)
        let reason = "the path is 108 bytes long; a socket's is at most 107"
        await #expect(throws: ClientError.cannotConnect(path: path, reason: reason)) {
            try await EventStoreClient.connect(.patient(path))
        }
    }

    @Test("a daemon that refuses the greeting, or never answers it, is not connected to")
    func greeting() async throws {
        let refusing = try await FakeServer.start(greeting: "-LOADING recovering\r\n") { _ in .silence }
        await #expect(throws: ClientError.store(StoreError(.loading, "recovering"))) {
            try await EventStoreClient.connect(.patient(refusing.path))
        }
        await refusing.stop()
        let silent = try await FakeServer.start(greeting: "") { _ in .silence }
        var configuration = EventStoreClient.Configuration(socketPath: silent.path)
        configuration.connectTimeoutMilliseconds = 100
        await #expect(throws: ClientError.cannotConnect(path: silent.path, reason: "no answer within 100 ms")) {
            try await EventStoreClient.connect(configuration)
        }
        await silent.stop()
    }
}
