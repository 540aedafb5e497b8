// Owns: the promise that evctl puts nothing into a store that was not meant: text that is not UTF-8 is refused, whichever
// way it comes.

import EventModel
import EventStore
import EventStoreClient
import Testing

@testable import evctl

@Suite("Entrances", .timeLimit(.minutes(20)))
struct EntranceTests {
    private func withDaemon(_ body: (Daemon) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let daemon = try Daemon(directory)
        try await daemon.start()
        var failure: (any Error)?
        do { try await body(daemon) } catch { failure = error }
        await daemon.end()
        if let failure { throw failure }
    }

    @Test(
        "an argument that is not UTF-8 is refused and named, and nothing is appended",
        arguments: [
            (#""$0" append "$(printf 'caf\351')" a t"#, #"argument 2 is not UTF-8: “caf\xE9”"#),
            (#""$0" append c "$(printf 'a\355\240\200')" t"#, #"argument 3 is not UTF-8: “a\xED\xA0\x80”"#),
            (#""$0" append c a "$(printf '\300\257')""#, #"argument 4 is not UTF-8: “\xC0\xAF”"#),
            (#""$0" append c a t "$(printf '{"a":"\377"}')""#, #"argument 5 is not UTF-8: “{"a":"\xFF"}”"#),
            (#""$0" append c a t --tag "$(printf 'g\200')""#, #"argument 6 is not UTF-8: “g\x80”"#),
            (#""$0" append c a t --metadata="$(printf '{"a":"\342\202"}')""#, "argument 5 is not UTF-8"),
            (#""$0" -s "$(printf '/tmp/\377')" append c a t"#, #"argument 2 is not UTF-8: “/tmp/\xFF”"#),
            (#""$0" import "$(printf '/tmp/\377')""#, #"argument 2 is not UTF-8: “/tmp/\xFF”"#),
            (
                #"EVCTL_SOCKET=$(printf '/tmp/\377') "$0" append c a t"#,
                "environment variable EVCTL_SOCKET is not UTF-8"
            ),
        ]
    )
    func arguments(script: String, message: String) async throws {
        try await withDaemon { daemon in
            let result = try await Program.shell(script, socket: daemon.socket)
            #expect(result.status == 2 && result.output.isEmpty)
            #expect(result.errors.hasPrefix("evctl: \(message)"), "\(result.errors)")
            #expect(daemon.store.info.lastID == .zero)
        }
    }

    @Test("a variable that evctl does not look at may hold any bytes")
    func otherVariables() async throws {
        try await withDaemon { daemon in
            let result = try await Program.shell(#"X=$(printf '\377') "$0" append c a t"#, socket: daemon.socket)
            #expect(result.status == 0 && result.lines == ["1"])
        }
    }

    @Test(
        "input that is not UTF-8 is refused, and nothing of it is appended",
        arguments: [
            #"printf '{"a":"\351"}' | "$0" append c a t -"#,
            #"printf '{"category":"caf\351","event_type":"t","aggregate_id":"a"}\n' | "$0" import"#,
            #"printf '{"category":"c","event_type":"t","aggregate_id":"a","data":{"a":"\377"}}\n' | "$0" import"#,
            #"printf '{"category":"c","event_type":"t","aggregate_id":"\\ud800"}\n' | "$0" import"#,
            #"printf '{"category":"c","event_type":"t","aggregate_id":"\355\240\200"}\n' | "$0" append --batch -"#,
        ]
    )
    func input(script: String) async throws {
        try await withDaemon { daemon in
            let result = try await Program.shell(script, socket: daemon.socket)
            #expect(result.status == 1 && result.output.isEmpty)
            #expect(result.errors.contains("UTF-8") || result.errors.contains("surrogate"), "\(result.errors)")
            #expect(daemon.store.info.lastID == .zero)
        }
    }

    @Test("data with a byte order mark before it is data")
    func byteOrderMark() async throws {
        try await withDaemon { daemon in
            let script = #"printf '\357\273\277{"a":1}\r\n' | "$0" append c a t -"#
            #expect(try await Program.shell(script, socket: daemon.socket).status == 0)
            let client = try await EventStoreClient.connect(.patient(daemon.socket))
            #expect(try await client.get(.init(1))?.data == Array(#"{"a":1}"#.utf8))
            await client.close()
        }
    }
}
