// Owns: the promises of a subscription: order, pace and how it ends.

import EventModel
import EventStoreClient
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(20))) struct SubscriptionTests {
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

    private func subscribed(_ events: ClosedRange<UInt64>, then end: String = "") -> Answer {
        .bytes(Array(":1\r\n".utf8) + events.flatMap(pushBytes) + Array(end.utf8))
    }

    @Test("events are delivered in order, however far the consumer is behind")
    func order() async throws {
        try await withClient { words in
            words == ["EV.SUBSCRIBE", "TYPE", "t", "FROM", "1"] ? subscribed(1...20_000) : .text("-ERR unexpected\r\n")
        } _: { client in
            let filter = Filter(alternatives: [Criteria(types: ["t"])])
            var expected: UInt64 = 1
            for try await event in try await client.subscribe(filter, from: EventID(1)) {
                #expect(event.id == EventID(expected))
                if expected == 100 { try await Task.sleep(for: .milliseconds(100)) }
                if expected == 20_000 { break }
                expected += 1
            }
            #expect(expected == 20_000)
        }
    }

    @Test("a subscription that the store refuses is not begun")
    func refused() async throws {
        try await withClient { _ in
            .text("-INVALID no\r\n")
        } _: { client in
            await #expect(throws: ClientError.store(StoreError(.invalid, "no"))) {
                try await client.subscribe()
            }
        }
    }

    @Test("events that came before the connection was lost are delivered before its error")
    func lost() async throws {
        try await withClient { words in
            words[0] == "EV.SUBSCRIBE" ? subscribed(1...3, then: "?\r\n") : .silence
        } _: { client in
            var iterator = try await client.subscribe().makeAsyncIterator()
            for id in 1...3 as ClosedRange<UInt64> {
                #expect(try await iterator.next()?.id == EventID(id))
            }
            await #expect(throws: ClientError.self) { try await iterator.next() }
        }
    }

    @Test("a subscription that the store ends says why")
    func ended() async throws {
        let end = ">3\r\n$6\r\nev.end\r\n:1\r\n$15\r\nCORRUPT 5 9 bad\r\n"
        try await withClient { _ in
            subscribed(1...2, then: end)
        } _: { client in
            var iterator = try await client.subscribe().makeAsyncIterator()
            _ = try await iterator.next()
            _ = try await iterator.next()
            let error = StoreError(.corrupt, ids: [EventID(5), EventID(9)], "bad")
            await #expect(throws: ClientError.store(error)) { try await iterator.next() }
        }
    }

    @Test("a cancelled consumer ends its subscription quietly")
    func cancelled() async throws {
        try await withClient { _ in
            subscribed(1...1)
        } _: { client in
            let subscription = try await client.subscribe()
            let task = Task {
                var count = 0
                for try await _ in subscription { count += 1 }
                return count
            }
            try await Task.sleep(for: .milliseconds(50))
            task.cancel()
            #expect(try await task.value == 1)
        }
    }
}
