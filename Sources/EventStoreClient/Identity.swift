// Owns: who a client is for the daemon, and what it may do there.

import EventWire

/// What the daemon knows of a client's process, and allows it.
public struct Identity: Hashable, Sendable {
    /// The user's name; nil where the daemon's machine has none.
    public var user: String?
    /// The user's number; nil where the system does not tell.
    public var userID: UInt32?
    /// The number of the process' own group; nil where the system does not tell.
    public var groupID: UInt32?
    /// The numbers of its supplementary groups.
    public var groups: [UInt32]
    /// The roles that it has: `read`, `append`, `reduce`, `operate`, `admin`.
    public var roles: [String]
    /// The categories that a role is limited to, by the role. A role that is not among them has no limit.
    public var categories: [String: [String]]
    /// Whether the socket is one through which nobody but reads.
    public var isReadOnly: Bool
    /// The connection's number, as the daemon's log has it.
    public var connection: Int64
}

extension Identity {
    init?(_ value: RESPValue) {
        guard let groups = value[field: "groups"]?.elements?.map(\.number), !groups.contains(nil),
            let roles = value[field: "roles"]?.texts, let limits = value[field: "categories"]?.elements,
            let socket = value[field: "socket"]?.text, case .integer(let connection)? = value[field: "connection"]
        else { return nil }
        var categories: [String: [String]] = [:]
        for index in stride(from: 0, to: limits.count - 1, by: 2) {
            guard let role = limits[index].text, let names = limits[index + 1].texts else { return nil }
            categories[role] = names
        }
        self.init(
            user: value[field: "user"]?.text,
            userID: value[field: "uid"]?.number,
            groupID: value[field: "gid"]?.number,
            groups: groups.compactMap(\.self),
            roles: roles,
            categories: categories,
            isReadOnly: socket == "read-only",
            connection: connection
        )
    }
}

extension RESPValue {
    /// That of a user or a group.
    fileprivate var number: UInt32? { unsigned.flatMap { UInt32(exactly: $0) } }

    fileprivate var texts: [String]? {
        guard let texts = elements?.map(\.text), !texts.contains(nil) else { return nil }
        return texts.compactMap(\.self)
    }
}
