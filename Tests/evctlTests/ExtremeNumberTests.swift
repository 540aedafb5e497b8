// Owns: the promise that no number on the command line, and none that a daemon sends, ends evctl with a signal.

import EventModel
import EventStoreClient
import Foundation
import Testing

@testable import evctl

@Suite("Extreme numbers", .timeLimit(.minutes(20)))
struct ExtremeNumberTests {
    private static let greatest = "18446744073709551615"
    private static let numbers = [
        "0", "2147483648", "4294967296", "9007199254740993", "9223372036854775807", "9223372036854775808", greatest,
        "18446744073709551616", "-1", "1000000000000000000000000000000", "1e308", "1e-300", "nan",
    ]
    /// Those for what works as long as it can.
    private static let fewNumbers = ["0", "9223372036854775807", greatest, "-1", "1e308"]

    /// Every option and argument that takes a number, `#`, with what else its command needs to come to an end.
    private static let commands: [[String]] = [
        ["read", "--after", "#"], ["read", "--before", "#"], ["read", "-n", "#"], ["read", "-r", "-n", "#"],
        ["read", "--since", "#"], ["read", "--until", "#"], ["read", "--as-of", "#"], ["read", "--as-of", "@#"],
        ["read", "--after", "#", "--before", "#", "--skip-damage"], ["read", "-f", "--after", "#"],
        ["read", "-f", "-n", "#"], ["get", "#"], ["count", "--after", "#"], ["export", "--after", "#"],
        ["export", "--before", "#"], ["subscribe", "--from", "#"], ["subscribe", "--after", "#"],
        ["subscribe", "--before", "#"], ["state", "a", "--reducer", "count", "--at", "#"],
        ["state", "a", "--reducer", "count", "--as-of", "#"], ["fold", "--reducer", "count", "--after", "#"],
        ["projection", "show", "count", "--at", "#"], ["projection", "show", "count", "--as-of", "#"],
        ["append", "c", "a", "t", "--at", "#"], ["append", "c", "a", "t", "--event-version", "#"],
        ["append", "c", "a", "t", "--unless-after", "#"], ["import", "--skip-lines", "#"],
        ["generate", "--events", "#"], ["generate", "--events", "3", "--aggregates", "#"],
        ["generate", "--events", "3", "--seed", "#"], ["bench", "replay", "--after", "#"],
        ["bench", "read", "--duration", "0.1", "--operations", "#"],
        ["bench", "read", "--duration", "0.1", "--aggregates", "#"],
        ["bench", "read", "--operations", "10", "--seed", "#"], ["bench", "read", "--operations", "10", "-c", "#"],
        ["bench", "read", "--operations", "10", "-P", "#"], ["bench", "read", "--operations", "10", "--threads", "#"],
        ["bench", "read", "--operations", "10", "--duration", "#"],
        ["bench", "read", "--operations", "1", "--duration", "0.1", "--rate", "#"],
        ["bench", "append", "--duration", "0.1", "--batch", "#"],
        ["bench", "append", "--duration", "0.1", "--batch", "1000", "--rate", "#"],
        ["bench", "append", "--duration", "0.1", "--events", "#"],
        ["bench", "subscribe", "--events", "1", "--rate", "#"], ["bench", "subscribe", "--events", "1", "--seed", "#"],
    ]

    /// Runs `body` with a daemon of one event, which keeps a projection.
    private func withDaemon(_ body: (Daemon) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try FileManager.default.createDirectory(atPath: directory.path + "/reducers", withIntermediateDirectories: true)
        try "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"
            .write(toFile: directory.path + "/reducers/count.lua", atomically: true, encoding: .utf8)
        let daemon = try Daemon(directory, reducers: directory.path + "/reducers", projections: ["count"])
        try await daemon.start()
        try await daemon.append(1...1)
        do {
            try await body(daemon)
        } catch {
            await daemon.end()
            throw error
        }
        await daemon.end()
    }

    @Test("in any option are taken or refused with a reason, and never kill evctl")
    func options() async throws {
        try await withDaemon { daemon in
            let socket = daemon.socket
            var runs = Self.commands.flatMap { command in
                (command[0] == "bench" ? Self.fewNumbers : Self.numbers).map { number in
                    // What waits for events, or makes them without end, is interrupted.
                    Program(
                        arguments: command.map { $0.replacing("#", with: number) },
                        socket: socket,
                        stopAfterLines: command[0] == "generate" ? 5 : nil,
                        stopAfterSeconds: ["subscribe", "read"].contains(command[0]) ? 0.5 : 2
                    )
                }
            }[...]
            try await withThrowingTaskGroup(of: (Program, ProgramResult).self) { group in
                func begin() {
                    if let run = runs.popFirst() { group.addTask { (run, try await run.run()) } }
                }
                for _ in 0..<4 { begin() }
                while let (run, result) = try await group.next() {
                    begin()
                    // Interrupted, or so before it had come to expect that.
                    let isWell = (0...8).contains(result.status) || [130, -SIGINT].contains(result.status)
                    #expect(isWell, "\(run.arguments): \(result)")
                    if (1...8).contains(result.status) {
                        #expect(result.errors.contains("evctl: "), "\(run.arguments): \(result)")
                    }
                }
            }
        }
    }

