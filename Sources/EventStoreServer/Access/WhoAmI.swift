// Owns: EV.WHOAMI: who the caller is for the daemon, and what it may do.

import EventWire

extension ReplyEncoder {
    mutating func identity(of caller: Caller) {
        let permissions = caller.permissions
        map(8)
        bulk("user")
        optional(caller.peer?.name) { $0.bulk($1) }
        bulk("uid")
        optional(caller.peer?.user) { $0.integer(UInt64($1)) }
        bulk("gid")
        optional(caller.peer?.group) { $0.integer(UInt64($1)) }
        bulk("groups")
        let groups = caller.peer?.groups ?? []
        array(groups.count)
        for group in groups { integer(UInt64(group)) }
        bulk("roles")
        texts(permissions.granted.roles.map(\.rawValue))
        bulk("categories")
        let limited = permissions.limited.roles
        map(limited.count)
        for role in limited {
            bulk(role.rawValue)
            texts(permissions.categories(of: role)?.names ?? [])
        }
        bulk("socket")
        bulk(caller.isReadOnly ? "read-only" : "read-write")
        bulk("connection")
        integer(caller.connection)
    }

    private mutating func texts(_ texts: [String]) {
        array(texts.count)
        for text in texts { bulk(text) }
    }

    private mutating func optional<Value>(_ value: Value?, _ write: (inout ReplyEncoder, Value) -> Void) {
        if let value { write(&self, value) } else { null() }
    }
}
