// Owns: the promises of the client against the real server: what one writes the other reads.

import CraftedRecords
import EventModel
import EventStore
import EventStoreClient
import EventStoreServer
import Foundation
import SegmentLog
import Testing

@Suite(.timeLimit(.minutes(20))) struct RealServerTests {
    static let counts = "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"

    static func options(_ directory: String) -> StoreOptions {
        var options = StoreOptions(directory: directory + "/data")
        options.log.segmentBytes = 1 << 20
        options.log.spareFiles = 0
        options.reducersDirectory = directory + "/reducers"
        options.projections = ["counts"]
        return options
    }

    func withServer(_ body: (Server, EventStoreClient) async throws -> Void) async throws {
        let directory = "/tmp/evstore-client-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory + "/reducers", withIntermediateDirectories: true)
        try Self.counts.write(toFile: directory + "/reducers/counts.lua", atomically: true, encoding: .utf8)
        try await withServer(in: directory, body)
    }

    func withServer(
        in directory: String,
        _ body: (Server, EventStoreClient) async throws -> Void
    ) async throws {
        let store = try EventStore.open(Self.options(directory))
        var serverOptions = ServerOptions(socketPath: directory + "/socket")
        serverOptions.eventLoops = 1
        let server = try await Server.start(store: store, options: serverOptions)
        let client = try await EventStoreClient.connect(.patient(serverOptions.socketPath))
        var failure: (any Error)?
        do { try await body(server, client) } catch { failure = error }
        await client.close()
        await server.stop()
        store.close()
        if let failure { throw failure }
    }

    func event(_ n: Int, type: String = "created") -> NewEvent {
        NewEvent(category: "order", aggregateID: "order-\(n % 3)", eventType: type, data: Array("{\"n\":\(n)}".utf8))
    }

    @Test("Every field of an event comes back as it went in")
    func fields() async throws {
        try await withServer { _, client in
            let new = NewEvent(
                category: "kä se",
                aggregateID: "日本 1",
                eventType: "t",
                data: Array(#"{"n": 1e400,"n":18446744073709551616}"#.utf8),
                timestamp: Timestamp(nanoseconds: -1),
                version: .max,
                identifier: EventUUID.random().description,
                tags: ["b", "a\"'"],
                metadata: Array("{}".utf8)
            )
            let id = try await client.append(new)
            let event = try #require(try await client.get(id))
            #expect(event.category == new.category && event.aggregateID == new.aggregateID)
            #expect(event.data == new.data && event.metadata == new.metadata)
            #expect(event.timestamp == new.timestamp && event.version == new.version)
            #expect(event.identifier == new.identifier && event.tags == new.tags)
            #expect(try await client.append(new) == id)
            #expect(try await client.get(EventID(99)) == nil)
        }
    }

    @Test("A replay gives every event, from sealed segments and from the one being written, from any event on")
    func replay() async throws {
        try await withServer { server, client in
            var written: [Event] = []
            for part in 0..<3 {
                _ = try await client.appendPipelined((0..<3000).map { event(part * 3000 + $0, type: "type-\($0 % 7)") })
                _ = try await client.command([Array("EV.ROLL".utf8)])
                if part == 0 { _ = try await client.command([Array("EV.COMPACT".utf8)]) }
            }
            _ = try await client.append(event(9000))
            while let page = try await Optional(client.read(.after(written.last?.id))), !page.isEmpty {
                written += page
            }
            #expect(written.count == 9001)
            for after in [0, 1, 2999, 3000, 8999, 9000, 9001] {
                var replayed: [Event] = []
                for try await block in client.replay(after: EventID(UInt64(after))) { replayed += block.map(\.event) }
                #expect(replayed == Array(written.dropFirst(after)))
            }
        }
    }

    @Test("A replay can be left in the middle, and its blocks outlive it")
    func leavingAReplay() async throws {
        try await withServer { _, client in
            _ = try await client.appendPipelined((0..<5000).map { event($0) })
            var kept: EventView?
            for try await block in client.replay() {
                kept = block.last
                break
            }
            let view = try #require(kept)
            #expect(try await client.get(view.id) == view.event)
            #expect(view.withData { Array($0) } == view.event.data)
        }
    }

    @Test(
        "A replay gives what lies before an event of a later version, names it, and goes on behind it",
        arguments: [false, true]
    )
    func replayToALaterEvent(isSealed: Bool) async throws {
        let directory = "/tmp/evstore-client-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory + "/reducers", withIntermediateDirectories: true)
        try Self.counts.write(toFile: directory + "/reducers/counts.lua", atomically: true, encoding: .utf8)
        try await withServer(in: directory) { _, client in
            _ = try await client.appendPipelined((0..<3000).map { event($0) })
        }
        let options = Self.options(directory)
        try CraftedRecords.append(CraftedRecords.later, to: options.directory, options: options.log)
        try await withServer(in: directory) { _, client in
            _ = try await client.appendPipelined((0..<3).map { event($0) })
            if isSealed {
                // Then it lies in one block with those around it.
                _ = try await client.roll()
                _ = try await client.compact()
            }
            var replayed: [UInt64] = []
            var met: [EventID] = []
            while met.count < 5 {
                do {
                    let after = met.last ?? .zero
                    for try await block in client.replay(after: after) { replayed += block.map(\.id.rawValue) }
                    break
                } catch ClientError.store(let error) where error.code == .later {
                    met.append(try #require(error.unreadable?.upperBound))
                }
            }
            #expect(met == [EventID(3001), EventID(3002)])
            #expect(replayed == Array(1...3000) + Array(3003...3005))
            let error = try await #require(throws: ClientError.self) {
                try await client.read(Filter(after: EventID(3001)))
            }
            guard case .store(let refusal) = error else { throw error }
            #expect(refusal.code == .later && refusal.unreadable == EventID(3002)...EventID(3002))
        }
    }

    @Test("A replay ends when its task is cancelled")
    func cancelledReplay() async throws {
        try await withServer { _, client in
            _ = try await client.appendPipelined((0..<10).map { event($0) })
            let hasEnded = try await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                var replay = client.replay().makeAsyncIterator()
                if try await replay.next() != nil { return false }
                return true
            }.value
            #expect(hasEnded)
        }
    }

    @Test("Filters, pages and blocking reads")
    func reading() async throws {
        try await withServer { _, client in
            _ = try await client.appendPipelined(
                (0..<30).map { event($0, type: $0.isMultiple(of: 2) ? "even" : "odd") }
            )
            let even = Filter(alternatives: [Criteria(types: ["even"])])
            #expect(try await client.read(even).map(\.id.rawValue) == (0..<15).map { UInt64($0 * 2 + 1) })
            #expect(try await client.read(count: 2, reversed: true).map(\.id.rawValue) == [30, 29])
            #expect(try await client.count(even) == 15)
            #expect(try await client.read(blockMilliseconds: 10, afterTail: true).isEmpty)
        }
    }

    @Test("States, folds and projections as JSON")
    func states() async throws {
        try await withServer { _, client in
            _ = try await client.appendPipelined((0..<6).map { event($0) })
            func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
            #expect(text(try await client.state(of: "order-0", reducer: "counts")).contains(#""state":{"count":2}"#))
            #expect(text(try await client.fold(.lua(Self.counts), .all)).contains(#""state":{"count":6}"#))
            #expect(
                text(try await client.projection("counts", asOf: .id(EventID(4)))).contains(#""state":{"count":4}"#)
            )
            #expect(text(try await client.projection("counts")).contains(#""state":{"count":6}"#))
            #expect(try await client.projections().map(\.health) == ["live"])
            try await client.rebuildProjection("counts")
            #expect(text(try await client.snapshot()).contains("snapshots"))
            #expect(text(try await client.roll()).contains(#""rolled":true"#))
            #expect(text(try await client.compact()).contains("segments_after"))
            #expect(text(try await client.verify()).contains(#""events":6"#))
            #expect(try await client.info().contains("last_id:6"))
        }
    }

    @Test("Damage has a name, can be gone round or skipped, and is told by what lacks it")
    func damage() async throws {
        let directory = "/tmp/evstore-client-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory + "/reducers", withIntermediateDirectories: true)
        try Self.counts.write(toFile: directory + "/reducers/counts.lua", atomically: true, encoding: .utf8)
        try await withServer(in: directory) { _, client in
            #expect(try await client.damage() == [])
            _ = try await client.appendPipelined((0..<10).map { event($0) })
            _ = try await client.roll()
            _ = try await client.appendPipelined((10..<20).map { event($0) })
            _ = try await client.roll()
            _ = try await client.appendPipelined((20..<30).map { event($0) })
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: directory + "/data/log")
        for name in names where name.contains("0011.") {
            try FileManager.default.removeItem(atPath: directory + "/data/log/" + name)
        }
        try? FileManager.default.removeItem(atPath: directory + "/data/snapshots")
        try await withServer(in: directory) { _, client in
            let lost = EventID(11)...EventID(20)
            #expect(try await client.damage() == [lost])
            #expect(try await client.read().count == 10)
            do {
                _ = try await client.read(Filter(after: EventID(10)))
                Issue.record("read over damage")
            } catch ClientError.store(let error) {
                #expect(error.damage == lost)
            }
            #expect(try await client.read(Filter(after: lost.upperBound)).count == 10)
            let skipping = Filter(skipsDamage: true)
            #expect(try await client.read(skipping).count == 20)
            #expect(try await client.count(skipping) == 20)
            func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
            let state = text(try await client.state(of: "order-0", reducer: "counts", skippingDamage: true))
            #expect(state.hasSuffix(#""lacking":[[11,20]]}"#))
            #expect(text(try await client.fold(.reducer("counts"), skipping)).hasSuffix(#""lacking":[[11,20]]}"#))
            #expect(text(try await client.projection("counts")).hasSuffix(#""lacking":[[11,20]]}"#))
            #expect(try await client.projections().map(\.lacking) == [[lost]])
            var ids: [UInt64] = []
            for try await event in try await client.subscribe(skipping, from: EventID(1)) {
                ids.append(event.id.rawValue)
                if ids.count == 20 { break }
            }
            #expect(ids == Array(1...10) + Array(21...30))
        }
    }

    @Test("A subscription catches up and goes on live, while its consumer takes its time")
    func subscribing() async throws {
        try await withServer { _, client in
            _ = try await client.appendPipelined((0..<3000).map { event($0) })
            let filter = Filter(alternatives: [Criteria(aggregates: ["order-1"])])
            let subscription = try await client.subscribe(filter, from: EventID(1))
            var ids: [UInt64] = []
            for try await event in subscription {
                ids.append(event.id.rawValue)
                if ids.count == 500 { _ = try await client.appendPipelined((3000..<6000).map { self.event($0) }) }
                if ids.count == 2000 { break }
            }
            let expected = (0..<2000).map { UInt64($0 * 3 + 2) }
            #expect(ids == expected)
        }
    }

    @Test("A daemon that recovers its store is waited for; who does not want to wait is connected, or told LOADING")
    func recovering() async throws {
        let directory = "/tmp/evstore-client-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        var options = StoreOptions(directory: directory + "/data")
        options.log.segmentBytes = 1 << 20
        options.log.spareFiles = 0
        var configuration = EventStoreClient.Configuration(socketPath: directory + "/socket")
        let server = try await Server.listen(ServerOptions(socketPath: configuration.socketPath))
        configuration.recoveryTimeoutMilliseconds = nil
        let curious = try await EventStoreClient.connect(configuration)
        #expect(try await curious.info().contains("loading:1"))
        await curious.close()
        configuration.recoveryTimeoutMilliseconds = 0
        let refusal = await #expect(throws: ClientError.self) { try await EventStoreClient.connect(configuration) }
        if case .store(let error)? = refusal { #expect(error.code == .loading) } else { Issue.record("no refusal") }
        configuration.recoveryTimeoutMilliseconds = 60_000
        async let connecting = EventStoreClient.connect(configuration)
        let store = try EventStore.open(options)
        server.serve(store)
        let client = try await connecting
        #expect(try await client.count() == 0)
        await client.close()
        await server.stop()
        store.close()
    }

    @Test("When the server stops, a subscription ends with an error and a request says so")
    func stop() async throws {
        let directory = "/tmp/evstore-client-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        var options = StoreOptions(directory: directory + "/data")
        options.log.segmentBytes = 1 << 20
        options.log.spareFiles = 0
        let store = try EventStore.open(options)
        let server = try await Server.start(store: store, options: ServerOptions(socketPath: directory + "/socket"))
        let client = try await EventStoreClient.connect(.patient(directory + "/socket"))
        let subscription = try await client.subscribe()
        await server.stop()
        store.close()
        await #expect(throws: ClientError.self) { for try await _ in subscription {} }
        await #expect(throws: ClientError.self) { try await client.count() }
        await client.close()
        await #expect(throws: ClientError.self) {
            try await EventStoreClient.connect(.patient(directory + "/socket"))
        }
    }
}

extension Filter {
    fileprivate static func after(_ id: EventID?) -> Filter {
        var filter = Filter.all
        filter.after = id
        return filter
    }
}
