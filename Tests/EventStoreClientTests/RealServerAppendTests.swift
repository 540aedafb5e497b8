// Owns: the promises of the client about appends and positions, kept against a real server.

import EventModel
import EventStore
import EventStoreClient
import EventStoreServer
import Foundation
import Testing

extension RealServerTests {
    @Test("Single, atomic and pipelined appends, with refusals in their places")
    func appending() async throws {
        try await withServer { _, client in
            #expect(try await client.append(event(0)) == EventID(1))
            #expect(try await client.append([event(1), event(2)]) == [EventID(2), EventID(3)])
            var bad = event(3)
            bad.data = Array("[]".utf8)
            let results = try await client.appendPipelined([event(3), bad, event(4)])
            #expect(try results[0].get().id == EventID(4))
            #expect(throws: StoreError.self) { try results[1].get() }
            #expect(try results[2].get().id == EventID(5))
            await #expect(throws: ClientError.self) { try await client.append([event(5), bad]) }
            let new = AppendCondition(alternatives: [Criteria(aggregates: ["order-0"])], after: .zero)
            let error = await #expect(throws: ClientError.self) { try await client.append(event(6), unless: new) }
            guard case .store(let conflict) = error else { throw error ?? .protocolViolation("no error") }
            #expect(conflict.code == .conflict && conflict.ids == [EventID(4)])
            let count = try await client.count()
            #expect(count == 5)
        }
    }

    @Test("Several events are one commit under one condition: it sees what was there before, and none of themselves")
    func conditionOfSeveral() async throws {
        try await withServer { _, client in
            let seats = [7, 8, 9].map { seat -> NewEvent in
                var taken = event(seat)
                taken.tags = ["seat-\(seat)"]
                return taken
            }
            let free = AppendCondition(alternatives: seats.map { Criteria(tags: $0.tags) }, after: .zero)
            #expect(try await client.append([], unless: free).isEmpty)
            #expect(try await client.append(seats, unless: free) == (1...3).map { EventID($0) })
            // The last of them alone is enough to refuse all.
            let again = [event(1), event(2), seats[2]]
            let last = AppendCondition(alternatives: [Criteria(tags: ["seat-9"])], after: EventID(2))
            let error = await #expect(throws: ClientError.self) { try await client.append(again, unless: last) }
            guard case .store(let conflict) = error else { throw error ?? .protocolViolation("no error") }
            #expect(conflict.code == .conflict && conflict.ids == [EventID(3)])
            let count = try await client.count()
            #expect(count == 3)
            let behind = AppendCondition(alternatives: [], after: EventID(3))
            #expect(try await client.append(again, unless: behind) == (4...6).map { EventID($0) })
            await #expect(throws: ClientError.self) { try await client.append(again, unless: behind) }
        }
    }

    @Test("A retry is told that the event was there already, alone, in a transaction and in a pipeline")
    func receipts() async throws {
        try await withServer { _, client in
            var known = event(1)
            known.identifier = EventUUID.random().description
            func there(_ id: UInt64, _ existed: Bool) -> AppendReceipt {
                AppendReceipt(id: EventID(id), existed: existed)
            }
            #expect(try await client.appendOnce(known) == there(1, false))
            #expect(try await client.appendOnce(known) == there(1, true))
            #expect(try await client.append(known) == EventID(1))
            var second = event(2)
            second.identifier = EventUUID.random().description
            for existed in [false, true] {
                let receipts = try await client.appendOnce([second, event(3)])
                #expect(receipts == [there(2, existed), there(3, existed)])
            }
            let results = try await client.appendPipelined([known, event(4), second])
            #expect(try results.map { try $0.get() } == [there(1, true), there(4, false), there(2, true)])
            known.eventType = "other"
            let error = await #expect(throws: ClientError.self) { try await client.append(known) }
            guard case .store(let reason) = error else { throw error ?? .protocolViolation("no error") }
            #expect(reason.code == .reused && reason.ids == [EventID(1)] && reason.message.contains("its type"))
        }
    }

    @Test("A client that is given the store its positions belong to is refused by another")
    func otherStore() async throws {
        let directory = "/tmp/evstore-client-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let path = directory + "/socket"
        try await withServer(in: directory) { _, client in
            _ = try await client.append([event(1), event(2)])
            let store = try #require(client.store)
            var configuration = EventStoreClient.Configuration(socketPath: path)
            configuration.store = store
            let same = try await EventStoreClient.connect(configuration)
            #expect(try await same.read(Filter(after: EventID(1))).count == 1)
            await same.close()
            configuration.store = .random()
            let stranger = try await EventStoreClient.connect(configuration)
            func isRefused(_ body: () async throws -> Void) async -> Bool {
                do {
                    try await body()
                    return false
                } catch {
                    guard case .store(let reason) = error as? ClientError else { return false }
                    return reason.code == .position && reason.ids == [EventID(2)]
                }
            }
            #expect(await isRefused { _ = try await stranger.read(Filter(after: EventID(1))) })
            #expect(await isRefused { _ = try await stranger.page(Filter(before: EventID(1))) })
            #expect(await isRefused { _ = try await stranger.last(Filter(asOf: .id(EventID(1)))) })
            #expect(await isRefused { _ = try await stranger.subscribe(from: EventID(1)) })
            let condition = AppendCondition(alternatives: [], after: EventID(2))
            #expect(await isRefused { _ = try await stranger.append(self.event(3), unless: condition) })
            await stranger.close()
        }
    }

    @Test("A page says whether it was the last, and the last event's id is known without reading it")
    func pages() async throws {
        try await withServer { _, client in
            _ = try await client.appendPipelined((0..<30).map { event($0, type: $0 < 12 ? "early" : "late") })
            let early = Filter(alternatives: [Criteria(types: ["early"])])
            let first = try await client.page(early, count: 11)
            #expect(first.head == EventID(30) && first.hasMore && first.events.count == 11)
            let whole = try await client.page(early, count: 12)
            #expect(!whole.hasMore && whole.events.count == 12)
            #expect(try await client.last() == EventID(30))
            #expect(try await client.last(early) == EventID(12))
            #expect(try await client.last(Filter(alternatives: [Criteria(types: ["none"])])) == .zero)
        }
    }

    @Test("Ten thousand pipelined events get their ids in order")
    func manyPipelined() async throws {
        try await withServer { _, client in
            let results = try await client.appendPipelined((0..<10_000).map { event($0) })
            #expect(try results.map { try $0.get().id.rawValue } == Array(1...10_000))
        }
    }
}
