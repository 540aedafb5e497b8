// Owns: the life of a server: listening, serving once there is a store, and stopping in order.

import EventModel
package import EventStore
import EventWire
import Glibc
import NIOCore
import NIOPosix
import SegmentLog

/// A server on a Unix domain socket. May be used from any thread.
package final class Server: Sendable {
    let core: ServerCore
    private let group: MultiThreadedEventLoopGroup
    private let listeners: [Listener]

    /// A socket that connections come by.
    private struct Listener {
        let channel: any Channel
        /// The socket file that the server made, and must remove.
        let file: SocketFile?
    }

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
        let loops = options.eventLoops > 0 ? options.eventLoops : min(max(System.coreCount / 2, 1), 4)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        let core = ServerCore(options, group: group)
        var listeners: [Listener] = []
        do {
            for entrance in entrances(options) { listeners.append(try await listen(entrance, core, group)) }
        } catch {
            for listener in listeners { await close(listener) }
            await core.close()
            try? await group.shutdownGracefully()
            throw error
        }
        group.next().scheduleRepeatedTask(initialDelay: .zero, delay: .seconds(1)) { _ in
            core.rate.look(core.traffic, at: .now())
            core.audit.tellRest(at: .now())
        }
        return Server(core: core, group: group, listeners: listeners)
    }

    /// One of the ways in.
    private struct Entrance {
        /// A socket that was handed over.
        let descriptor: Int32?
        let path: String
        let mode: UInt32
        var isReadOnly = false
    }

    private static func entrances(_ options: ServerOptions) -> [Entrance] {
        let open = Entrance(
            descriptor: options.listeningDescriptor,
            path: options.socketPath,
            mode: options.socketMode
        )
        guard options.readOnlyListeningDescriptor != nil || options.readOnlySocketPath != nil else { return [open] }
        let readOnly = Entrance(
            descriptor: options.readOnlyListeningDescriptor,
            path: options.readOnlySocketPath ?? "the read-only socket of the service manager",
            mode: options.readOnlySocketMode,
            isReadOnly: true
        )
        return [open, readOnly]
    }

    /// Listens on the socket that was handed over, or else on one of our own. Not on NIO's: that would remove whatever has the
    /// name in the end.
    private static func listen(
        _ entrance: Entrance,
        _ core: ServerCore,
        _ group: MultiThreadedEventLoopGroup
    ) async throws -> Listener {
        var (descriptor, file) = (entrance.descriptor, SocketFile?.none)
        if descriptor == nil {
            let made = try SocketFile.listen(at: entrance.path, mode: entrance.mode, backlog: backlog)
            (descriptor, file) = (made.descriptor, made.file)
        }
        do {
            guard let descriptor else { preconditionFailure("a socket was handed over, or made") }
            let bootstrap = bootstrap(core, group, isReadOnly: entrance.isReadOnly)
            let listener = Listener(channel: try await bootstrap.withBoundSocket(descriptor).get(), file: file)
            // A socket that is handed to it the channel has listen anew, with a short queue of its own.
            guard Glibc.listen(descriptor, Self.backlog) == 0 else {
                let failure = StartError(description: "cannot listen on \(entrance.path): error \(errno)")
                await close(listener)
                throw failure
            }
            return listener
        } catch {
            throw error as? StartError ?? StartError(description: "cannot listen on \(entrance.path): \(error)")
        }
    }

    private static func close(_ listener: Listener) async {
        listener.file?.remove()
        try? await listener.channel.close()
    }

    private init(core: ServerCore, group: MultiThreadedEventLoopGroup, listeners: [Listener]) {
        self.core = core
        self.group = group
        self.listeners = listeners
    }

    /// Takes note of how much of the recovery is done, 0 to 1, for clients that ask meanwhile.
    package func recovering(_ fraction: Double) { core.recovering(fraction) }

    /// Performs what needs a store from now on. To be called once.
    package func serve(_ store: EventStore) { core.serve(store) }

    /// Has other rules say who may do what, for every connection from its next command on. What goes on and is not allowed any
    /// more ends: subscriptions, and reads that block.
    package func replace(rules: AccessRules) { core.replace(rules: rules) }

    /// Returns once every event loop has taken this up; one that hangs never does.
    package func reachLoops() async {
        for loop in core.loops { try? await loop.eventLoop.submit {}.get() }
    }

    /// Takes no more connections and commands, finishes and answers what is in flight, then closes. A connection that
    /// does not finish in time is cut.
    package func stop() async {
        for listener in listeners { await Self.close(listener) }
        let open = core.connections.stop()
        for channel in open {
            channel.eventLoop.execute {
                if let handler = try? channel.pipeline.syncOperations.handler(type: ConnectionHandler.self) {
                    handler.drain()
                } else {
                    // Nobody knows yet whose it is.
                    channel.close(promise: nil)
                }
            }
            let end = channel.eventLoop.scheduleTask(in: .milliseconds(100 * Int64(core.options.stopSeconds))) {
                (try? channel.pipeline.syncOperations.handler(type: ConnectionHandler.self))?.endWork(.stopping)
            }
            let cut = channel.eventLoop.scheduleTask(in: .seconds(Int64(core.options.stopSeconds))) {
                let handler = try? channel.pipeline.syncOperations.handler(type: ConnectionHandler.self)
                handler?.cut("the server stops, and it was not done within \(self.core.options.stopSeconds) s")
            }
            channel.closeFuture.whenComplete { _ in
                end.cancel()
                cut.cancel()
            }
        }
        for channel in open { try? await channel.closeFuture.get() }
        await core.close()
        try? await group.shutdownGracefully()
    }

    // MARK: Taking connections in

    /// Of a socket; the kernel takes twice as much.
    private static let sendBufferBytes: SocketOptionValue = 32 << 10

    /// Connections that wait to be taken in. The kernel takes no more than `net.core.somaxconn`.
    private static let backlog: Int32 = 4096

    private static func bootstrap(
        _ core: ServerCore,
        _ group: MultiThreadedEventLoopGroup,
        isReadOnly: Bool
    ) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptPause(report: core.options.report))
                }
            }
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            // What the kernel holds for a client that does not read counts as the daemon's memory, and no budget knows of it.
            .childChannelOption(.socketOption(.so_sndbuf), value: sendBufferBytes)
            // Beyond this a client is behind, and nothing more is begun for it.
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 4 << 10, high: 8 << 10))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable {
                        (socket: NIOBSDSocket.Handle) in
                        PeerCredentials(of: socket)
                    }
                }.flatMap {
                    admit(channel, of: $0.flatMap { $0.map(core.options.identify) }, core, isReadOnly: isReadOnly)
                }
            }
    }

    private static func admit(
        _ channel: any Channel,
        of peer: PeerCredentials?,
        _ core: ServerCore,
        isReadOnly: Bool
    ) -> EventLoopFuture<Void> {
        let eventLoop = channel.eventLoop
        switch core.connections.admit(channel, of: peer?.user) {
        case .admitted(let number):
            let known = peer.map { core.users.complete($0, on: eventLoop).map(Optional.some) }
            return (known ?? eventLoop.makeSucceededFuture(nil)).flatMapThrowing { peer in
                // Who it is may have been found out after every connection was told to finish.
                guard !core.connections.isStopping else { throw ChannelError.eof }
                let caller = core.caller(peer, isReadOnly: isReadOnly, connection: number)
                let handler = ConnectionHandler(core, loop: core.context(of: eventLoop), caller)
                try channel.pipeline.syncOperations.addHandler(handler)
            }
        case .refused(let reason):
            core.cuts.note("a connection of \(PeerCredentials.name(peer)) was refused: \(reason)")
            var replies = ReplyEncoder()
            replies.error(StoreError(.other, reason))
            channel.writeAndFlush(ByteBuffer(bytes: replies.bytes)).whenComplete { _ in channel.close(promise: nil) }
            return eventLoop.makeSucceededVoidFuture()
        }
    }
}

extension ServerOptions {
    /// How many threads are to pack the blocks of segments: as many as were asked for, or what this process's processors allow, by its
    /// affinity and the quota of its cgroup.
    package var packingThreads: Int { sealingThreads > 0 ? sealingThreads : min(System.coreCount, 8) }
}
