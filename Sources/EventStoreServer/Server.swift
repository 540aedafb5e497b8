// Owns: the life of a server: listening, serving once there is a store, and stopping in order.

import EventModel
package import EventStore
import EventWire
import Glibc
import NIOCore
import NIOPosix

/// A server on a Unix domain socket. May be used from any thread.
package final class Server: Sendable {
    let core: ServerCore
    private let group: MultiThreadedEventLoopGroup
    private let listener: any Channel
    /// The socket file that the server made, and must remove.
    private let ownedPath: String?

    /// Why a server could not be started.
    package struct StartError: Error, Sendable, CustomStringConvertible {
        package let description: String
        /// Whether another daemon has the socket; otherwise the place is wrong.
        package var isInUse = false
    }

    /// Listens, and serves the store from now on. Throws `StartError`.
    package static func start(store: EventStore, options: ServerOptions) async throws -> Server {
        let server = try await listen(options)
        server.serve(store)
        return server
    }

    /// Listens. Until there is a store to `serve`, whatever needs one is answered LOADING. Throws `StartError`.
    package static func listen(_ options: ServerOptions) async throws -> Server {
        let ownedPath = options.listeningDescriptor == nil ? options.socketPath : nil
        if let ownedPath { try SocketFile.clear(ownedPath) }
        let loops = options.eventLoops > 0 ? options.eventLoops : min(max(System.coreCount / 2, 1), 4)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        let core = ServerCore(options, group: group)
        do {
            let listener: any Channel
            if let descriptor = options.listeningDescriptor {
                listener = try await bootstrap(core, group).withBoundSocket(descriptor).get()
            } else {
                listener = try await bootstrap(core, group).bind(unixDomainSocketPath: options.socketPath).get()
                try SocketFile.setMode(options.socketMode, of: options.socketPath)
            }
            return Server(core: core, group: group, listener: listener, ownedPath: ownedPath)
        } catch {
            try? await core.readers.shutdownGracefully()
            try? await group.shutdownGracefully()
            throw error as? StartError
                ?? StartError(description: "cannot listen on \(options.socketPath): \(error)")
        }
    }

    private init(
        core: ServerCore,
        group: MultiThreadedEventLoopGroup,
        listener: any Channel,
        ownedPath: String?
    ) {
        self.core = core
        self.group = group
        self.listener = listener
        self.ownedPath = ownedPath
    }

    /// Takes note of how much of the recovery is done, 0 to 1, for clients that ask meanwhile.
    package func recovering(_ fraction: Double) { core.recovering(fraction) }

    /// Performs what needs a store from now on. To be called once.
    package func serve(_ store: EventStore) { core.serve(store) }

    /// Returns once every event loop has taken this up; one that hangs never does.
    package func reachLoops() async {
        for loop in core.loops { try? await loop.eventLoop.submit {}.get() }
    }

    /// Takes no more connections and commands, finishes and answers what is in flight, then closes. A connection that
    /// does not finish in time is cut.
    package func stop() async {
        try? await listener.close()
        if let ownedPath { unlink(ownedPath) }
        let open = core.connections.stop()
        for channel in open {
            channel.eventLoop.execute {
                (try? channel.pipeline.syncOperations.handler(type: ConnectionHandler.self))?.drain()
            }
            let cut = channel.eventLoop.scheduleTask(in: .seconds(Int64(core.options.stopSeconds))) {
                channel.close(promise: nil)
            }
            channel.closeFuture.whenComplete { _ in cut.cancel() }
        }
        for channel in open { try? await channel.closeFuture.get() }
        try? await core.readers.shutdownGracefully()
        try? await group.shutdownGracefully()
    }

    // MARK: Taking connections in

    private static func bootstrap(_ core: ServerCore, _ group: MultiThreadedEventLoopGroup) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 512)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptPause(report: core.options.report))
                }
            }
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            // Beyond this a client is behind, and nothing more is begun for it.
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 4 << 10, high: 8 << 10))
            .childChannelInitializer { channel in
                guard let socket = channel as? any SocketOptionProvider else {
                    preconditionFailure("a connection is a socket")
                }
                let peer: EventLoopFuture<PeerCredentials> = socket.unsafeGetSocketOption(
                    level: .socket,
                    name: NIOBSDSocket.Option(rawValue: SO_PEERCRED)
                )
                return peer.map { $0.user }.recover { _ in nil }.flatMapThrowing { try admit(channel, of: $0, core) }
            }
    }

    private static func admit(_ channel: any Channel, of user: UInt32?, _ core: ServerCore) throws {
        switch core.connections.admit(channel, of: user) {
        case .admitted(let number):
            let handler = ConnectionHandler(core, loop: core.context(of: channel.eventLoop), connectionID: number)
            try channel.pipeline.syncOperations.addHandler(handler)
        case .refused(let reason):
            var replies = ReplyEncoder()
            replies.error(StoreError(.other, reason))
            channel.writeAndFlush(ByteBuffer(bytes: replies.bytes)).whenComplete { _ in channel.close(promise: nil) }
        }
    }
}
