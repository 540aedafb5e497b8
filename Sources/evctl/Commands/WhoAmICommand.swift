// Owns: `evctl whoami`: who one is for the daemon, and which roles one has.

import ArgumentParser
import EventStoreClient

struct WhoAmICommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "whoami",
        abstract: "Print who you are for the daemon, and what you may do.",
        discussion: """
            The roles are read, append, reduce (Lua of one's own), operate and admin; behind one that is limited to some \
            categories stand these. The daemon's setting access says who has which.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    func run(in invocation: Invocation) async throws {
        let client = try await global.connect(invocation, waitingForStore: false)
        let identity = try await client.whoAmI()
        await client.close()
        if global.isJSON {
            try global.print(json: Self.json(identity), in: invocation)
        } else {
            try Table(["USER", "GROUPS", "ROLES", "SOCKET", "CONNECTION"], [Self.row(identity)])
                .print(invocation.terminal)
        }
    }

    static func row(_ identity: Identity) -> [String] {
        let number = identity.userID.map { "\($0)" } ?? "unknown"
        let groups = (identity.groupID.map { [$0] } ?? []) + identity.groups.filter { $0 != identity.groupID }
        let roles = identity.roles.map { role in
            identity.categories[role].map { "\(role)(\($0.joined(separator: " ")))" } ?? role
        }
        return [
            identity.user.map { "\($0) (\(number))" } ?? number,
            groups.isEmpty ? "unknown" : groups.map { "\($0)" }.joined(separator: ","),
            roles.isEmpty ? "none" : roles.joined(separator: " "),
            identity.socketWord, "\(identity.connection)",
        ]
    }

    static func json(_ identity: Identity) -> [UInt8] {
        JSONObjectWriter.object { json in
            json.optional("user", identity.user) { $0.text("user", $1) }
            json.optional("uid", identity.userID) { $0.number("uid", $1) }
            json.optional("gid", identity.groupID) { $0.number("gid", $1) }
            json.numbers("groups", identity.groups)
            json.texts("roles", identity.roles)
            json.object("categories") { json in
                for role in identity.roles {
                    if let categories = identity.categories[role] { json.texts(role, categories) }
                }
            }
            json.text("socket", identity.socketWord)
            json.number("connection", identity.connection)
        }
    }
}

extension Identity {
    fileprivate var socketWord: String { isReadOnly ? "read-only" : "read-write" }
}
