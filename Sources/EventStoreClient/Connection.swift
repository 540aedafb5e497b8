// Owns: a channel to the daemon for requests and their answers, and crossing from tasks to its event loop.

import EventWire
import NIOCore
import NIOPosix

final class Connection: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<RequestHandler>
    /// Closes the connection where the greeting is not answered in time.
    private let deadline: Scheduled<Void>

    private init(channel: any Channel, handler: NIOLoopBound<RequestHandler>, timeout: Int) {
        self.channel = channel
        self.handler = handler
        deadline = channel.eventLoop.scheduleTask(in: .milliseconds(Int64(timeout))) {
            // The answer may be there, and whoever waits for it not yet running.
            if !handler.value.isAnswered { handler.value.close(reason: "no answer within \(timeout) ms") }
        }
    }

    static func open(_ configuration: EventStoreClient.Configuration) async throws(ClientError) -> Connection {
        let (channel, handler) = try await UnixSocket.connect(configuration) { _ in RequestHandler() }
        return Connection(
            channel: channel,
            handler: handler,
            timeout: configuration.connectTimeoutMilliseconds
        )
    }

    func isGreeted() {
        deadline.cancel()
    }

    /// Writes `bytes` and waits for as many answers as there are commands in it.
    func send(_ bytes: [UInt8], replies: Int, changes: Bool) async throws(ClientError) -> [RESPValue] {
        let result = await withCheckedContinuation { continuation in
            let request = Request(bytes: bytes, replies: replies, changes: changes, continuation: continuation)
            channel.eventLoop.execute { [handler] in handler.value.send(request) }
        }
        return try result.get()
    }

    /// Sends a command that changes no event.
    func request(_ words: [String]) async throws(ClientError) -> RESPValue {
        var commands = CommandEncoder()
        commands.command(words)
        return try await send(commands.bytes, replies: 1, changes: false)[0].orError()
    }

    func close() {
        channel.eventLoop.execute { [handler] in handler.value.close(reason: "the client was closed") }
    }

    func closed() async {
        close()
        // A channel that has ended is what was asked for, however it ended.
        try? await channel.closeFuture.get()
    }
}