    @Test("as the place to go on behind, the greatest id there is, are beyond every tail")
    func greatestPosition() async throws {
        try await withDaemon { daemon in
            for command in [
                ["subscribe", "--after", Self.greatest], ["subscribe", "--from", Self.greatest],
                ["read", "-f", "--after", Self.greatest],
            ] {
                let result = try await Program(arguments: command, socket: daemon.socket, stopAfterSeconds: 10).run()
                #expect(result.status == 4 && result.output == "", "\(command): \(result)")
                #expect(result.errors.hasPrefix("evctl: POSITION "), "\(command): \(result)")
            }
        }
    }

    @Test("of a span of time add up to a moment that there is none of")
    func spans() async throws {
        let term = "\(Self.greatest)y"
        for text in [
            "-\(term)", "-" + String(repeating: term, count: 400), String(repeating: term, count: 400) + " ago",
        ] {
            let result = try await Program.run(["count", "--since", text])
            #expect(result.status == 2 && result.errors.contains("is no TIME"), "\(text.prefix(40)): \(result)")
        }
    }

    @Test("that a daemon sends are no trouble: a tail at the greatest id, an event at zero")
    func hostileDaemon() async throws {
        func server(_ directory: TemporaryDirectory, answers: [String]) throws -> ScriptedServer {
            try ScriptedServer(directory) { peer in
                for answer in answers where peer.receive() > 0 { peer.send(answer) }
                while peer.receive() > 0 {}
            }
        }
        let hello = "%1\r\n$5\r\nproto\r\n:3\r\n"
        let info = "last_id:\(Self.greatest)\r\n"
        let tail = "$\(info.utf8.count)\r\n\(info)\r\n"
        let event =
            "*1\r\n*16\r\n$8\r\nevent_id\r\n:0\r\n$8\r\ncategory\r\n$1\r\nc\r\n$10\r\nevent_type\r\n$1\r\nt\r\n"
            + "$12\r\naggregate_id\r\n$1\r\na\r\n$4\r\ndata\r\n$2\r\n{}\r\n$9\r\ntimestamp\r\n$1\r\n0\r\n"
            + "$7\r\nversion\r\n:1\r\n$11\r\nrecorded_at\r\n$1\r\n0\r\n"
        let page = "*3\r\n:\(Int64.max)\r\n:0\r\n" + event
        let cases: [(command: [String], answers: [String])] = [
            (["read"], [hello, tail, page]), (["export"], [hello, tail, page]),
            (["read", "-n", "1"], [hello, tail, page, page]),
            (["bench", "replay"], [hello, tail, "$0\r\n\r\n"]),
        ]
        for (command, answers) in cases {
            let directory = try TemporaryDirectory()
            defer { directory.remove() }
            let scripted = try server(directory, answers: answers)
            let result = try await Program(arguments: command, socket: scripted.path, stopAfterSeconds: 10).run()
            scripted.end()
            #expect(result.status == 0, "\(command): \(result)")
        }
    }

    @Test("and what is no number become the nearest whole number")
    func saturating() {
        #expect(UInt64(saturating: 1.9) == 1 && Int(saturating: -1.9) == -1)
        #expect(UInt64(saturating: -1) == 0 && UInt64(saturating: .nan) == 0 && Int(saturating: .nan) == 0)
        #expect(UInt64(saturating: 1e308) == .max && UInt64(saturating: .infinity) == .max)
        #expect(UInt64(saturating: 0x1p64) == .max && Int(saturating: 0x1p63) == .max)
        #expect(Int(saturating: -.infinity) == .min && Int(saturating: -0x1p63) == .min)
        #expect(Quantity.tenths(.infinity).hasSuffix(".5") && Quantity.bytes(.nan) == "0 B")
        let meter = ProgressMeter(.events, total: 1, isShown: false)
        #expect(meter.line(.max, elapsed: .nanoseconds(1)).contains("18,446,744,073,709,551,615/s"))
    }

    @Test("have no event behind or before them where there is no number")
    func neighbours() {
        #expect(EventID(7).successor == EventID(8) && EventID(7).predecessor == EventID(6))
        #expect(EventID(.max).successor == nil && EventID(.max).predecessor == EventID(.max - 1))
        #expect(EventID.zero.predecessor == nil && EventID.zero.successor == EventID(1))
        let damage = [EventID(5)...EventID(9)]
        #expect(SkippedDamage.within(Filter(after: EventID(.max)), damage) == [])
        #expect(SkippedDamage.within(Filter(before: .zero), damage) == [])
        #expect(
            SkippedDamage.within(Filter(after: EventID(6), before: EventID(.max)), damage) == [EventID(7)...EventID(9)]
        )
    }
}
