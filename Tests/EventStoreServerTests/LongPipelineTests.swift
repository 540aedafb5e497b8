// Owns: the promises to a client that writes all of a pipeline before it reads the first reply, as most client libraries do,
// and about what is said of a client that is cut.

import EventModel
import EventStore
import EventWire
import Foundation
import Synchronization
import Testing

@testable import EventStoreServer

@Suite(.serialized, .timeLimit(.minutes(20))) struct LongPipelineTests {
    private static let half = 4 << 20

    /// A server whose clients may hold 8 MiB, half of them for what they are sent; what it reports is kept.
    private func run(
        _ configure: (inout ServerOptions) -> Void = { _ in },
        _ body: (TestServer, Reports) async throws -> Void
    ) async throws {
        let reports = Reports()
        try await TestServer.run(
            server: { options in
                options.bufferBytes = 2 * Self.half
                options.limits.argumentBytes = 256 << 10
                options.limits.commandBytes = 1 << 20
                options.replyBytes = 1 << 20
                options.report = { reports.add($0) }
                configure(&options)
            },
            { try await body($0, reports) }
        )
    }

    private final class Reports: Sendable {
        private let lines = Mutex<[String]>([])
        func add(_ line: String) { lines.withLock { $0.append(line) } }
        func contains(_ text: String) -> Bool { lines.withLock { $0.contains { $0.contains(text) } } }
        var count: Int { lines.withLock(\.count) }
    }

    private func data(_ bytes: Int) -> String { "{\"p\":\"" + String(repeating: "x", count: bytes - 8) + "\"}" }

    @Test(
        "Ten thousand questions with answers of 10 kB, written before the first is read: all answered, in order, within budget"
    )
    func questions() async throws {
        try await run { test, _ in
            let (client, bystander) = (try test.connect(), try test.connect())
            for n in 1...50 { #expect(try client.ask("EV.APPEND", "c", "a", "t", data(9700)) == .integer(Int64(n))) }
            try client.send((0..<10_000).map { ["EV.GET", "\($0 % 50 + 1)"] })
            #expect(try bystander.ask("EV.GET", "7").event?.id == EventID(7))
            #expect(Int(try test.info("buffer_bytes_out") ?? "") ?? .max <= Self.half)
            #expect(Int(try test.info("buffer_bytes_in") ?? "") ?? .max <= Self.half)
            for n in 0..<10_000 {
                guard try client.receive().event?.id == EventID(UInt64(n % 50 + 1)) else {
                    Issue.record("answer \(n) is another's")
                    return
                }
            }
        }
    }

    @Test("A hundred thousand appends, written before the first reply is read, are appended once and answered in order")
    func appends() async throws {
        try await run { test, _ in
            let client = try test.connect()
            try client.send((1...100_000).map { ["EV.APPEND", "c", "a", "t", "{\"n\":\($0)}"] })
            for n in 1...100_000 {
                guard try client.receive() == .integer(Int64(n)) else {
                    Issue.record("the answer to append \(n) is another's")
                    return
                }
            }
            #expect(test.store.tail == EventID(100_000))
        }
    }

    @Test("A transaction of ten thousand events is written at once")
    func transaction() async throws {
        try await run { test, _ in
            let client = try test.connect()
            let append = ["EV.APPEND", "c", "a", "t", "{}"]
            try client.send([["MULTI"]] + Array(repeating: append, count: 10_000) + [["EXEC"]])
            #expect(try client.receive() == .ok)
            for _ in 0..<10_000 { guard try client.receive() == .queued else { throw RawConnection.Failure.closed } }
            #expect(try client.receive().elements?.count == 10_000)
        }
    }

    @Test("Commands behind a read that waits are taken in while it waits")
    func behindABlockingRead() async throws {
        try await run { test, _ in
            let (client, other) = (try test.connect(), try test.connect())
            let echo = ["ECHO", String(repeating: "e", count: 1000)]
            try client.send([["EV.READ", "AFTER", "$", "BLOCK", "0"]] + Array(repeating: echo, count: 900))
            #expect(try other.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(1))
            #expect(try client.receive().events?.count == 1)
            for _ in 0..<900 { #expect(try client.receive().text?.utf8.count == 1000) }
        }
    }

    @Test("Questions, mistakes and appends that alternate are answered in their order, on a busy loop too")
    func alternating() async throws {
        try await run { test, _ in
            let (client, other) = (try test.connect(), try test.connect())
            #expect(try client.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(1))
            let round = [
                ["EV.GET", "1"], ["EV.GET", "x"], ["EV.COUNT", "CATEGORY", "d"], ["NONSENSE"], ["EV.GET", "1"],
                ["EV.APPEND", "c", "a", "t", "{}"], ["EV.GET", "1"], ["PING"], ["EV.READ", "AFTER", "$"],
                ["EV.APPEND", "c", "a", "t", "{]"],
            ]
            try client.send(Array(repeating: round, count: 300).flatMap { $0 })
            for n in 0..<300 {
                #expect(try other.ask("EV.GET", "1").event?.id == EventID(1))
                #expect(try client.receive().event?.id == EventID(1))
                #expect(try client.receive().errorText?.hasPrefix("INVALID") == true)
                #expect(try client.receive() == .integer(0))
                #expect(try client.receive().errorText?.contains("unknown command") == true)
                #expect(try client.receive().event?.id == EventID(1))
                #expect(try client.receive() == .integer(Int64(n + 2)))
                #expect(try client.receive().event?.id == EventID(1))
                #expect(try client.receive() == .simple("PONG"))
                #expect(try client.receive().events?.isEmpty == true)
                #expect(try client.receive().errorText?.hasPrefix("INVALID") == true)
            }
        }
    }

    @Test("A client that has sent its last byte, and reads late, gets every answer", arguments: [900, 1001, 2000])
    func halfClosed(questions: Int) async throws {
        try await run { test, _ in
            let client = try test.connect()
            for n in 1...10 { #expect(try client.ask("EV.APPEND", "c", "a", "t", data(1000)) == .integer(Int64(n))) }
            try client.send(
                (0..<questions).map { ["EV.GET", "\($0 % 10 + 1)"] } + [["EV.APPEND", "c", "a", "t", "{}"]]
            )
            client.endSending()
            #expect(eventually { test.store.tail == EventID(11) || questions > 900 })
            usleep(100_000)
            for n in 0..<questions {
                guard try client.receive().event?.id == EventID(UInt64(n % 10 + 1)) else {
                    Issue.record("answer \(n) is another's")
                    return
                }
            }
            #expect(try client.receive() == .integer(11))
            #expect(client.isClosedByServer())
        }
    }

    @Test(
        "Many clients that write all before they read are all answered, though together they ask for more than there is"
    )
    func manyWriters() async throws {
        try await run({ $0.writeSeconds = 60 }) { test, _ in
            let path = test.path
            // Of each client 1.5 MB in either direction, which is less than one may leave waiting and more than all may.
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        await withCheckedContinuation { continuation in
                            Thread { continuation.resume(returning: Self.isAnswered(path, 300)) }.start()
                        }
                    }
                }
                for await isAnswered in group { #expect(isAnswered) }
            }
            let held = [try test.info("buffer_bytes_in"), try test.info("buffer_bytes_out")]
            #expect(held == ["0", "0"])
        }
    }

    private static func isAnswered(_ path: String, _ count: Int) -> Bool {
        let texts = (0..<count).map { "\($0)" + String(repeating: "e", count: 5000) }
        guard let client = try? RawConnection(path), (try? client.send(texts.map { ["ECHO", $0] })) != nil else {
            return false
        }
        return texts.allSatisfy { (try? client.receive())?.text == $0 }
    }

    @Test("A client that never reads is cut within its time, and the log says which and why")
    func neverReads() async throws {
        try await run({ $0.writeSeconds = 1 }) { test, reports in
            let (silent, other) = (try test.connect(), try test.connect())
            for _ in 0..<20 { _ = try other.ask("EV.APPEND", "c", "a", "t", data(200_000)) }
            try silent.send((0..<100).map { _ in ["EV.GET", "3"] })
            #expect(eventually { test.server.core.connections.count == 1 })
            #expect(reports.contains(" of user \(geteuid())") && reports.contains(", process \(getpid()) was closed: "))
            #expect(reports.contains("bytes of replies wait, of which it has read too little in 1 seconds"))
            #expect(try other.ask("PING") == .simple("PONG"))
            withExtendedLifetime(silent) {}
        }
    }

    @Test("Whoever is cut for half a command, for bytes that are no commands, or is not let in, is told of in the log")
    func othersThatAreCut() async throws {
        try await run({ options in
            options.commandSeconds = 1
            options.maximumConnections = 3
        }) { test, reports in
            let (half, broken) = (try test.connect(), try test.connect())
            try half.send("*2\r\n$6\r\nEV.GET\r\n$1")
            #expect(eventually { reports.contains("half a command arrived") })
            try broken.send("*1\r\n$-1\r\n")
            #expect(try broken.receive().errorText?.contains("Protocol error") == true)
            #expect(reports.contains("was closed: Protocol error: invalid bulk length"))
            #expect(eventually { test.server.core.connections.count == 0 })
            let allowed = try (0..<3).map { _ in try test.connect() }
            for connection in allowed { #expect(try connection.ask("PING") == .simple("PONG")) }
            #expect(try test.connect().receive().errorText?.contains("max number of clients") == true)
            #expect(reports.contains("was refused: max number of clients reached"))
        }
    }

    @Test("However many are cut, the log gets ten lines in ten seconds, and a number")
    func cutReports() {
        let lines = Reports()
        let cuts = CutReports { lines.add($0) }
        for n in 0..<1000 { cuts.note("connection \(n) was closed") }
        #expect(lines.count == 10)
        #expect(cuts.count == 1000)
    }
}
