// Owns: the promises of EV.SUBSCRIBE: pushes from catch-up to live without a gap or a repeat, at the client's pace.

import EventModel
import EventStore
import EventWire
import Testing

@Suite(.timeLimit(.minutes(20))) struct PushTests {
    private let append = ["EV.APPEND", "c", "a", "t", "{}"]

    /// The subscription and the event of a push.
    private func push(_ connection: RawConnection) throws -> (subscription: UInt64?, id: UInt64?) {
        guard case .push(let parts) = try connection.receive(), parts.count == 3, parts[0].text == "ev.event"
        else { return (nil, nil) }
        return (parts[1].unsigned, parts[2].event?.id.rawValue)
    }

    private func ids(_ connection: RawConnection, _ count: Int) throws -> [UInt64] {
        try (0..<count).compactMap { _ in try push(connection).id }
    }

    @Test("FROM catches up and goes on live")
    func catchUp() async throws {
        try await TestServer.run { test in
            let (subscriber, writer) = (try test.connect(resp3: true), try test.connect())
            try writer.send(Array(repeating: append, count: 50))
            _ = try writer.receive(50)
            #expect(try subscriber.ask("EV.SUBSCRIBE", "FROM", "41") == .integer(1))
            #expect(try ids(subscriber, 10) == Array(41...50))
            try writer.send(Array(repeating: append, count: 50))
            #expect(try ids(subscriber, 50) == Array(51...100))
        }
    }

    @Test("Without FROM only what is new is delivered; FROM 0 and FROM 1 both mean everything; so does AFTER 0")
    func from() async throws {
        try await TestServer.run { test in
            let writer = try test.connect()
            for _ in 0..<3 { _ = try writer.ask(append) }
            let cases: [([String], UInt64)] = [
                ([], 4), (["FROM", "0"], 1), (["FROM", "1"], 1), (["AFTER", "0"], 1), (["AFTER", "2"], 3),
            ]
            let subscribers = try cases.map { _ in try test.connect(resp3: true) }
            for (subscriber, (words, _)) in zip(subscribers, cases) {
                #expect(try subscriber.ask(["EV.SUBSCRIBE"] + words) == .integer(1))
            }
            _ = try writer.ask(append)
            for (subscriber, (words, first)) in zip(subscribers, cases) {
                #expect(try ids(subscriber, Int(5 - first)) == Array(first...4), "\(words)")
            }
        }
    }

    @Test("Two subscriptions on one connection, and requests between their pushes")
    func two() async throws {
        try await TestServer.run { test in
            let connection = try test.connect(resp3: true)
            #expect(try connection.ask("EV.SUBSCRIBE", "TYPE", "x") == .integer(1))
            #expect(try connection.ask("EV.SUBSCRIBE", "TYPE", "x", "TYPE", "y") == .integer(2))
            let writer = try test.connect()
            for n in 0..<20 { _ = try writer.ask("EV.APPEND", "c", "a", n.isMultiple(of: 2) ? "x" : "y", "{}") }
            try connection.send([["PING"]])
            var (first, second): ([UInt64], [UInt64]) = ([], [])
            var answers: [RESPValue] = []
            while first.count < 10 || second.count < 20 || answers.isEmpty {
                let value = try connection.receive()
                guard case .push(let parts) = value, let id = parts[2].event?.id.rawValue else {
                    answers.append(value)
                    continue
                }
                if parts[1] == .integer(1) { first.append(id) } else { second.append(id) }
            }
            #expect(first == stride(from: 1, through: 19, by: 2).map { $0 })
            #expect(second == Array(1...20))
            #expect(answers == [.simple("PONG")])
        }
    }

    @Test("EV.UNSUBSCRIBE ends one subscription and not the other")
    func unsubscribe() async throws {
        try await TestServer.run { test in
            let (connection, writer) = (try test.connect(resp3: true), try test.connect())
            _ = try connection.ask("EV.SUBSCRIBE")
            _ = try connection.ask("EV.SUBSCRIBE")
            #expect(try connection.ask("EV.UNSUBSCRIBE", "1") == .ok)
            #expect(try connection.error("EV.UNSUBSCRIBE", "1")?.hasPrefix("NOTFOUND ") == true)
            #expect(try connection.error("EV.UNSUBSCRIBE", "7")?.contains("7") == true)
            _ = try writer.ask(append)
            #expect(try push(connection) == (2, 1))
            #expect(test.store.subscriptionCount == 1)
        }
    }

    @Test("RESP2 has no pushes: EV.SUBSCRIBE is refused, and says what to use instead")
    func resp2() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            let answer = try connection.error("EV.SUBSCRIBE") ?? ""
            #expect(answer.hasPrefix("INVALID ") && answer.contains("HELLO 3") && answer.contains("EV.READ"))
        }
    }

    @Test("HELLO 2 ends subscriptions: RESP2 has no pushes, so none comes after its answer")
    func downgrade() async throws {
        try await TestServer.run { test in
            let (connection, writer) = (try test.connect(resp3: true), try test.connect())
            _ = try connection.ask("EV.SUBSCRIBE")
            _ = try writer.ask(append)
            #expect(try push(connection) == (1, 1))
            guard case .array = try connection.ask("HELLO", "2") else {
                Issue.record("not the answer of RESP2")
                return
            }
            #expect(test.store.subscriptionCount == 0)
            _ = try writer.ask(append)
            #expect(try connection.ask("PING") == .simple("PONG"))
            _ = try connection.ask("HELLO", "3")
            #expect(try connection.error("EV.UNSUBSCRIBE", "1")?.hasPrefix("NOTFOUND ") == true)
        }
    }

    @Test("RESET, and the end of the connection, end its subscriptions")
    func end() async throws {
        try await TestServer.run { test in
            do {
                let (gone, reset) = (try test.connect(resp3: true), try test.connect(resp3: true))
                _ = try gone.ask("EV.SUBSCRIBE")
                _ = try reset.ask("EV.SUBSCRIBE")
                #expect(test.store.subscriptionCount == 2)
                #expect(try reset.ask("RESET") == .simple("RESET"))
                #expect(test.store.subscriptionCount == 1)
            }
            #expect(eventually { test.store.subscriptionCount == 0 })
        }
    }

    @Test("A subscriber that stops reading holds up nobody, and gets everything when it reads again")
    func slowReader() async throws {
        try await TestServer.run { test in
            let (slow, quick) = (try test.connect(resp3: true), try test.connect(resp3: true))
            let data = "{\"p\":\"" + String(repeating: "x", count: 2000) + "\"}"
            _ = try slow.ask("EV.SUBSCRIBE")
            _ = try quick.ask("EV.SUBSCRIBE")
            let writer = try test.connect()
            for round in 0..<10 {
                try writer.send(Array(repeating: ["EV.APPEND", "c", "a", "t", data], count: 300))
                _ = try writer.receive(300)
                #expect(try ids(quick, 300) == Array(UInt64(round * 300 + 1)...UInt64(round * 300 + 300)))
            }
            #expect(try ids(slow, 3000) == Array(1...3000))
            _ = try writer.ask(append)
            #expect(try push(slow) == (1, 3001))
        }
    }

    @Test("Appending on the connection that subscribes: every id is answered and every event pushed")
    func ownEvents() async throws {
        try await TestServer.run { test in
            let connection = try test.connect(resp3: true)
            _ = try connection.ask("EV.SUBSCRIBE")
            try connection.send(Array(repeating: append, count: 100))
            var (answered, pushed): ([Int64], [UInt64]) = ([], [])
            while answered.count < 100 || pushed.count < 100 {
                switch try connection.receive() {
                case .integer(let id): answered.append(id)
                case .push(let parts): pushed.append(parts[2].event?.id.rawValue ?? 0)
                case let other: Issue.record("\(other)")
                }
            }
            #expect(answered == Array(1...100))
            #expect(pushed == Array(1...100))
        }
    }
}
