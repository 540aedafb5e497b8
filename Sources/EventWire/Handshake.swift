// Owns: what a connection knows of itself, and the replies to `ConnectionCommand`, as Redis gives them.
// Refuses to know: events, the store and the socket.

import EventModel

package struct Handshake: Sendable {
    package let connectionID: Int64
    private let serverVersion: String
    package private(set) var clientName = ""
    /// What the client is made with, as it says.
    package private(set) var libraryName = ""
    package private(set) var libraryVersion = ""

    package init(connectionID: Int64, serverVersion: String) {
        self.connectionID = connectionID
        self.serverVersion = serverVersion
    }

    /// RESET: the connection is as it was when it began.
    package mutating func reset(_ replies: inout ReplyEncoder) {
        clientName = ""
        replies.version = .resp2
        replies.simple("RESET")
    }

    /// While the store is being recovered, `loading` is the percentage that has been: HELLO tells it, so that a client
    /// knows to wait. Then it tells the store's UUID, which positions belong to.
    package mutating func answer(
        _ command: ConnectionCommand,
        loading: Int? = nil,
        store: String? = nil,
        _ replies: inout ReplyEncoder
    ) {
        switch command {
        case .hello(let hello): greet(hello, loading, store, &replies)
        case .ping(nil): replies.simple("PONG")
        case .ping(let message?), .echo(let message): replies.bulk(message)
        case .auth(let credentials):
            if let refusal = refusal(of: credentials) { replies.error(text: refusal) } else { replies.simple("OK") }
        case .client(let client): answer(client, &replies)
        case .command(let query): CommandTable.answer(query, &replies)
        case .select(0): replies.simple("OK")
        case .select: replies.error(StoreError(.other, "DB index is out of range"))
        }
    }

    private mutating func greet(
        _ hello: ConnectionCommand.Hello,
        _ loading: Int?,
        _ store: String?,
        _ replies: inout ReplyEncoder
    ) {
        var version = replies.version
        if let asked = hello.version {
            guard let known = RESPVersion(rawValue: asked) else {
                return replies.error(text: "NOPROTO unsupported protocol version")
            }
            version = known
        }
        if let refusal = hello.credentials.flatMap(refusal) {
            return replies.error(text: refusal)
        }
        clientName = hello.clientName ?? clientName
        replies.version = version
        replies.map(7 + (loading == nil ? 0 : 1) + (store == nil ? 0 : 1))
        replies.bulk("server")
        replies.bulk("evstore")
        replies.bulk("version")
        replies.bulk(serverVersion)
        replies.bulk("proto")
        replies.integer(Int64(version.rawValue))
        replies.bulk("id")
        replies.integer(connectionID)
        replies.bulk("mode")
        replies.bulk("standalone")
        replies.bulk("role")
        replies.bulk("master")
        replies.bulk("modules")
        replies.array(0)
        if let store {
            replies.bulk("store")
            replies.bulk(store)
        }
        if let loading {
            replies.bulk("loading")
            replies.integer(Int64(loading))
        }
    }

    /// There are no passwords: who may connect is decided by the permissions of the socket. As in Redis without one,
    /// the user `default` is let in with any.
    private func refusal(of credentials: ConnectionCommand.Credentials) -> String? {
        switch credentials.user {
        case nil:
            "ERR AUTH <password> called without any password configured for the default user. "
                + "Are you sure your configuration is correct?"
        case "default": nil
        case .some: "WRONGPASS invalid username-password pair or user is disabled."
        }
    }

    private mutating func answer(_ client: ConnectionCommand.Client, _ replies: inout ReplyEncoder) {
        switch client {
        case .setName(let name):
            clientName = name
            replies.simple("OK")
        case .getName where clientName.isEmpty: replies.null()
        case .getName: replies.bulk(clientName)
        case .id: replies.integer(connectionID)
        case .setLibraryName(let name):
            libraryName = name
            replies.simple("OK")
        case .setLibraryVersion(let version):
            libraryVersion = version
            replies.simple("OK")
        case .noEvict, .noTouch: replies.simple("OK")
        }
    }
}
