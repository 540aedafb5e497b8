// Owns: the socket: making or adopting it, taking connections in, and stopping in order.

import EventModel
package import EventStore
import EventWire
import Glibc
import NIOCore
import NIOPosix

/// A server on a Unix domain socket. May be used from any thread.
package final class Server: Sendable {
    private let core: ServerCore
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
        let ownedPath = options.listeningDescriptor == nil ? options.socketPath : nil
        if let ownedPath { try clear(ownedPath) }
        let loops = options.eventLoops > 0 ? options.eventLoops : min(System.coreCount, 4)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        let core = ServerCore(store: store, options: options, group: group)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 512)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 1 << 12, initial: 1 << 14, maximum: 1 << 18)
            )
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try initialize(channel, core)
                }
            }
        do {
            let listener: any Channel
            if let descriptor = options.listeningDescriptor {
                listener = try await bootstrap.withBoundSocket(descriptor).get()
            } else {
                listener = try await bootstrap.bind(unixDomainSocketPath: options.socketPath).get()
                guard chmod(options.socketPath, mode_t(options.socketMode)) == 0 else {
                    throw StartError(
                        description: "cannot set the mode of \(options.socketPath): \(String(cString: strerror(errno)))"
                    )
                }
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

    /// Takes no more connections and commands, finishes and answers what is in flight, then closes. A connection that
    /// does not finish in time is cut.
    package func stop() async {
        try? await listener.close()
        if let ownedPath { unlink(ownedPath) }
        let open = core.stopRegistering()
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

    private static func initialize(_ channel: any Channel, _ core: ServerCore) throws {
        guard let number = core.register(channel) else {
            var replies = ReplyEncoder()
            replies.error(StoreError(.other, "max number of clients reached"))
            channel.writeAndFlush(ByteBuffer(bytes: replies.bytes)).whenComplete { _ in channel.close(promise: nil) }
            return
        }
        let handler = ConnectionHandler(core, loop: core.context(of: channel.eventLoop), connectionID: number)
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    /// Makes way for a new socket: removes the file of a server that is gone, and refuses to touch one that answers.
    private static func clear(_ path: String) throws {
        guard path.utf8.count <= ServerOptions.maximumPathBytes else {
            throw StartError(
                description: "the socket path is \(path.utf8.count) bytes long, "
                    + "the limit is \(ServerOptions.maximumPathBytes): \(path)"
            )
        }
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw StartError(description: "\(path) exists and is not a socket")
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        if connected { throw StartError(description: "\(path) is in use by a live daemon", isInUse: true) }
        unlink(path)
    }
}
