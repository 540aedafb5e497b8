// Owns: the line that CLIENT LIST and CLIENT INFO say of a connection, in Redis' form, and gathering those of all loops. A loop
// only says what is so: to write it down takes ten times as long, and is done elsewhere.

import EventWire
import NIOCore

/// What is remembered of a connection only to be told.
struct ConnectionHistory: Sendable {
    /// Nil where the system does not tell.
    let peer: PeerCredentials?
    /// In seconds of the coarse clock: when it was made, and when anything last came or went.
    let connectedAt = CoarseClock.seconds
    private(set) var heardAt = CoarseClock.seconds
    /// As Redis names it.
    var lastCommand: StaticString = "NULL"

    init(_ peer: PeerCredentials?) {
        self.peer = peer
    }

    mutating func noteTraffic() { heardAt = CoarseClock.seconds }
}

extension ConnectionHandler {
    /// About what one line takes.
    static let listingBytes = 512

    func list(_ clients: ServerCommand.Clients) {
        guard case .list(let ids, let type) = clients else { return replies.bulk(listing.line) }
        let (version, asker, informers, eventLoop) = (replies.version, asker, server.informers, eventLoop)
        let selection = ClientSelection(ids: ids, type: type, caller)
        let listings = server.loops.map { loop in loop.eventLoop.submit { loop.listings(selection) } }
        begin(
            EventLoopFuture.whenAllSucceed(listings, on: eventLoop).flatMap { loops in
                informers.run(for: asker, on: eventLoop) { _ in
                    var replies = ReplyEncoder(version: version)
                    replies.bulk(loops.joined().sorted { $0.id < $1.id }.map(\.line).joined())
                    return replies.bytes
                }
            }
        )
    }

    func isOf(_ type: ServerCommand.ClientType) -> Bool {
        switch type {
        case .normal: subscriptions.isEmpty
        case .pubsub: !subscriptions.isEmpty
        case .master, .replica, .slave: false
        }
    }

    fileprivate var listing: ClientListing {
        ClientListing(
            id: handshake.connectionID,
            address: context?.channel.localAddress,
            socketPath: server.options.socketPath,
            history: history,
            subscriptions: subscriptions.count,
            queued: transaction?.queued,
            isBlocked: blockingRead != nil,
            unread: buffer.readableBytes,
            outgoing: outgoingBytes,
            version: replies.version,
            handshake: handshake
        )
    }
}

/// What is said of one connection.
private struct ClientListing: Sendable {
    let id: Int64
    let address: SocketAddress?
    let socketPath: String
    let history: ConnectionHistory
    let subscriptions: Int
    /// Events in its transaction; nil where it has none.
    let queued: Int?
    let isBlocked: Bool
    /// In bytes.
    let unread: Int
    let outgoing: Int
    let version: RESPVersion
    let handshake: Handshake

    /// It ends with a line break. Sizes are in bytes, times in seconds; `pid` and `uid` are of the process that connected.
    var line: String {
        let now = CoarseClock.seconds
        let path = address?.pathname ?? socketPath
        // A connection over a Unix socket, with a subscription, in a transaction, in a read that blocks.
        let flags = "U" + (subscriptions == 0 ? "" : "P") + (queued == nil ? "" : "x") + (isBlocked ? "b" : "")
        let fields: [(StaticString, String)] = [
            ("id", "\(id)"), ("addr", "\(path):0"), ("laddr", "\(path):0"), ("name", handshake.clientName),
            ("age", "\(now - history.connectedAt)"), ("idle", "\(now - history.heardAt)"),
            ("flags", flags), ("db", "0"), ("sub", "\(subscriptions)"), ("psub", "0"), ("ssub", "0"),
            ("multi", queued.map { "\($0)" } ?? "-1"), ("qbuf", "\(unread)"), ("omem", "\(outgoing)"),
            ("cmd", history.lastCommand.description), ("user", "default"), ("redir", "-1"),
            ("resp", "\(version.rawValue)"), ("lib-name", handshake.libraryName),
            ("lib-ver", handshake.libraryVersion), ("pid", history.peer.map { "\($0.process)" } ?? ""),
            ("uid", history.peer.map { "\($0.user)" } ?? ""),
        ]
        return fields.map { "\($0)=\($1)" }.joined(separator: " ") + "\n"
    }
}

/// Which connections somebody asks for, and may be told of: who does not operate the store sees its own user's.
private struct ClientSelection: Sendable {
    let ids: Set<Int64>?
    let type: ServerCommand.ClientType?
    private let caller: Caller

    init(ids: Set<Int64>?, type: ServerCommand.ClientType?, _ caller: Caller) {
        (self.ids, self.type, self.caller) = (ids, type, caller)
    }

    /// On the connection's event loop.
    func includes(_ connection: ConnectionHandler) -> Bool {
        guard ids?.contains(connection.number) ?? true, type.map(connection.isOf) ?? true else { return false }
        return caller.permissions.granted.contains(.operate) || connection.number == caller.connection
            || caller.user != nil && connection.caller.user == caller.user
    }
}

extension LoopContext {
    /// This loop's connections. On its event loop.
    fileprivate func listings(_ selection: ClientSelection) -> [ClientListing] {
        connections.values.filter(selection.includes).map(\.listing)
    }
}
