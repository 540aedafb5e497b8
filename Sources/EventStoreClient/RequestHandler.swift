// Owns: which request an answer belongs to. Answers come in the order of the requests, so that is a queue.
// Refuses to know: what was asked.

import EventModel
import EventWire
import NIOCore

/// Bytes to write, and who waits for the answers to them.
struct Request: Sendable {
    let bytes: [UInt8]
    /// How many commands there are in `bytes`.
    let replies: Int
    /// Whether the outcome is unknown where the connection ends first.
    let changes: Bool
    let continuation: CheckedContinuation<Result<[RESPValue], ClientError>, Never>
}

/// Lives on its channel's event loop, and is used nowhere else.
final class RequestHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case idle
        case open(ChannelHandlerContext)
        case closed(reason: String)
    }

    private var state = State.idle
    /// Whether anything has been answered yet.
    private(set) var isAnswered = false
    private var stream = ReplyStream()
    private var waiting = CircularBuffer<Request>()
    /// The answers to the first request in the queue, so far.
    private var answers: [RESPValue] = []

    func send(_ request: Request) {
        switch state {
        case .open(let context):
            waiting.append(request)
            context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: request.bytes)), promise: nil)
        case .idle: request.continuation.resume(returning: .failure(.disconnected(reason: "not connected")))
        case .closed(let reason): request.continuation.resume(returning: .failure(.disconnected(reason: reason)))
        }
    }

    /// Ends the connection for a reason, which requests that wait are told.
    func close(reason: String) {
        guard case .open(let context) = state else { return }
        fail { $0.changes ? .outcomeUnknown(reason: reason) : .disconnected(reason: reason) }
        state = .closed(reason: reason)
        context.close(promise: nil)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        state = .open(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .open = state else { return }
        var buffer = unwrapInboundIn(data)
        stream.receive(&buffer)
        do throws(WireError) {
            while let value = try stream.next() { receive(value) }
        } catch {
            violate(error.reply.message)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        close(reason: "the daemon closed the connection")
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(reason: String(describing: error))
    }

    private func receive(_ value: RESPValue) {
        // Nothing on this connection subscribes, but pushes may be sent to anyone and answer nobody.
        if case .push = value { return }
        guard let request = waiting.first else { return violate("an answer to no request") }
        isAnswered = true
        answers.append(value)
        guard answers.count == request.replies else { return }
        waiting.removeFirst()
        request.continuation.resume(returning: .success(answers))
        answers.removeAll()
    }

    private func violate(_ message: String) {
        fail { $0.changes ? .outcomeUnknown(reason: message) : .protocolViolation(message) }
        close(reason: message)
    }

    private func fail(_ error: (Request) -> ClientError) {
        while let request = waiting.popFirst() {
            request.continuation.resume(returning: .failure(error(request)))
        }
    }
}
