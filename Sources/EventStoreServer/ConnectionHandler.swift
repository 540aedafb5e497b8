// Owns: one connection: bytes in, commands in their order, replies in the same order.
//
// Appends are pipelined: all that have arrived go to the writer, with those of the loop's other connections.
// Any other command waits until the appends before it are done, and holds up what comes after it until it is done, so
// that every command sees the effects of those before it and no reply overtakes another.
//
// What a client can make the server hold is bounded: nothing is read from the socket while a command is being executed
// with more bytes waiting behind it, while too much is in flight, or while the client does not read its replies.

import EventModel
import EventStore
import EventWire
import NIOCore
import NIOPosix

/// Used on its event loop alone.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Staged bytes of one connection that may be on their way to the writer.
    private static let inFlightBytes = 4 << 20

    let server: ServerCore
    private let loop: LoopContext
    private var context: ChannelHandlerContext?

    /// Nil only while `decode` has it.
    private var decoder: RESPDecoder?
    private var buffer = ByteBuffer()
    private var deadline: Scheduled<Void>?

    var replies = ReplyEncoder()
    var handshake: Handshake
    /// Appends, and errors in their order, that the writer has not answered yet; and the bytes of them.
    private var inFlight = 0
    private var inFlightBytes = 0
    /// Whether a command other than an append is being executed.
    private var isExecuting = false
    var isClosing = false
    private var hasInputEnded = false
    /// Whether the next command has to wait for the appends before it.
    private var isBlocked = false
    /// Whether the client reads its replies fast enough.
    private var isWritable = true
    private var isReading = false

    var transaction: OpenTransaction?
    var subscriptions: [UInt64: PushSink] = [:]
    var nextSubscription: UInt64 = 1
    /// A read that blocks, to be cancelled with the connection.
    var blockingRead: WaitForMatch?

    init(_ server: ServerCore, loop: LoopContext, connectionID: Int64) {
        self.server = server
        self.loop = loop
        decoder = RESPDecoder(limits: server.options.limits)
        handshake = Handshake(connectionID: connectionID, serverVersion: ServerCore.version)
    }

    var eventLoop: any EventLoop { loop.eventLoop }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        readMore()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
        isClosing = true
        endSubscriptions()
        blockingRead?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = unwrapInboundIn(data)
        if buffer.readableBytes == 0 {
            buffer = incoming
        } else {
            buffer.writeBuffer(&incoming)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        proceed()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable {
            for sink in subscriptions.values { sink.resume() }
            proceed()
        }
        context.fireChannelWritabilityChanged()
    }

    /// The client has sent all it will send; it may still read. What has arrived is answered, then the connection ends.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            hasInputEnded = true
            endSubscriptions()
            proceed()
            blockingRead?.cancel()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    // MARK: Going on

    /// Works through what has arrived as far as it may, then asks for more.
    func proceed() {
        guard let context else { return }
        if mayGoOn, !isCongested { decode() }
        flush()
        if hasInputEnded, isQuiet, !isBlocked { isClosing = true }
        if isClosing, isQuiet {
            closeAfterReplies(context)
        } else if mayGoOn, !isBlocked, !isCongested {
            watchDeadline()
            readMore()
        }
    }

    /// Whether another command may be begun.
    private var mayGoOn: Bool {
        !isClosing && !isExecuting && isWritable && inFlightBytes < Self.inFlightBytes
    }

    /// Whether everybody together has enough on its way to the writer. A connection that waits for nothing may add to it,
    /// so that it is never left without an occasion to go on.
    private var isCongested: Bool { inFlight > 0 && server.store.isCongested }

    /// Decodes and begins commands until one is incomplete, or has to wait.
    private func decode() {
        // Taken out, because access to a class's property is checked at run time, and this is done a million times a second.
        guard var decoder = decoder.take() else { preconditionFailure("a connection decodes one thing at a time") }
        var consumed = 0
        var failure: WireError?
        isBlocked = false
        buffer.withUnsafeReadableBytes { bytes in
            do throws(WireError) {
                while mayGoOn {
                    switch try decoder.next(UnsafeRawBufferPointer(rebasing: bytes[consumed...])) {
                    case .incomplete(let count):
                        consumed += count
                        return
                    case .refused(let error, let count):
                        consumed += count
                        refuse(error)
                    case .command(let arguments, let count):
                        guard begin(arguments) else {
                            isBlocked = true
                            return
                        }
                        consumed += count
                    }
                }
            } catch {
                failure = error
            }
        }
        self.decoder = consume decoder
        buffer.moveReaderIndex(forwardBy: consumed)
        if buffer.readableBytes == 0 { buffer.clear() }
        if consumed > 0 {
            deadline?.cancel()
            deadline = nil
        }
        if let failure {
            // Appends before the broken frame are answered first.
            guard isQuiet else {
                isBlocked = true
                return
            }
            replies.error(failure.reply)
            isClosing = true
        }
    }

    /// Begins a command; false where it has to wait for the appends before it.
    private func begin(_ arguments: ArgumentList) -> Bool {
        do throws(StoreError) {
            if CommandParser.isAppend(arguments) {
                append(try AppendRequest(arguments))
                return true
            }
            let command = try CommandParser.parse(arguments)
            if case .exec = command, let open = transaction {
                transaction = nil
                execute(open)
                return true
            }
            guard isQuiet else { return false }
            perform(command)
        } catch {
            refuse(error)
        }
        return true
    }

    private var isQuiet: Bool { inFlight == 0 && !isExecuting }

    /// Answers with an error, in its turn.
    func refuse(_ error: StoreError) {
        transaction?.isBroken = true
        if isQuiet {
            replies.error(error)
        } else {
            stage(1) { $0.refuse(error, to: self) }
        }
    }

    // MARK: Appending

    /// Adds something to the loop's batch, and notes that an answer to it is to come.
    private func stage(_ appends: Int, _ add: (AppendBatch) -> Void) {
        let batch = loop.batch()
        let before = batch.byteCount
        add(batch)
        inFlight += appends
        inFlightBytes += batch.byteCount - before
    }

    private func append(_ request: AppendRequest) {
        do throws(StoreError) {
            try loop.validator.check(request.event)
            if transaction != nil {
                try transaction?.add(request, limit: server.options.limits.commandBytes)
                replies.simple("QUEUED")
            } else {
                stage(1) { $0.append(request.event, by: self, unless: request.unless) }
            }
        } catch {
            refuse(error)
        }
    }

    private func execute(_ open: OpenTransaction) {
        if open.isBroken {
            replies.error(text: "EXECABORT Transaction discarded because of previous errors.")
        } else if open.events.count == 0 {
            replies.array(0)
        } else {
            stage(open.events.count) { $0.append(open.events, by: self) }
        }
    }

    /// Takes an outcome back from the writer and answers it; `proceed` follows when the loop has them all.
    func settle(_ settled: AppendBatch.Settled) {
        inFlight -= settled.records
        inFlightBytes -= settled.byteCount
        let (records, isTransaction) = (settled.records, settled.isTransaction)
        switch settled.outcome {
        case .appended(let first):
            if isTransaction { replies.array(records) }
            for offset in 0..<UInt64(records) { replies.integer(first.rawValue + offset) }
        case .existing(let ids):
            if isTransaction { replies.array(ids.count) }
            for id in ids { replies.integer(id) }
        case .refused(let error):
            for _ in 0..<(isTransaction ? 1 : records) { replies.error(error) }
        }
    }

    /// The store takes no more: what was staged is lost, and the client must be told by the end of its connection.
    func storeClosed() {
        isClosing = true
        context?.close(promise: nil)
    }

    // MARK: Executing

    /// Runs a query on a reader thread, and answers with what it made.
    func read(_ command: Command) {
        let (server, version) = (server, replies.version)
        let query = Query(command)
        begin(server.readers.runIfActive(eventLoop: eventLoop) { query.answer(server, version) })
    }

    /// Holds up what comes next until the bytes of a reply are there.
    func begin(_ reply: EventLoopFuture<[UInt8]>) {
        isExecuting = true
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        reply.whenComplete { result in
            let handler = handler.value
            handler.isExecuting = false
            switch result {
            case .success(let bytes): handler.replies.bytes += bytes
            case .failure: handler.isClosing = true
            }
            handler.proceed()
        }
    }

    // MARK: Writing and reading

    /// Writes what has been gathered.
    func flush() {
        guard !replies.bytes.isEmpty, let context else { return }
        var out = context.channel.allocator.buffer(capacity: replies.bytes.count)
        out.writeBytes(replies.bytes)
        replies.bytes.removeAll(keepingCapacity: replies.bytes.capacity <= 1 << 16)
        context.writeAndFlush(wrapOutboundOut(out), promise: nil)
    }

    /// Closes once the client has been sent all that was written.
    private func closeAfterReplies(_ context: ChannelHandlerContext) {
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in channel.close(promise: nil) }
    }

    /// Writes bytes that answer no request. Returns whether the client keeps up.
    func push(_ bytes: [UInt8]) -> Bool {
        guard let context, context.channel.isActive else { return false }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        return context.channel.isWritable
    }

    private func readMore() {
        guard !isReading, let context else { return }
        isReading = true
        context.read()
    }

    /// A command that has begun must go on arriving.
    private func watchDeadline() {
        deadline?.cancel()
        deadline = nil
        guard buffer.readableBytes > 0 else { return }
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        let seconds = server.options.commandSeconds
        deadline = eventLoop.scheduleTask(in: .seconds(Int64(seconds))) {
            let handler = handler.value
            guard handler.isQuiet else { return }
            handler.replies.error(
                StoreError(.other, "Protocol error: half a command arrived, and nothing more for \(seconds) seconds")
            )
            handler.isClosing = true
            handler.proceed()
        }
    }

    /// Takes no more commands, finishes what is in flight, and closes.
    func drain() {
        isClosing = true
        endSubscriptions()
        blockingRead?.cancel()
        proceed()
    }
}
