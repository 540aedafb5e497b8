// Owns: the promise that no event, no name and no reducer steers the terminal of whoever looks at it.

import EventModel
import EventStoreClient
import Foundation
import Testing

@testable import evctl

@Suite("What steers a terminal", .timeLimit(.minutes(20)))
struct SteeringOutputTests {
    /// JSON and names may hold all but the controls of ASCII as they are.
    private static let marks = "\u{202E}\u{2066}\u{200F}\u{2028}"
    private static let data = #"{"text":"\#u{9B}2J\#u{7F}\#(marks)\u001b[2J","\#u{202E}":1}"#
    private static let reducers = [
        "last": "return { reduce = function(s, e) return { data = e.data, name = e.aggregate_id } end }",
        "faulty": #"return { reduce = function(s, e) error("\27[2J\10evctl: forged\127\194\155\226\128\174") end }"#,
    ]

    private func withDaemon(_ body: (Daemon) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try FileManager.default.createDirectory(atPath: directory.path + "/reducers", withIntermediateDirectories: true)
        for (name, text) in Self.reducers {
            try text.write(toFile: directory.path + "/reducers/\(name).lua", atomically: true, encoding: .utf8)
        }
        let daemon = try Daemon(
            directory,
            reducers: directory.path + "/reducers",
            projections: Self.reducers.keys.sorted()
        )
        try await daemon.start()
        let client = try await EventStoreClient.connect(.patient(daemon.socket))
        let event = NewEvent(
            category: "c\(Self.marks)",
            aggregateID: "a\(Self.marks)",
            eventType: "t\(Self.marks)",
            data: Array(Self.data.utf8),
            tags: ["g\(Self.marks)"],
            metadata: Array(Self.data.utf8)
        )
        try await client.append(event)
        await client.close()
        do {
            try await body(daemon)
        } catch {
            await daemon.end()
            throw error
        }
        await daemon.end()
    }

    private static let json: [[String]] = [
        ["projection", "show", "last"], ["state", "a\(marks)", "--reducer", "last"], ["fold", "--reducer", "last"],
        ["read", "-o", "json"], ["read", "-o", "json-pretty"], ["get", "1", "-o", "json"], ["export"],
        ["projection", "list", "-o", "json"], ["fold", "--reducer", "last", "-o", "json"], ["status", "-o", "json"],
        ["verify", "-o", "json"],
    ]
    private static let text: [[String]] = [
        ["read"], ["read", "-o", "wide"], ["get", "1"], ["get", "1", "-o", "wide"], ["projection", "list"], ["status"],
        ["verify"], ["snapshot"],
    ]
    private static let errors: [[String]] = [
        ["projection", "show", "faulty"], ["fold", "--reducer", "faulty"], ["projection", "show", "x\(marks)"],
        ["state", "a", "--reducer", "x\u{1B}[2J"], ["get", "\u{1B}[2J\u{9B}"], ["read", "--nope\u{1B}[2J\(marks)"],
        ["read", "--since", "\u{1B}[2J\nevctl: forged"], ["count", "--socket", "/tmp/\u{1B}[2J\nevctl: forged"],
        ["import", "/tmp/no-such\u{1B}[2J\(marks)"], ["export", "--category", "\u{7F}"],
    ]

    /// Whether a projection that has stopped is what its exit status says.
    private static func tellsOfFaults(_ arguments: [String]) -> Bool {
        arguments[0] == "status" || arguments.starts(with: ["projection", "list"])
    }

    private func steers(_ text: String) -> Bool {
        text.unicodeScalars.contains { $0.isSteering && $0 != "\n" }
    }

    private func run(_ arguments: [String], _ daemon: Daemon, onTerminal: Bool) async throws -> ProgramResult {
        try await Program(
            arguments: arguments + ["--no-pager"],
            socket: daemon.socket,
            environment: ["NO_COLOR": "1"],
            isOnTerminal: onTerminal
        ).run()
    }

    @Test("is spelt out on a terminal, in JSON by escapes that leave its value alone", arguments: json)
    func shownJSON(arguments: [String]) async throws {
        try await withDaemon { daemon in
            let (shown, piped) = (
                try await run(arguments, daemon, onTerminal: true), try await run(arguments, daemon, onTerminal: false)
            )
            #expect(shown.status == (Self.tellsOfFaults(arguments) ? 1 : 0) && !steers(shown.output), "\(shown)")
            guard arguments[0] != "status", !arguments.contains("list") else { return }
            let (before, after) = (
                try JSONSerialization.jsonObject(with: Data(piped.output.utf8)) as? NSDictionary,
                try JSONSerialization.jsonObject(with: Data(shown.output.utf8)) as? NSDictionary
            )
            #expect(before == after && before != nil)
        }
    }

    @Test("is in JSON that is piped as it was appended")
    func jsonPiped() async throws {
        try await withDaemon { daemon in
            for arguments in [["read", "-o", "json"], ["export"]] {
                let result = try await run(arguments, daemon, onTerminal: false)
                #expect(result.output.contains(Self.data) && result.output.contains("a\(Self.marks)"), "\(result)")
            }
        }
    }

    @Test("is in no text for people, piped or not", arguments: text, [false, true])
    func shownText(arguments: [String], onTerminal: Bool) async throws {
        try await withDaemon { daemon in
            let result = try await run(arguments, daemon, onTerminal: onTerminal)
            #expect(result.status == (Self.tellsOfFaults(arguments) ? 1 : 0), "\(result)")
            #expect(!steers(result.output) && !steers(result.errors), "\(result)")
            #expect(!result.lines.contains { $0.hasPrefix("evctl: forged") }, "\(result)")
        }
    }

    @Test("is in no error message, and no error forges a line", arguments: errors)
    func shownErrors(arguments: [String]) async throws {
        try await withDaemon { daemon in
            let result = try await Program(arguments: arguments, socket: daemon.socket).run()
            #expect(result.status != 0 && !steers(result.output) && !steers(result.errors), "\(result)")
            #expect(!result.errors.split(separator: "\n").contains { $0.hasPrefix("evctl: forged") }, "\(result)")
        }
    }

    @Test("is in no note about a line of an import")
    func importNotes() async throws {
        try await withDaemon { daemon in
            let file = "/tmp/evctl-steering-\(UInt64.random(in: 0 ... .max)).ndjson"
            defer { unlink(file) }
            try "{\"\u{9B}2J\u{202E}\":1}\n{\"category\":\"\u{202E}\",\"\u{1B}[2J\":2}\nno\u{1B}[2J\n"
                .write(toFile: file, atomically: true, encoding: .utf8)
            for flags in [[], ["--keep-going"]] {
                let result = try await Program(arguments: ["import", file] + flags, socket: daemon.socket).run()
                #expect(!steers(result.errors) && result.errors.contains("line 1"), "\(result)")
            }
        }
    }
}
