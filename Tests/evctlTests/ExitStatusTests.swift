import EventModel
import EventStore
import EventStoreClient
import SegmentLog
import Testing

@testable import evctl

@Suite("Exit statuses")
struct ExitStatusTests {
    func command(_ arguments: [String]) throws -> (any Command)? {
        try Invocation(arguments: arguments, now: Timestamp(nanoseconds: 0)).command() as? any Command
    }

    func status(_ error: any Error) -> Int32 {
        Outcome(of: error).status.rawValue
    }

    @Test("each error of the client has the status that the interface promises")
    func clientErrors() {
        #expect(status(ClientError.cannotConnect(path: "/x", reason: "r")) == 5)
        #expect(status(ClientError.disconnected(reason: "r")) == 5)
        #expect(status(ClientError.outcomeUnknown(reason: "r")) == 8)
        #expect(status(ClientError.protocolViolation("r")) == 1)
        #expect(status(ClientError.store(StoreError(.conflict, ids: [EventID(7)], "r"))) == 4)
    }

    @Test(
        "each code of the store has the status that the interface promises",
        arguments: StoreError.Code.allCases
    )
    func storeErrors(code: StoreError.Code) {
        let expected: Int32 =
            switch code {
            case .notFound: 3
            case .conflict, .reused, .position: 4
            case .loading: 5
            case .corrupt: 6
            case .noSpace, .failed: 7
            default: 1
            }
        #expect(status(StoreError(code, "r")) == expected)
        #expect(status(ClientError.store(StoreError(code, "r"))) == expected)
    }

    @Test("a store that cannot be opened is damaged, not there, or neither")
    func openErrors() {
        #expect(status(OpenError.log(.unreadable(path: "p", reason: "r"))) == 6)
        #expect(status(OpenError.log(.missing(path: "p"))) == 3)
        #expect(status(OpenError.log(.unknownFormat(path: "p", found: "2"))) == 1)
        #expect(status(OpenError.log(.inUse(path: "p"))) == 1)
        #expect(status(OpenError.log(.noSpace(free: 1, keepFree: 2, needed: 3))) == 7)
    }

    @Test("an error that is an answer says so on one line, and a closed output says nothing")
    func messages() {
        #expect(
            Outcome(of: ClientError.store(StoreError(.notFound, "no reducer x"))).message
                == "evctl: NOTFOUND no reducer x"
        )
        #expect(Outcome(of: OutputClosed()).status == .ok)
        #expect(Outcome(of: OutputClosed()).message == nil)
        #expect(status(Failure(.interrupted, "interrupted")) == 130)
        struct Other: Error, CustomStringConvertible { let description = "something else" }
        #expect(status(Other()) == 1)
        #expect(Outcome(of: Other()).message == "evctl: something else")
    }

    @Test(
        "wrong usage exits with 2 and says what was wrong",
        arguments: [
            ["nope"], ["read", "-n"], ["read", "-n", "x"], ["read", "-o", "xml"], ["read", "-f", "-r"], ["get"],
            ["fold"],
            ["append", "c", "a"], ["import", "--skip-lines", "1", "--resume-file", "x"],
            ["repair", "--data-dir", "a"], ["repair", "--into", "b"], ["append", "c", "a", "t", "--skip-damage"],
            ["generate", "--aggregates", "3"], ["bench", "nope"], ["bench", "append", "--nope"],
            ["bench", "append", "-c", "0"], ["bench", "append", "--batch", "0"], ["bench", "append", "--rate", "0"],
            ["bench", "read", "--duration", "-1"], ["bench", "read", "--aggregates", "1"], ["bench", "state"],
            ["bench", "subscribe", "--events", "0"],
        ]
    )
    func usage(arguments: [String]) throws {
        let error = #expect(throws: (any Error).self) { try command(arguments) }
        let outcome = Outcome(of: try #require(error))
        #expect(outcome.status == .usage)
        #expect(outcome.message?.hasPrefix("evctl: ") == true)
    }

    @Test("help is an answer, not an error", arguments: [["--help"], ["read", "--help"], ["--version"]])
    func help(arguments: [String]) async throws {
        let invocation = Invocation(arguments: arguments, now: Timestamp(nanoseconds: 0))
        let error = await #expect(throws: (any Error).self) { try await invocation.run() }
        #expect(Outcome(of: try #require(error)).status == .ok)
    }

    @Test("flags before a command leave alone what follows --, and what is no such flag")
    func leadingFlags() {
        #expect(
            LeadingFlags.movedBehind(["--socket=/x", "-q", "append", "c", "--", "-o"])
                == ["append", "c", "--socket=/x", "-q", "--", "-o"]
        )
        #expect(LeadingFlags.movedBehind(["--version", "-q"]) == ["--version", "-q"])
        #expect(LeadingFlags.movedBehind(["-s"]) == ["-s"])
    }

    @Test(
        "every command takes the global flags, before it or behind",
        arguments: [
            ["append", "c", "a", "t"], ["import"], ["export"], ["read"], ["get", "1"], ["count"],
            ["state", "a", "--reducer", "r"],
            ["fold", "--reducer", "r"], ["projection", "list"], ["projection", "show", "p"],
            ["projection", "rebuild", "p"],
            ["subscribe"], ["status"], ["roll"], ["snapshot"], ["compact"], ["verify"], ["demo"], ["generate"],
            ["repair", "--data-dir", "a", "--into", "b"], ["bench", "append"], ["bench", "read"],
            ["bench", "state", "--reducer", "r"], ["bench", "replay"], ["bench", "subscribe"],
            ["bench", "null-server"],
        ]
    )
    func globalFlags(arguments: [String]) throws {
        let flags = ["-s", "/x", "-o", "json-pretty", "-q", "--no-pager", "--utc"]
        for arguments in [arguments + flags, flags + arguments] {
            let command = try #require(try command(arguments))
            #expect(command.global.socket == "/x" && command.global.output == .jsonPretty)
            #expect(command.global.quiet && command.global.noPager && command.global.utc)
        }
    }

    @Test("the socket is the flag's, else the environment's, else the default")
    func socket() throws {
        func path(_ arguments: [String], _ environment: [String: String]) throws -> String {
            let invocation = Invocation(
                arguments: ["roll"] + arguments,
                environment: environment,
                now: Timestamp(nanoseconds: 0)
            )
            return try #require(try invocation.command() as? any Command).global.socketPath(in: invocation)
        }
        #expect(try path(["-s", "/x"], ["EVCTL_SOCKET": "/e"]) == "/x")
        #expect(try path([], ["EVCTL_SOCKET": "/e"]) == "/e")
        #expect(try path([], [:]) == "/run/evstored.sock")
    }
}
