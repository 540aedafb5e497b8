// Owns: the promises of the audit lines: one for each refusal and each act of administration, and no flood of them.

import EventModel
import EventWire
import NIOCore
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct AuditTests {
    private static let counts = "return { reduce = function(s, e) return s end }"

    @Test("A refusal is written down with user, process, connection, command and what was missing")
    func refusals() async throws {
        try await Peers.run(["everyone: read(order)"]) { peers in
            // A user whom every Debian has.
            let connection = try peers.connect(65534)
            let number = try #require(try connection.ask("CLIENT", "ID").unsigned)
            let who = "audit: user 65534 (nobody), process 4711, connection \(number): "
            _ = try connection.ask("EV.COMPACT")
            _ = try connection.ask("EV.COUNT", "CATEGORY", "x\u{202E}")
            _ = try connection.ask("EV.APPEND", "c", "a", "t", "{}")
            _ = try connection.ask("EV.COUNT")
            #expect(peers.audit.has("EV.COUNT refused: needs read for every category"))
            #expect(
                peers.audit.all == [
                    who + "EV.COMPACT refused: needs operate",
                    who + #"EV.COUNT refused: needs read for the category 'x\u{202e}'"#,
                    who + "EV.APPEND refused: needs append", who + "EV.COUNT refused: needs read for every category",
                ]
            )
        }
    }

    @Test("An event that is refused once it has been read is written down, too")
    func refusedEvent() async throws {
        try await Peers.run(["user 4000: read(order)"]) { peers in
            _ = try peers.connect(0).ask("EV.APPEND", "secret", "a", "t", "{}")
            _ = try peers.connect(4000).ask("EV.GET", "1")
            #expect(peers.audit.has("user 4000, process", "EV.GET refused: needs read for the category 'secret'"))
        }
    }

    @Test("Each act of administration is written down with how it ended and how long it took")
    func acts() async throws {
        try await Peers.run(["everyone: operate admin"], reducers: ["counts": Self.counts]) { peers in
            let connection = try peers.connect(4000)
            for command in [
                "ROLL", "SNAPSHOT", "COMPACT", "VERIFY", "REBUILD counts", "REBUILD no\u{202E}one", "RELOAD",
            ] {
                _ = try connection.ask("EV.\(command)".split(separator: " ").map(String.init))
            }
            for command in ["ROLL", "SNAPSHOT", "COMPACT", "VERIFY", "REBUILD counts"] {
                let line = peers.audit.all.first { $0.contains("EV.\(command) ") } ?? ""
                #expect(
                    line.contains(/^audit: user 4000, process 4711, connection \d+: EV.* done in \d+ ms$/),
                    "\(command): \(line)"
                )
            }
            #expect(peers.audit.has(#"EV.REBUILD no\u{202e}one failed after "#, " ms: NOTFOUND "))
            #expect(peers.audit.has("EV.RELOAD failed after ", "nothing to reload"))
            #expect(peers.audit.all.count == 7)
        }
    }

    @Test("A flood of refusals of one user is told in sum, and hides nobody else's")
    func flood() throws {
        let lines = Peers.Lines()
        let audit = Audit { lines.add($0) }
        var options = ServerOptions(socketPath: "")
        options.unlimitedUsers = []
        func caller(_ user: UInt32) -> Caller {
            let peer = PeerCredentials(process: 1, user: user, group: 1, groups: [])
            return Caller(peer, isReadOnly: false, connection: 7, .standard, 0, options, audit)
        }
        let (flooding, other) = (caller(4000), caller(4001))
        for _ in 0..<1000 { audit.refused(flooding, "EV.ROLL", "needs operate", lacking: .operate) }
        #expect(lines.all.count == 10)
        audit.refused(other, "EV.ROLL", "needs operate", lacking: .operate)
        audit.acted(flooding, "EV.ROLL", "done in 1 ms")
        #expect(lines.all.count == 12)
        // Nor what the same user is refused for want of another role, or because it has had enough.
        audit.refused(flooding, "EV.RELOAD", "needs admin", lacking: .admin)
        for _ in 0..<10 { audit.refused(flooding, "EV.SUBSCRIBE", "too many", lacking: nil) }
        audit.refused(flooding, "EV.ROLL", "too many", lacking: nil)
        #expect(lines.all.count == 24)
        audit.tellRest(at: .now())
        #expect(lines.all.count == 24)
        audit.tellRest(at: .now() + .seconds(11))
        #expect(lines.all.count == 25 && lines.all.last == "audit: user 4000: 990 more refusals")
        audit.tellRest(at: .now() + .seconds(30))
        #expect(lines.all.count == 25)
        for _ in 0..<12 { audit.refused(flooding, "EV.ROLL", "needs operate", lacking: .operate) }
        // The daemon ends.
        audit.tellRest()
        #expect(lines.all.count == 36 && lines.all.last == "audit: user 4000: 2 more refusals")
        // However many users there are, there are so many accounts.
        for user in 0..<10_000 {
            for _ in 0..<2 { audit.refused(caller(UInt32(10_000 + user)), "EV.ROLL", "x", lacking: .operate) }
        }
        #expect(lines.all.count < 36 + 2 * 4096 + 20)
        for _ in 0..<1000 { audit.acted(other, "EV.ROLL", "done in 1 ms") }
        #expect(lines.all.count < 36 + 2 * 4096 + 20 + 101)
    }
}
