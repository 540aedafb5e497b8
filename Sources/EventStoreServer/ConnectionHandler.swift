// Owns: one connection: bytes in, commands in their order, replies in the same order.
//
// Appends are pipelined: all those of one read go to the writer as one batch, and several batches may be on their way.
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
    /// A batch is handed in once it is so large, even if more commands have arrived.
    private static let batchBytes = 1 << 20

    let server: ServerCore
    private let loop: LoopContext
    private var context: ChannelHandlerContext?

    private var decoder: RESPDecoder
    private var buffer = ByteBuffer()
    private var deadline: Scheduled<Void>?

    var replies = ReplyEncoder()
    private var handshake: Handshake
    private var batch: AppendBatch?
    private var inFlightBatches = 0
    private var inFlightBytes = 0
    /// Whether a command other than an append is being executed.
    private var isExecuting = false
    private var isClosing = false
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
        if context.channel.isWritable {
            for sink in subscriptions.values { sink.resume() }
            proceed()
        }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    // MARK: Going on

    /// Works through what has arrived as far as it may, then asks for more.
    private func proceed() {
        guard let context else { return }
        var isBlocked = false
        while !isClosing, !isExecuting, !isBlocked, context.channel.isWritable, !isFull {
            guard decodeOne(&isBlocked) else { break }
            if let batch, batch.byteCount >= Self.batchBytes { submit() }
        }
        submit()
        flush()
        if isClosing, isQuiet {
            closeAfterReplies(context)
        } else if !isClosing, !isExecuting, !isBlocked, context.channel.isWritable,
            !isFull
        {
            watchDeadline()
            readMore()
        }
    }

    /// Decodes and begins the next command; false where none is complete.
    private func decodeOne(_ isBlocked: inout Bool) -> Bool {
        var consumed = 0
        var goesOn = true
        var failure: WireError?
        buffer.withUnsafeReadableBytes { bytes in
            do throws(WireError) {
                switch try decoder.next(bytes) {
                case .incomplete(let count):
                    consumed = count
                    goesOn = false
                case .refused(let error, let count):
                    consumed = count
                    refuse(error)
                case .command(let arguments, let count):
                    if begin(arguments) { consumed = count } else { isBlocked = true }
                }
            } catch {
                failure = error
            }
        }
        if let failure {
            // Appends before the broken frame are answered first.
            guard isQuiet, batch == nil else {
                isBlocked = true
                return false
            }
            replies.error(failure.reply)
            isClosing = true
            return false
        }
        buffer.moveReaderIndex(forwardBy: consumed)
        if buffer.readableBytes == 0 { buffer.clear() }
        if goesOn {
            deadline?.cancel()
            deadline = nil
        }
        return goesOn
    }

    /// Begins a command; false where it has to wait for the appends before it.
    private func begin(_ arguments: ArgumentList) -> Bool {
        do throws(StoreError) {
            let command = try CommandParser.parse(arguments)
            if case .append(let request) = command {
                append(request)
                return true
            }
            if case .exec = command, let open = transaction {
                transaction = nil
                execute(open)
                return true
            }
            guard isQuiet, batch == nil else { return false }
            perform(command)
        } catch {
            refuse(error)
        }
        return true
    }

    private var isQuiet: Bool { inFlightBatches == 0 && !isExecuting }

    /// Whether enough is on its way to the writer, from here or from everybody together.
    private var isFull: Bool {
        inFlightBytes >= Self.inFlightBytes || inFlightBatches > 0 && server.store.isCongested
    }

    /// Answers with an error, in its turn.
    private func refuse(_ error: StoreError) {
        transaction?.isBroken = true
        if isQuiet, batch == nil { replies.error(error) } else { filling.refuse(error) }
    }

    // MARK: Appending

    private var filling: AppendBatch {
        if let batch { return batch }
        let fresh = AppendBatch(sink: loop, token: self, capacity: min(max(buffer.readableBytes * 3 / 2, 1024), 1 << 20))
        batch = fresh
        return fresh
    }

    private func append(_ request: AppendRequest) {
        do throws(StoreError) {
            try loop.validator.check(request.event)
            if transaction != nil {
                try transaction?.add(request, limit: server.options.limits.commandBytes)
                replies.simple("QUEUED")
            } else {
                filling.append(request.event, unless: request.unless)
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
            filling.append(open.events)
        }
    }

    private func submit() {
        guard let full = batch, !full.isEmpty else { return }
        batch = nil
        if inFlightBatches == 0, server.store.commitAlone(full) { return answer(full) }
        inFlightBatches += 1
        inFlightBytes += full.byteCount
        if !server.store.submit(full) {
            inFlightBatches -= 1
            inFlightBytes -= full.byteCount
            isClosing = true
        }
    }

    /// Takes a batch back from the writer and answers it.
    func complete(_ batch: AppendBatch) {
        inFlightBatches -= 1
        inFlightBytes -= batch.byteCount
        answer(batch)
        proceed()
    }

    private func answer(_ batch: AppendBatch) {
        batch.forEachOutcome { outcome, records, isTransaction in
            switch outcome {
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
    }

    // MARK: Executing

    /// Performs a command that is not an append. Everything before it has been answered.
    private func perform(_ command: Command) {
        if transaction != nil {
            switch command {
            case .multi: return refuse(StoreError(.other, "MULTI calls can not be nested"))
            case .discard:
                transaction = nil
                return replies.simple("OK")
            case .reset, .quit: break
            default:
                return refuse(StoreError(.other, "only EV.APPEND is allowed between MULTI and EXEC"))
            }
        }
        switch command {
        case .append: preconditionFailure("appends are taken before")
        case .multi:
            transaction = OpenTransaction()
            replies.simple("OK")
        case .exec: replies.error(StoreError(.other, "EXEC without MULTI"))
        case .discard: replies.error(StoreError(.other, "DISCARD without MULTI"))
        case .connection(let command): handshake.answer(command, &replies)
        case .reset:
            transaction = nil
            endSubscriptions()
            handshake.reset(&replies)
        case .quit:
            replies.simple("OK")
            isClosing = true
        case .subscribe(let request): subscribe(request)
        case .unsubscribe(let number): unsubscribe(number)
        case .read(let request) where request.blockMilliseconds != nil: readBlocking(request)
        case .roll: roll()
        default: read(command)
        }
    }

    /// Runs a query on a reader thread, and answers with what it made.
    private func read(_ command: Command) {
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
                StoreError(.other, "Protocol error: half a command arrived, and nothing more for \(seconds) seconds"))
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
