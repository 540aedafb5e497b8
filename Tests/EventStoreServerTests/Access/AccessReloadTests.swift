// Owns: the promises about rules that change while the server runs: they count from the next command on, for everybody.

import EventModel
import EventWire
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct AccessReloadTests {
    private let append = ["EV.APPEND", "order", "a", "t", "{}"]

    @Test("A right that is taken or given counts for the next command of every connection, on every loop")
    func commands() async throws {
        try await Peers.run(["everyone: read append"], server: { $0.eventLoops = 3 }) { peers in
            let connections = try (0..<6).map { _ in try peers.connect(4000) }
            for connection in connections { #expect(try connection.ask(append).unsigned != nil) }
            peers.test.server.replace(rules: try AccessRules(["everyone: read"]))
            for connection in connections {
                try connection.send([append, append])
                #expect(try connection.receive(2).allSatisfy { isRefused($0, "append") })
            }
            #expect(try connections[0].ask("EV.COUNT") == .integer(6))
            peers.test.server.replace(rules: try AccessRules(["user 4000: append(order)"]))
            for connection in connections { #expect(try connection.ask(append).unsigned != nil) }
            #expect(isRefused(try connections[0].ask("EV.COUNT"), "read"))
            #expect(isRefused(try peers.connect(4001).ask(append), "append"))
        }
    }

    @Test("Subscriptions and waiting reads that are allowed no more end with NOPERM; the others go on")
    func followers() async throws {
        try await Peers.run(["everyone: read append"]) { peers in
            let (following, waiting) = (try peers.connect(4000), try peers.connect(4000))
            #expect(try following.ask("EV.SUBSCRIBE", "CATEGORY", "order") == .integer(1))
            #expect(try following.ask("EV.SUBSCRIBE", "CATEGORY", "payment") == .integer(2))
            try waiting.send([["EV.READ", "AFTER", "$", "BLOCK", "0"]])
            #expect(eventually { peers.test.server.core.traffic.blocked == 1 })
            peers.test.server.replace(rules: try AccessRules(["everyone: read(order)"]))
            let end = try #require(try following.receive().elements)
            #expect(end[0].text == "ev.end" && end[1] == .integer(2))
            #expect(
                end[2].text?.hasPrefix("NOPERM EV.SUBSCRIBE needs the role read for the category 'payment'") == true
            )
            #expect(isRefused(try waiting.receive(), "EV.READ needs the role read for every category"))
            #expect(peers.audit.has("EV.SUBSCRIBE refused") && peers.audit.has("EV.READ refused"))
            _ = try peers.connect(0).ask(append)
            #expect(try following.receive().elements?[1] == .integer(1))
            peers.test.server.replace(rules: try AccessRules([]))
            #expect(try following.receive().elements?[2].text?.hasPrefix("NOPERM ") == true)
            // And nothing is left behind that counts.
            #expect(try peers.test.info("subscriptions") == "0")
        }
    }

    @Test("Root is bound by no rule, however it changes")
    func root() async throws {
        try await Peers.run(["everyone: read"]) { peers in
            let root = try peers.connect(0)
            #expect(try root.ask("EV.SUBSCRIBE") == .integer(1))
            peers.test.server.replace(rules: try AccessRules([]))
            #expect(try root.ask("EV.UNSUBSCRIBE", "1") == .ok)
        }
    }

    @Test("A transaction that was allowed by the rules of before is not carried out by those of now")
    func transactions() async throws {
        try await Peers.run(["everyone: read append"]) { peers in
            let (narrowed, kept) = (try peers.connect(4000), try peers.connect(4001))
            for connection in [narrowed, kept] {
                try connection.send([["MULTI"], append])
                #expect(try connection.receive(2) == [.ok, .queued])
            }
            peers.test.server.replace(rules: try AccessRules(["everyone: none", "user 4001: read append"]))
            #expect(try narrowed.ask("EXEC").errorText?.contains("EXECABORT") == true)
            #expect(try kept.ask("EXEC").elements == [.integer(1)])
        }
    }
}
