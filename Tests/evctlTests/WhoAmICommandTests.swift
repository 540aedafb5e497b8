// Owns: the promises of `evctl whoami`, and of what evctl says where something is not allowed.

import EventModel
import EventStore
import EventStoreServer
import Foundation
import Testing

@testable import EventStoreClient
@testable import evctl

@Suite(.timeLimit(.minutes(20))) struct WhoAmICommandTests {
    private func run(_ arguments: [String], isReadOnly: Bool = false) async throws -> ProgramResult {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let daemon = try Daemon(directory)
        var options = ServerOptions(socketPath: directory.path + "/socket")
        options.readOnlySocketPath = directory.path + "/read-only"
        let server = try await Server.start(store: daemon.store, options: options)
        let socket = isReadOnly ? options.readOnlySocketPath! : options.socketPath
        let result = try await Program.run(arguments, socket: socket)
        await server.stop()
        daemon.store.close()
        return result
    }

    @Test("whoami prints user, groups, roles, socket and connection")
    func table() async throws {
        let result = try await run(["whoami"])
        #expect(result.status == 0 && result.errors == "" && result.lines.count == 2)
        #expect(result.lines[0].split(separator: " ") == ["USER", "GROUPS", "ROLES", "SOCKET", "CONNECTION"])
        #expect(result.lines[1].contains("(\(geteuid()))") || result.lines[1].hasPrefix("\(geteuid())"))
        #expect(result.lines[1].contains("read append reduce operate admin  read-write  1"))
        let reading = try await run(["whoami"], isReadOnly: true)
        #expect(reading.lines[1].contains("  read  ") && reading.lines[1].hasSuffix("read-only  1"))
    }

    @Test("whoami prints JSON, one object")
    func json() async throws {
        let result = try await run(["whoami", "-o", "json"])
        let data = Data(result.output.utf8)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(
            Set(object.keys)
                == ["user", "uid", "gid", "groups", "roles", "categories", "socket", "connection"]
        )
        #expect(object["uid"] as? Int == Int(geteuid()) && object["socket"] as? String == "read-write")
        #expect(object["roles"] as? [String] == ["read", "append", "reduce", "operate", "admin"])
        #expect((object["categories"] as? [String: Any])?.isEmpty == true && result.lines.count == 1)
    }

    @Test("Categories stand behind the role that they limit; what is not known is said")
    func forms() {
        var identity = Identity(
            user: "alice",
            userID: 1000,
            groupID: 50,
            groups: [50, 51],
            roles: ["read", "append"],
            categories: ["append": ["order", "pay ment"]],
            isReadOnly: false,
            connection: 7
        )
        #expect(
            WhoAmICommand.row(identity)
                == ["alice (1000)", "50,51", "read append(order pay ment)", "read-write", "7"]
        )
        #expect(
            String(decoding: WhoAmICommand.json(identity), as: UTF8.self)
                == #"{"user":"alice","uid":1000,"gid":50,"groups":[50,51],"roles":["read","append"],"#
                + #""categories":{"append":["order","pay ment"]},"socket":"read-write","connection":7}"#
        )
        (identity.user, identity.userID, identity.groupID, identity.groups) = (nil, nil, nil, [])
        (identity.roles, identity.categories, identity.isReadOnly) = ([], [:], true)
        #expect(WhoAmICommand.row(identity) == ["unknown", "unknown", "none", "read-only", "7"])
        #expect(
            String(decoding: WhoAmICommand.json(identity), as: UTF8.self)
                == #"{"user":null,"uid":null,"gid":null,"groups":[],"roles":[],"categories":{},"#
                + #""socket":"read-only","connection":7}"#
        )
    }

    @Test("What is not allowed exits with 1, and says where to look")
    func refused() async throws {
        for arguments in [["append", "c", "a", "t"], ["compact"], ["reload"]] {
            let result = try await run(arguments, isReadOnly: true)
            #expect(result.status == 1 && result.output == "")
            #expect(result.errors.hasPrefix("evctl: NOPERM EV.\(arguments[0].uppercased()) needs the role "))
            #expect(
                result.errors.hasSuffix("\n  evctl whoami says who you are for the daemon, and which roles you have.\n")
            )
        }
        #expect(try await run(["count"], isReadOnly: true).output == "0\n")
    }
}
