// Owns: the promises about memory: whatever clients send, and whatever they do not read, the server holds no more of it
// than it may, and serves the others meanwhile.

import EventModel
import EventStore
import EventWire
import Foundation
import Testing

@testable import EventStoreServer

@Suite(.serialized, .timeLimit(.minutes(20))) struct MemoryTests {
    private static let half = 4 << 20

    /// A server whose clients may hold 8 MiB, half of them for what they send. They are of one user, who may have all of it.
    private func run(
        _ configure: (inout ServerOptions) -> Void = { _ in },
        _ body: (TestServer) async throws -> Void
    ) async throws {
        try await TestServer.run(
            server: { options in
                options.bufferBytes = 2 * Self.half
                options.bufferBytesPerUser = 2 * Self.half
                options.replyBytes = 1 << 20
                options.limits.argumentBytes = 256 << 10
                options.limits.commandBytes = 512 << 10
                options.commandSeconds = 600
                options.writeSeconds = 600
                configure(&options)
            },
            body
        )
    }

    private func data(_ bytes: Int) -> String { "{\"p\":\"" + String(repeating: "x", count: bytes - 8) + "\"}" }

    private func encoded(_ words: [String]) -> [UInt8] {
        var encoder = CommandEncoder()
        encoder.command(words)
        return encoder.bytes
    }

    private func held(_ test: TestServer, _ direction: String) throws -> Int {
        Int(try test.info("buffer_bytes_\(direction)") ?? "") ?? .max
    }

    private func areWaiting(_ test: TestServer) throws -> Bool { try test.info("buffer_waiting") != "0" }

    /// Appends events until there are so many bytes of them.
    private func fill(_ test: TestServer, bytes: Int, each: Int) throws {
        let writer = try test.connect()
        let append = ["EV.APPEND", "c", "a", "t", data(each)]
        for _ in 0..<bytes / each { _ = try writer.ask(append) }
    }

    @Test("Half commands of many clients keep to the limit, small commands get through, and all are done in the end")
    func halfCommands() async throws {
        try await run { test in
            // So short that the kernel takes both halves, from a client that is not read from yet.
            let command = encoded(["EV.APPEND", "c", "a", "t", data(70_000)])
            let clients = try (0..<25).map { _ in try test.connect() }
            for client in clients { try client.send(Array(command[..<60_000])) }
            #expect(try await eventual { try areWaiting(test) })
            #expect(try held(test, "in") <= Self.half)
            let bystander = try test.connect()
            #expect(try bystander.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(1))
            for client in clients { try client.send(Array(command[60_000...])) }
            let ids = try clients.map { try $0.receive().unsigned }
            #expect(Set(ids) == Set(2...26))
            #expect(try await eventual { try held(test, "in") == 0 })
        }
    }

    @Test("Clients that stop in the middle of a command are cut, and those that waited for their room go on")
    func stalled() async throws {
        // Long enough for whoever does send, and for whoever looks, on a machine that is slow.
        try await run({ $0.commandSeconds = 15 }) { test in
            let command = encoded(["EV.APPEND", "c", "a", "t", data(120_000)])
            let stalled = try (0..<10).map { _ in try test.connect() }
            for client in stalled { try client.send(Array(command[..<100_000])) }
            #expect(try await eventual { try areWaiting(test) })
            #expect(try test.connect().ask("EV.APPEND", "c", "a", "t", data(120_000)) == .integer(1))
        }
    }

    @Test(
        "Open transactions keep to the limit; one that is left lying while others wait is given up, its connection not"
    )
    func transactions() async throws {
        try await run({ $0.commandSeconds = 1 }) { test in
            let append = ["EV.APPEND", "c", "a", "t", data(12_000)]
            let clients = try (0..<45).map { _ in try test.connect() }
            for client in clients {
                try client.send([["MULTI"]] + Array(repeating: append, count: 5))
                #expect(try client.receive() == .ok)
            }
            for client in clients { #expect(try client.receive(5) == Array(repeating: .queued, count: 5)) }
            #expect(try held(test, "in") <= Self.half)
            for client in clients { try client.send([["EXEC"]]) }
            var refused = 0
            for client in clients {
                let answer = try client.receive()
                let elements = try #require(answer.elements)
                let isRefused = elements.last?.errorText?.contains("EXECABORT") == true
                refused += isRefused ? 1 : 0
                #expect(elements.count == 5)
                #expect(elements.dropLast().allSatisfy { ($0 == .integer(0)) == isRefused }, "\(answer)")
                #expect(try client.ask("PING") == .simple("PONG"))
            }
            #expect(refused > 0)
        }
    }

    @Test("Names and tags of a transaction count, and not its data alone")
    func transactionNames() async throws {
        try await run { test in
            let connection = try test.connect()
            _ = try connection.ask("MULTI")
            let tags = (0..<60).flatMap { ["TAG", String(repeating: "t", count: 240) + "\($0)"] }
            var refusal: String?
            for _ in 0..<40 where refusal == nil {
                refusal = try connection.ask(["EV.APPEND", "c", "a", "t", "{}"] + tags).errorText
            }
            #expect(refusal?.hasPrefix("TOOBIG ") == true)
        }
    }

    @Test("Answers that are not read keep to the limit, small commands get through, and all come when they are read")
    func unreadAnswers() async throws {
        try await run { test in
            try fill(test, bytes: 2 << 20, each: 50_000)
            let readers = try (0..<30).map { _ in try test.connect() }
            for reader in readers { try reader.send([["EV.READ"]]) }
            #expect(try await eventual { try areWaiting(test) })
            #expect(try held(test, "out") <= Self.half)
            let bystander = try test.connect()
            #expect(try bystander.ask("EV.COUNT") == .integer(41))
            #expect(try bystander.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(42))
            for reader in readers { #expect(try reader.receive().events?.first?.id == EventID(1)) }
            #expect(try await eventual { try held(test, "out") == 0 })
        }
    }

    @Test("A client that does not read is cut after its time, and those that waited for its room are answered")
    func neverReads() async throws {
        try await run({ $0.writeSeconds = 1 }) { test in
            try fill(test, bytes: 2 << 20, each: 50_000)
            let silent = try (0..<8).map { _ in try test.connect() }
            for reader in silent { try reader.send([["EV.READ"]]) }
            #expect(try await eventual { try areWaiting(test) })
            #expect(try test.connect().ask("EV.READ").events?.first?.id == EventID(1))
            #expect(try await eventual { try test.info("connections") == "1" })
            withExtendedLifetime(silent) {}
        }
    }

    @Test("Small questions with large answers do not pile answers up beyond a quarter of the room for answers")
    func amplification() async throws {
        try await run { test in
            let connection = try test.connect()
            try connection.send(String(repeating: "COMMAND DOCS\r\n", count: 2000))
            #expect(try test.connect().ask("PING") == .simple("PONG"))
            #expect(try held(test, "out") <= Self.half / 4 + (128 << 10))
            var answers = 0
            while answers < 2000, case .array = try connection.receive() { answers += 1 }
            #expect(answers == 2000)
        }
    }

    @Test("Mistakes that wait for their turn behind an append count")
    func mistakes() async throws {
        try await run { test in
            let (hangs, release) = (AsyncStream<Void>.makeStream(), DispatchSemaphore(value: 0))
            let writer = try test.connect()
            test.store.roll { _ in
                hangs.continuation.finish()
                release.wait()
            }
            // Or the append would be taken along before.
            for await _ in hangs.stream {}
            try writer.send("EV.APPEND c a t {}\r\n")
            // No more than the kernel keeps for a server that does not read on.
            try writer.send(String(repeating: "X\r\n", count: 60_000))
            var most = 0
            for _ in 0..<100 {
                most = max(most, try held(test, "in"))
                try await Task.sleep(for: .milliseconds(2))
            }
            release.signal()
            #expect(most > 0 && most <= Self.half, "\(most)")
            #expect(try writer.receive() == .integer(1))
            for _ in 0..<60_000 {
                guard try writer.receive().errorText != nil else {
                    Issue.record("not an error")
                    return
                }
            }
        }
    }

    @Test("Many subscriptions of one client that does not read hold one delivery, and each gets all when it reads")
    func subscriptions() async throws {
        try await run { test in
            try fill(test, bytes: 800_000, each: 2000)
            let subscriber = try test.connect(resp3: true)
            for _ in 0..<10 { try subscriber.send([["EV.SUBSCRIBE", "FROM", "1"]]) }
            let live = try test.connect(resp3: true)
            _ = try live.ask("EV.SUBSCRIBE")
            var most = 0
            for _ in 0..<50 {
                most = max(most, try held(test, "out"))
                try await Task.sleep(for: .milliseconds(2))
            }
            #expect(most <= 1 << 20)
            #expect(try test.connect().ask("EV.APPEND", "c", "a", "t", "{}") == .integer(401))
            #expect(try live.receive().elements?[2].event?.id == EventID(401))
            var next = Array(repeating: UInt64(1), count: 11)
            while next[1...].contains(where: { $0 <= 401 }) {
                guard case .push(let parts) = try subscriber.receive(), let number = parts[1].unsigned else { continue }
                #expect(parts[2].event?.id == EventID(next[Int(number)]))
                next[Int(number)] += 1
            }
        }
    }

    @Test("A subscriber that does not read is cut after its time")
    func silentSubscriber() async throws {
        try await run({ $0.writeSeconds = 1 }) { test in
            let silent = try test.connect(resp3: true)
            _ = try silent.ask("EV.SUBSCRIBE")
            try fill(test, bytes: 2 << 20, each: 50_000)
            #expect(try await eventual { test.store.subscriptionCount == 0 })
            withExtendedLifetime(silent) {}
        }
    }

    /// As `eventually`, and lets other tests go on meanwhile.
    private func eventual(_ isSo: () throws -> Bool) async throws -> Bool {
        for _ in 0..<2000 {
            if try isSo() { return true }
            try await Task.sleep(for: .milliseconds(5))
        }
        return try isSo()
    }
}
