// Owns: the promises of EV.WHOAMI: who one is, and what one may do, in both dialects.

import EventWire
import Foundation
import NIOCore
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct WhoAmITests {
    private func bulk(_ text: String) -> RESPValue { .bulk(Array(text.utf8)) }

    @Test("EV.WHOAMI tells user, groups, roles, categories, socket and connection; a flat array in RESP2")
    func shape() async throws {
        try await Peers.run(["user 65534: append(b a) read"]) { peers in
            let connection = try peers.connect(65534, group: 65533, groups: [5, 6])
            let number = try connection.ask("CLIENT", "ID")
            func fields(_ map: ([RESPValue]) -> RESPValue) -> RESPValue {
                map([
                    bulk("user"), bulk("nobody"), bulk("uid"), .integer(65534), bulk("gid"), .integer(65533),
                    bulk("groups"), .array([.integer(5), .integer(6)]), bulk("roles"),
                    .array([bulk("read"), bulk("append")]), bulk("categories"),
                    map([bulk("append"), .array([bulk("a"), bulk("b")])]), bulk("socket"), bulk("read-write"),
                    bulk("connection"), number,
                ])
            }
            #expect(try connection.ask("EV.WHOAMI") == fields(RESPValue.map))
            _ = try connection.ask("HELLO", "2")
            #expect(try connection.ask("EV.WHOAMI") == fields(RESPValue.array))
            #expect(try connection.error("EV.WHOAMI", "x")?.contains("wrong number of arguments") == true)
        }
    }

    @Test("Whoever may do nothing is told so; root may do everything, and by the read-only socket reads")
    func others() async throws {
        try await Peers.run([], server: { $0.readOnlySocketPath = $0.socketPath + "-r" }) { peers in
            let nobody = try peers.connect(4000).ask("EV.WHOAMI")
            #expect(nobody[field: "roles"] == .array([]) && nobody[field: "user"] == .null)
            let root = try peers.connect(0).ask("EV.WHOAMI")
            #expect(root[field: "roles"]?.elements?.map(\.text) == Role.allCases.map(\.rawValue))
            #expect(root[field: "user"]?.text == "root" && root[field: "categories"]?.elements?.isEmpty == true)
            let reading = try peers.connect(0, at: peers.test.path + "-r").ask("EV.WHOAMI")
            #expect(reading[field: "roles"]?.elements?.map(\.text) == ["read"])
            #expect(reading[field: "socket"]?.text == "read-only")
        }
    }

    @Test("What the kernel says of this process is what EV.WHOAMI says")
    func real() async throws {
        try await TestServer.run { test in
            let answer = try test.connect(resp3: true).ask("EV.WHOAMI")
            #expect(answer[field: "uid"]?.unsigned == UInt64(geteuid()))
            #expect(answer[field: "gid"]?.unsigned == UInt64(getegid()))
            var groups = [gid_t](repeating: 0, count: 1024)
            let count = getgroups(Int32(groups.count), &groups)
            #expect(
                answer[field: "groups"]?.elements?.map(\.unsigned).sorted { $0! < $1! }
                    == groups.prefix(Int(count)).map { UInt64($0) }.sorted()
            )
        }
    }

    @Test("A peer's groups are found out where the kernel does not tell them, and a name is remembered")
    func database() async throws {
        try await TestServer.run { test in
            let users = test.server.core.users
            let loop = test.server.core.loops[0].eventLoop
            let unknown = PeerCredentials(process: 1, user: 0, group: 0, groups: nil)
            let root = try await users.complete(unknown, on: loop).get()
            #expect(root.name == "root" && root.groups?.contains(0) == true)
            let nameless = PeerCredentials(process: 1, user: 4_000_000_000, group: 9, groups: nil)
            let completed = try await users.complete(nameless, on: loop).get()
            #expect(completed.name == nil && completed.groups == [])
            let known = PeerCredentials(process: 1, user: 0, group: 0, groups: [3])
            #expect(try await users.complete(known, on: loop).get().groups == [3])
        }
    }
}
