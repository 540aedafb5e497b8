// Owns: reaching the daemon's socket, and saying in words why it cannot be reached.

import Glibc
import NIOCore
import NIOPosix

enum UnixSocket {
    /// What fits into `sockaddr_un.sun_path` beside its terminating zero.
    private static let maximumPathBytes = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// Connects, with a handler of the caller's at the end of the channel.
    static func connect<Handler: ChannelHandler & SendableMetatype>(
        _ configuration: EventStoreClient.Configuration,
        _ makeHandler: @escaping @Sendable (any Channel) -> Handler
    ) async throws(ClientError) -> (any Channel, NIOLoopBound<Handler>) {
        let path = configuration.socketPath
        guard path.utf8.count <= maximumPathBytes else {
            throw .cannotConnect(
                path: path,
                reason: "the path is \(path.utf8.count) bytes long; a socket's is at most \(maximumPathBytes)"
            )
        }
        let timeout = configuration.connectTimeoutMilliseconds
        do {
            return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(.milliseconds(Int64(timeout)))
                .connect(unixDomainSocketPath: path) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = makeHandler(channel)
                        try channel.pipeline.syncOperations.addHandler(handler)
                        return (channel, NIOLoopBound(handler, eventLoop: channel.eventLoop))
                    }
                }
        } catch {
            throw .cannotConnect(path: path, reason: reason(error, timeout: timeout))
        }
    }

    private static func reason(_ error: any Error, timeout: Int) -> String {
        switch error {
        case let error as IOError where error.errnoCode == ENOENT: "there is no such socket; is evstored running?"
        case let error as IOError where error.errnoCode == ECONNREFUSED: "nobody listens; is evstored running?"
        case let error as IOError where error.errnoCode == EACCES: "permission denied"
        case ChannelError.connectTimeout: "no answer within \(timeout) ms"
        default: String(describing: error)
        }
    }
}
