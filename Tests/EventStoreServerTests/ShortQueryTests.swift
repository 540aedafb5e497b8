// Owns: the promises about who answers a query: a client that is alone is answered on its event loop while its questions are
// short, and nobody is ever kept waiting by somebody else's.

import Dispatch
import EventModel
import EventStore
import EventWire
import Glibc
import NIOPosix
import Reducers
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct ShortQueryTests {
    private static let counts = "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"

    /// A server with one reader thread, and a client of it that has been heard often enough to be taken for alone.
    private func run(_ body: (TestServer, RawConnection) async throws -> Void) async throws {
        func configure(_ options: inout ServerOptions) {
            options.readers = 1
            // However slow the machine is.
            options.loopMilliseconds = 10_000
        }
        try await TestServer.run(reducers: ["counts": Self.counts], server: configure) { test in
            let client = try test.connect()
            for n in 1...3 { #expect(try client.ask("EV.APPEND", "c", "a", "t", "{\"n\":\(n)}") == .integer(Int64(n))) }
            for _ in 0..<20 { #expect(try client.ask("PING") == .simple("PONG")) }
            try await body(test, client)
        }
    }

    /// Holds the only reader of the user up until `body` has returned.
    private func withoutReaders(_ test: TestServer, _ body: () async throws -> Void) async throws {
        let (hangs, release) = (AsyncStream<Void>.makeStream(), DispatchSemaphore(value: 0))
        test.server.core.readers.submit(for: ReaderPool.Asker(user: getuid(), connection: 0)) { _ in
            hangs.continuation.finish()
            release.wait()
        }
        for await _ in hangs.stream {}
        defer { release.signal() }
        try await body()
    }

    @Test("Who is alone is answered about an event, an aggregate and its state without a reader thread")
    func alone() async throws {
        try await run { test, client in
            try await withoutReaders(test) {
                #expect(try client.ask("EV.GET", "2").event?.data == Array("{\"n\":2}".utf8))
                #expect(try client.ask("EV.READ", "AGGREGATE", "a").events?.count == 3)
                #expect(try client.ask("EV.COUNT", "AGGREGATE", "a") == .integer(3))
                #expect(try client.ask("EV.LAST", "AGGREGATE", "a") == .integer(3))
                let state = try #require(try client.ask("EV.STATE", "a", "REDUCER", "counts").text)
                #expect(state.hasSuffix("\"state\":{\"count\":3}}"))
                #expect(try client.ask("EV.GET", "9") == .null)
                #expect(try client.ask("EV.STATE", "a", "REDUCER", "none").errorText?.hasPrefix("NOTFOUND") == true)
            }
        }
    }

    @Test("One who is not alone is answered about an event without a reader thread; about more, with one")
    func notAlone() async throws {
        try await run { test, client in
            let other = try test.connect()
            try await withoutReaders(test) {
                try client.send([["EV.COUNT"]])
                // The loop is free meanwhile.
                for _ in 0..<3 { #expect(try other.ask("PING") == .simple("PONG")) }
                #expect(try other.ask("EV.GET", "1").event?.id.rawValue == 1)
                try other.send([["EV.READ", "AGGREGATE", "a"]])
                #expect(try test.connect().ask("PING") == .simple("PONG"))
            }
            #expect(try client.receive() == .integer(3))
            #expect(try other.receive().events?.count == 3)
        }
    }

    @Test("Answers that wait for each other come in the order of the questions")
    func order() async throws {
        try await run { _, client in
            try client.send([
                ["EV.GET", "1"], ["EV.APPEND", "c", "a", "t", "{\"n\":4}"], ["EV.READ", "AGGREGATE", "a"], ["EV.COUNT"],
                ["EV.GET", "4"],
            ])
            #expect(try client.receive().event?.id.rawValue == 1)
            #expect(try client.receive() == .integer(4))
            #expect(try client.receive().events?.count == 4)
            #expect(try client.receive() == .integer(4))
            #expect(try client.receive().event?.id.rawValue == 4)
        }
    }

    @Test("A state of few events that takes long after all is left to a reader, and the loop to the others")
    func longState() async throws {
        let slow = "return { reduce = function(s, e) for i = 1, 100000000 do s.n = i end return s end }"
        func configure(_ options: inout StoreOptions) {
            options.reducerLimits.instructionsPerEvent = 1 << 40
            options.reducerLimits.millisecondsPerEvent = 600_000
        }
        try await TestServer.run(reducers: ["slow": slow], store: configure) { test in
            let (client, other) = (try test.connect(), try test.connect())
            #expect(try client.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(1))
            for _ in 0..<20 { #expect(try client.ask("PING") == .simple("PONG")) }
            try client.send([["EV.STATE", "a", "REDUCER", "slow"]])
            for _ in 0..<5 { #expect(try other.ask("PING") == .simple("PONG")) }
        }
    }
}
