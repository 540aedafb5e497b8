// Owns: the promises of CLIENT LIST and CLIENT INFO: who is connected, by what, and how long it has been silent.

import EventWire
import Glibc
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct ClientListTests {
    /// A line's fields by their names.
    private func fields(_ line: some StringProtocol) -> [String: String] {
        let parts = line.split(separator: " ").map {
            $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        }
        return Dictionary(parts.map { (String($0[0]), String($0[1])) }) { first, _ in first }
    }

    private func list(_ connection: RawConnection, _ words: String...) throws -> [[String: String]] {
        let text = try #require(try connection.ask(["CLIENT", "LIST"] + words).text)
        #expect(text.isEmpty || text.hasSuffix("\n"))
        return text.split(separator: "\n").map(fields)
    }

    @Test("CLIENT LIST names every connection, whichever loop it is on, in the order of their ids")
    func everybody() async throws {
        try await TestServer.run(server: { $0.eventLoops = 3 }) { test in
            var clients: [RawConnection] = []
            for number in 0..<7 {
                // One after the other: the loops take in who has connected in their own time.
                let client = try test.connect()
                clients.append(client)
                #expect(try client.ask("CLIENT", "SETNAME", "client-\(number)") == .ok)
                #expect(try client.ask("CLIENT", "SETINFO", "LIB-NAME", "made-up") == .ok)
                #expect(try client.ask("CLIENT", "SETINFO", "lib-ver", "1.\(number)") == .ok)
            }
            let lines = try list(clients[3])
            #expect(lines.map { $0["name"] } == (0..<7).map { "client-\($0)" })
            #expect(lines.map { $0["lib-ver"] } == (0..<7).map { "1.\($0)" })
            #expect(lines.allSatisfy { $0["lib-name"] == "made-up" && $0["addr"] == "\(test.path):0" })
            #expect(lines.map { $0["cmd"] } == (0..<7).map { $0 == 3 ? "client|list" : "client|setinfo" })
            #expect(lines.allSatisfy { $0["uid"] == "\(getuid())" && $0["pid"] == "\(getpid())" })
            let ids = lines.compactMap { $0["id"].flatMap(Int64.init) }
            #expect(ids == ids.sorted() && Set(ids).count == 7)
            #expect(try clients[5].ask("CLIENT", "ID") == .integer(ids[5]))
        }
    }

    @Test("CLIENT LIST asks by ID and TYPE; CLIENT INFO is the line of the connection that asks")
    func selection() async throws {
        try await TestServer.run { test in
            let (one, two) = (try test.connect(), try test.connect(resp3: true))
            #expect(try two.ask("EV.SUBSCRIBE") == .integer(1))
            #expect(try list(one, "TYPE", "pubsub").map { $0["resp"] } == ["3"])
            #expect(try list(one, "TYPE", "normal").map { $0["resp"] } == ["2"])
            #expect(try list(one, "type", "replica").isEmpty)
            let ids = try list(one).compactMap { $0["id"] }
            #expect(try list(one, "ID", ids[1], "99").map { $0["id"] } == [ids[1]])
            let own = fields(try #require(try two.ask("CLIENT", "INFO").text))
            #expect(own["id"] == ids[1] && own["cmd"] == "client|info" && own["sub"] == "1" && own["flags"] == "UP")
            #expect(try one.error("CLIENT", "LIST", "ID", "x") == "ERR Invalid client ID")
            #expect(try one.error("CLIENT", "LIST", "TYPE", "x") == "ERR Unknown client type 'x'")
            #expect(try one.error("CLIENT", "LIST", "x") == "ERR syntax error")
        }
    }

    @Test("What a connection is at is told: its transaction, a read that blocks, how long it is there and silent")
    func state() async throws {
        try await TestServer.run { test in
            let (asking, busy, waiting) = (try test.connect(), try test.connect(), try test.connect())
            let append = ["EV.APPEND", "c", "a", "t", "{}"]
            try busy.send([["MULTI"], append, append])
            _ = try busy.receive(3)
            try waiting.send([["EV.READ", "BLOCK", "0"]])
            #expect(try eventually { try list(asking)[2]["flags"] == "Ub" })
            try await Task.sleep(for: .milliseconds(1100))
            let lines = try list(asking)
            #expect(lines.map { $0["cmd"] } == ["client|list", "ev.append", "ev.read"])
            #expect(lines.map { $0["multi"] } == ["-1", "2", "-1"] && lines[1]["flags"] == "Ux")
            #expect(lines[0]["idle"] == "0" && lines[1]["idle"] != "0" && lines[2]["idle"] != "0")
            #expect(lines.allSatisfy { $0["age"] != "0" })
            #expect(try asking.ask("INFO", "clients").text?.contains("\r\nblocked_clients:1\r\n") == true)
            // What is delivered ends the silence, and the read.
            #expect(try asking.ask(append) == .integer(1))
            _ = try waiting.receive()
            #expect(try list(asking)[2]["idle"] == "0" && list(asking)[2]["flags"] == "U")
            #expect(try asking.ask("INFO", "clients").text?.contains("\r\nblocked_clients:0\r\n") == true)
        }
    }

    @Test("A connection that has gone is listed no more")
    func gone() async throws {
        try await TestServer.run { test in
            let asking = try test.connect()
            do {
                let other = try test.connect()
                _ = try other.ask("PING")
                #expect(try list(asking).count == 2)
            }
            #expect(try eventually { try list(asking).count == 1 })
        }
    }
}
