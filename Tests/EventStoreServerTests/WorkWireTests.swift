// Owns: the promise that a question ends when whoever asked it has gone, when its time is up, and when the daemon stops; and
// that nothing of a connection outlives it.

import EventModel
import EventStore
import EventWire
import Glibc
import NIOCore
import Reducers
import Testing

@testable import EventStoreServer

@Suite(.serialized, .timeLimit(.minutes(20))) struct WorkWireTests {
    private static let events = 3000
    private static let reducers = [
        // Takes minutes over all of them, and milliseconds for each.
        "slow": "return { initial = function() return {n = 0} end, "
            + "reduce = function(s, e) for i = 1, 3000000 do s.n = i end return s end }",
        "endless": "return { initial = function() return {} end, "
            + "reduce = function(s, e) while true do pcall(function() while true do end end) end end }",
    ]

    private func run(
        _ configure: (inout ServerOptions) -> Void = { _ in },
        _ body: (TestServer) async throws -> Void
    ) async throws {
        func configureStore(_ options: inout StoreOptions) {
            options.projections = []
            options.reducerLimits.instructionsPerEvent = 1 << 40
            options.reducerLimits.millisecondsPerEvent = 3_600_000
        }
        func configureServer(_ options: inout ServerOptions) {
            options.readers = 1
            options.querySeconds = 3600
            configure(&options)
        }
        try await TestServer.run(reducers: Self.reducers, store: configureStore, server: configureServer) { test in
            let connection = try test.connect()
            try connection.send(Array(repeating: ["EV.APPEND", "c", "a", "t", "{}"], count: Self.events))
            _ = try connection.receive(Self.events)
            try await body(test)
        }
    }

    /// Whether the one reader answers.
    private func isAnswered(_ test: TestServer) throws -> Bool {
        try test.connect().ask("EV.COUNT", "TYPE", "t") == .integer(Int64(Self.events))
    }

    @Test func `A question ends with its connection`() async throws {
        try await run { test in
            for reducer in ["slow", "endless"] {
                let asking = try test.connect()
                try asking.send([["EV.FOLD", "REDUCER", reducer]])
                // So that it is under way.
                try await Task.sleep(for: .milliseconds(100))
                asking.close()
            }
            let asked = ContinuousClock.now
            #expect(try isAnswered(test))
            #expect(.now - asked < .seconds(20))
        }
    }

    @Test func `A question that has had its time is answered BUDGET, and the connection goes on`() async throws {
        try await run({ $0.querySeconds = 1 }) { test in
            let connection = try test.connect()
            let asked = ContinuousClock.now
            let answer = try connection.ask("EV.FOLD", "REDUCER", "slow")
            #expect(answer.errorText?.hasPrefix("BUDGET the question took longer than limits.query_seconds") == true)
            #expect(.now - asked < .seconds(20))
            #expect(try connection.ask("PING") == .simple("PONG"))
        }
    }

    @Test(arguments: ["slow", "endless"])
    func `A stop does not wait for a question, and says so`(reducer: String) async throws {
        try await run { test in
            let connection = try test.connect()
            try connection.send([["EV.FOLD", "REDUCER", reducer]])
            try await Task.sleep(for: .milliseconds(200))
            let told = ContinuousClock.now
            await test.stop()
            #expect(.now - told < .seconds(20))
            #expect(try connection.receive().errorText == "ERR the daemon stops")
        }
    }

    @Test func `A read that blocks is let go of, however it ends`() async throws {
        try await run { test in
            let loop = test.server.core.loops[0]
            func waits() async throws -> [Weak<WaitForMatch>] {
                try await loop.eventLoop.submit { loop.connections.values.compactMap(\.blockingRead).map(Weak.init) }
                    .get()
            }
            let timedOut = try test.connect()
            try timedOut.send([["EV.READ", "TYPE", "none", "BLOCK", "300"]])
            let gone = try test.connect()
            try gone.send([["EV.READ", "TYPE", "none", "BLOCK", "0"]])
            let answered = try test.connect()
            try answered.send([["EV.READ", "TYPE", "new", "BLOCK", "0"]])
            #expect(eventually { test.store.subscriptionCount == 3 })
            let weak = try await waits()
            #expect(weak.count == 3)
            #expect(try timedOut.receive() == .null)
            gone.close()
            _ = try test.connect().ask("EV.APPEND", "c", "a", "new", "{}")
            #expect(try answered.receive().events?.count == 1)
            #expect(eventually { weak.allSatisfy { $0.object == nil } })
            #expect(test.store.subscriptionCount == 0)
        }
    }

    @Test func `A subscriber that leaves in the middle of a push is let go of`() async throws {
        try await run({ $0.eventLoops = 2 }) { test in
            let subscriber = try test.connect(resp3: true)
            _ = try subscriber.ask("EV.SUBSCRIBE")
            var found: (loop: LoopContext, sinks: [Weak<PushSink>])?
            for loop in test.server.core.loops {
                let sinks = try await loop.eventLoop.submit {
                    loop.connections.values.flatMap { $0.subscriptions.values }.map(Weak.init)
                }.get()
                if !sinks.isEmpty { found = (loop, sinks) }
            }
            let (loop, sinks) = try #require(found)
            // One on either loop: the subscriber's learns of the push before it learns that nobody takes it.
            let others = [try test.connect(), try test.connect()]
            for other in others { _ = try other.ask("PING") }
            let isBlocked = loop.eventLoop.submit { usleep(300_000) }
            subscriber.close()
            for other in others { try other.send([["EV.APPEND", "c", "a", "t", "{}"]]) }
            _ = try await isBlocked.get()
            #expect(eventually { test.store.subscriptionCount == 0 && sinks.allSatisfy { $0.object == nil } })
        }
    }

    @Test func `The end of a connection with many subscriptions is soon over`() async throws {
        try await run { test in
            let subscriber = try test.connect(resp3: true)
            let count = 20_000
            let command = ["EV.SUBSCRIBE", "TYPE", "none"]
            for _ in 0..<count / 1000 {
                try subscriber.send(Array(repeating: command, count: 1000))
                _ = try subscriber.receive(1000)
            }
            #expect(test.store.subscriptionCount == count)
            let other = try test.connect()
            subscriber.close()
            let asked = ContinuousClock.now
            #expect(eventually { test.store.subscriptionCount == 0 })
            #expect(try other.ask("PING") == .simple("PONG"))
            #expect(.now - asked < .seconds(20))
        }
    }

    @Test func `Answers come in the order of the commands, though an append is looked up elsewhere`() async throws {
        func configure(_ options: inout StoreOptions) { options.lookups.unit = .zero }
        try await TestServer.run(store: configure) { test in
            let connection = try test.connect()
            // Until it is taken for alone, and its commits are made on its loop.
            for _ in 0..<50 { _ = try connection.ask("EV.APPEND", "c", "a", "t", "{}") }
            // Read in one go, so that what comes back meanwhile finds it half taken in.
            let burst = Array(repeating: ["EV.APPEND", "c", "y", "t", "{}", "TAG", "x"], count: 60)
            for round in 0..<600 {
                try connection.send([["EV.APPEND", "c", "x", "t", "{}", "UNLESS", "TAG", "none", "AFTER", "0"]])
                usleep(UInt32(round))
                try connection.send(burst)
                let ids = try connection.receive(1 + burst.count).map { value -> Int64 in
                    if case .integer(let id) = value { id } else { 0 }
                }
                #expect(ids == (0...60).map { ids[0] + $0 })
            }
        }
    }
}

/// `@unchecked Sendable` because a weak reference may be read by any thread, and this one is never written.
private struct Weak<Object: AnyObject>: @unchecked Sendable {
    weak var object: Object?

    init(_ object: Object) { self.object = object }
}
