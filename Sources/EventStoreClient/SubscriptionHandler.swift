// Owns: the connection of one subscription: greeting, subscribing, then events, at the pace of their consumer.

import EventModel
import EventWire
import NIOCore

/// Lives on its channel's event loop, and is used nowhere else.
final class SubscriptionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private enum State {
        case greeting
        case subscribing
        case streaming(Subscription.Producer.Source)
        case ended
    }

    private let words: [String]
    private let answer: EventLoopPromise<Subscription>
    private var state = State.greeting
    private var stream = ReplyStream()
    private var context: ChannelHandlerContext?
    /// Whether the consumer wants more, and whether the channel waits to read it.
    private var hasDemand = true
    private var holdsRead = false

    private init(_ words: [String], _ answer: EventLoopPromise<Subscription>) {
        self.words = words
        self.answer = answer
    }

    static func subscribe(
        _ configuration: EventStoreClient.Configuration,
        _ words: [String]
    ) async throws(ClientError) -> Subscription {
        let timeout = configuration.connectTimeoutMilliseconds
        let (channel, handler) = try await UnixSocket.connect(configuration) { channel in
            SubscriptionHandler(words, channel.eventLoop.makePromise())
        }
        let deadline = channel.eventLoop.scheduleTask(in: .milliseconds(Int64(timeout))) {
            handler.value.end(.disconnected(reason: "no answer within \(timeout) ms"))
        }
        defer { deadline.cancel() }
        do {
            return try await channel.eventLoop.flatSubmit { handler.value.answer.futureResult }.get()
        } catch let error as ClientError {
            throw error
        } catch {
            throw .disconnected(reason: String(describing: error))
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        var commands = CommandEncoder()
        commands.command(["HELLO", "3"])
        commands.command(words)
        context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: commands.bytes)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        stream.receive(&buffer)
        var events: [Event] = []
        var failure: ClientError?
        do throws(ClientError) {
            while let value = try next() {
                if let event = try receive(value) { events.append(event) }
            }
        } catch {
            failure = error
        }
        // What came before a failure is delivered before it.
        if case .streaming(let source) = state, !events.isEmpty, case .stopProducing = source.yield(contentsOf: events)
        {
            hasDemand = false
        }
        if let failure { end(failure) }
    }

    func read(context: ChannelHandlerContext) {
        if hasDemand { context.read() } else { holdsRead = true }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(.disconnected(reason: "the daemon closed the connection"))
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        // A channel that never became active is not told that it is inactive.
        end(.disconnected(reason: "the connection was closed"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(.disconnected(reason: String(describing: error)))
    }

    func resume() {
        hasDemand = true
        guard holdsRead else { return }
        holdsRead = false
        context?.read()
    }

    func end(_ error: ClientError) {
        switch state {
        case .greeting, .subscribing: answer.fail(error)
        case .streaming(let source): source.finish(error)
        case .ended: return
        }
        state = .ended
        context?.close(promise: nil)
    }

    private func next() throws(ClientError) -> RESPValue? {
        do throws(WireError) {
            return try stream.next()
        } catch {
            throw .protocolViolation(error.reply.message)
        }
    }

    private func receive(_ value: RESPValue) throws(ClientError) -> Event? {
        switch (state, value) {
        case (_, .error(let error)): throw .store(error)
        case (.greeting, _): state = .subscribing
        case (.subscribing, .integer): begin()
        case (.streaming, .push(let parts)) where parts.count == 3 && parts[0].text == "ev.event":
            return try parts[2].event()
        case (.streaming, .push(let parts)) where parts.count == 3 && parts[0].text == "ev.end":
            throw .store(parts[2].storeError)
        case (.ended, _): break
        default: throw .unexpected("a subscription", value)
        }
        return nil
    }

    private func begin() {
        guard let loop = context?.eventLoop else { return }
        let sequence = Subscription.Producer.makeSequence(
            elementType: Event.self,
            failureType: (any Error).self,
            backPressureStrategy: .init(lowWatermark: 256, highWatermark: 1024),
            finishOnDeinit: false,
            delegate: SubscriptionDelegate(handler: NIOLoopBound(self, eventLoop: loop), loop: loop)
        )
        state = .streaming(sequence.source)
        answer.succeed(Subscription(sequence.sequence))
    }
}

/// Brings the consumer's wishes, from whatever thread it runs on, to the event loop.
struct SubscriptionDelegate: NIOAsyncSequenceProducerDelegate {
    fileprivate let handler: NIOLoopBound<SubscriptionHandler>
    fileprivate let loop: any EventLoop

    func produceMore() {
        loop.execute { handler.value.resume() }
    }

    func didTerminate() {
        loop.execute { handler.value.end(.disconnected(reason: "the subscription was ended")) }
    }
}

extension RESPValue {
    /// The text of an error, whether it came as one or as a string.
    fileprivate var storeError: StoreError {
        if case .error(let error) = self { error } else { StoreError(wireText: text ?? "ERR the subscription ended") }
    }
}
