// Owns: one connection: bytes in, commands in their order, replies in the same order.
//
// Appends are pipelined: all that have arrived go to the writer, with those of the loop's other connections.
// Any other command waits until the appends before it are done, and holds up what comes after it until it is done, so
// that every command sees the effects of those before it and no reply overtakes another.
//
// What a client can make the server hold is bounded, see BufferBudget: nothing is read from the socket while a command is
// being executed with more bytes waiting behind it, while too much is in flight, while the client does not read its
// replies, or while there is no room for what would come.

import EventModel
import EventStore
import EventWire
import NIOCore
import NIOPosix

/// Used on its event loop alone.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Replies are written once there are so many bytes of them, though more commands have arrived.
    private static let replyBytes = 16 << 10

    let server: ServerCore
    let loop: LoopContext
    private(set) var context: ChannelHandlerContext?
    private let number: Int64

    /// Nil only while `decode` has it.
    private var decoder: RESPDecoder?
    private(set) var buffer = ByteBuffer()
    /// Bytes that the last read has brought.
    private var lastRead = 0
    private(set) var isReading = false
    /// Bytes that the client has sent since the connection began.
    private(set) var arrived = 0
    var arrival: Deadline?

    var replies = ReplyEncoder()
    var handshake: Handshake
    var flight = Flight()
    /// Bytes that have arrived behind the command that is being begun.
    private(set) var bytesBehind = 0
    /// Queries that go to a reader thread whoever else is there, since one has taken long.
    var querySuspicion = 0
    /// Whether a command other than an append is being executed, and what it may hold.
    private(set) var isExecuting = false
    private var executingBytes = 0
    var isClosing = false
    private var hasInputEnded = false
    /// Whether the next command has to wait: for the appends before it, or for room.
    private var isBlocked = false
    private var isProceeding = false
    private var mustProceedAgain = false

    /// Whether the client reads its replies fast enough.
    private(set) var isWritable = true
    /// Bytes that have been given to the channel since the connection began.
    var written = 0
    var writing: Deadline?

    private var allocator: ReadAllocator?
    private(set) var incoming: BufferShare!
    private(set) var outgoing: BufferShare!
    private(set) var gate: DeliveryGate!
    var deliveries = DeliveryQueue()

    var transaction: OpenTransaction?
    var subscriptions: [UInt64: PushSink] = [:]
    var subscriptionBytes = 0
    var nextSubscription: UInt64 = 1
    /// A read that blocks, to be cancelled with the connection.
    var blockingRead: WaitForMatch?

    init(_ server: ServerCore, loop: LoopContext, connectionID: Int64) {
        self.server = server
        self.loop = loop
        number = connectionID
        decoder = RESPDecoder(limits: server.options.limits)
        handshake = Handshake(connectionID: connectionID, serverVersion: ServerCore.version)
    }

    /// Bytes of commands after which the budget is asked again whether there is room for more of them.
    private static let accountingBytes = 4 << 10

    var eventLoop: any EventLoop { loop.eventLoop }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        incoming = share(server.incoming)
        outgoing = share(server.outgoing)
        gate = DeliveryGate(context.channel, server.outgoing, owner: number)
        // Whoever is referred to weakly has its references counted the slow way, each of them. So the channel and the shares
        // hold the connection, until it is removed.
        let allocator = ReadAllocator { self.nextReadBytes }
        self.allocator = allocator
        try? context.channel.syncOptions?.setOption(.recvAllocator, value: allocator)
    }

    private func share(_ budget: BufferBudget) -> BufferShare {
        BufferShare(budget, owner: number, eventLoop: eventLoop) { self.proceed() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        loop.forget(self)
        allocator?.close()
        incoming.close()
        outgoing.close()
    }

    func channelActive(context: ChannelHandlerContext) {
        readMore()
    }

    func channelInactive(context: ChannelHandlerContext) {
        arrival?.cancel()
        writing?.cancel()
        isClosing = true
        endSubscriptions()
        blockingRead?.cancel()
        transaction = nil
        buffer = ByteBuffer()
        incoming.close()
        outgoing.close()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = unwrapInboundIn(data)
        arrived += incoming.readableBytes
        lastRead = incoming.readableBytes
        if buffer.readableBytes == 0 {
            buffer = incoming
        } else {
            buffer.writeBuffer(&incoming)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        loop.note(reading: self)
        proceed()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable {
            writing?.cancel()
            writing = nil
            proceed()
        } else {
            watchWriting()
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
        // A write may find the channel writable again, which calls for this very function.
        guard !isProceeding else { return mustProceedAgain = true }
        isProceeding = true
        repeat {
            mustProceedAgain = false
            if mayGoOn, !isCongested { decode() }
            flush()
        } while mustProceedAgain && mayGoOn
        isProceeding = false
        dropWhatIsRead()
        if hasInputEnded, mayGoOn, isQuiet, !isBlocked { isClosing = true }
        if isClosing, isQuiet {
            closeAfterReplies(context)
        } else if mayGoOn, !isBlocked, !isCongested {
            readMore()
        }
        passDeliveries()
        // Last, so that nothing that was waited for is let go of before it is used.
        incoming.settle(incomingBytes(reading: isReading ? ReadSize.smallest : 0))
        outgoing.settle(outgoingBytes)
    }

    /// Whether another command may be begun.
    private var mayGoOn: Bool {
        !isClosing && !isExecuting && isWritable && flight.bytes < Flight.maximumBytes
    }

    /// Whether everybody together has enough on its way to the writer. A connection that waits for nothing may add to it,
    /// so that it is never left without an occasion to go on.
    private var isCongested: Bool { flight.appends > 0 && loop.isCongested }

    /// Decodes and begins commands until one is incomplete, or has to wait.
    private func decode() {
        // Taken out, because access to a class's property is checked at run time, and this is done a million times a second.
        guard var decoder = decoder.take() else { preconditionFailure("a connection decodes one thing at a time") }
        var consumed = 0
        // Held for the whole burst: to fetch it for each command would count references a million times a second.
        let validator = loop.serving?.validator
        // Asked for every few commands: what lies between two questions is entered as a debt at the end.
        var accounted = -Self.accountingBytes
        var failure: WireError?
        isBlocked = false
        buffer.withUnsafeReadableBytes { bytes in
            do throws(WireError) {
                while mayGoOn {
                    guard replies.bytes.count < Self.replyBytes else {
                        isBlocked = true
                        mustProceedAgain = true
                        return
                    }
                    if consumed - accounted >= Self.accountingBytes {
                        guard hasRoom else { return isBlocked = true }
                        accounted = consumed
                    }
                    if transaction == nil, let validator, decoder.isBetweenCommands {
                        let staged = stagePlainAppends(UnsafeRawBufferPointer(rebasing: bytes[consumed...]), validator)
                        guard staged == 0 else {
                            consumed += staged
                            accounted = consumed
                            continue
                        }
                    }
                    switch try decoder.next(UnsafeRawBufferPointer(rebasing: bytes[consumed...])) {
                    case .incomplete(let count):
                        consumed += count
                        return
                    case .refused(let error, let count):
                        consumed += count
                        refuse(error)
                    case .command(let arguments, let count):
                        bytesBehind = bytes.count - consumed - count
                        guard begin(arguments, wireBytes: count, validator) else { return isBlocked = true }
                        consumed += count
                    }
                }
            } catch {
                failure = error
            }
        }
        decoderBytes = decoder.memoryBytes
        self.decoder = consume decoder
        buffer.moveReaderIndex(forwardBy: consumed)
        // A large transaction has to come to its end: a small command now and then is no progress.
        if consumed > 0, !hasLargeTransaction {
            arrival?.cancel()
            arrival = nil
        }
        if let failure {
            // Appends before the broken frame are answered first.
            guard isQuiet else { return isBlocked = true }
            replies.error(failure.reply)
            isClosing = true
        }
    }

    /// Begins a command; false where it has to wait.
    private func begin(_ arguments: ArgumentList, wireBytes: Int, _ validator: EventValidator?) -> Bool {
        do throws(StoreError) {
            if CommandParser.isAppend(arguments) {
                append(try AppendRequest(arguments), wireBytes: wireBytes, validator)
                return true
            }
            let command = try CommandParser.parse(arguments)
            if case .exec = command, let open = transaction {
                transaction = nil
                execute(open)
                return true
            }
            guard isQuiet else { return false }
            let needed = command.memoryBytes(wireBytes: wireBytes, server)
            guard needed == 0 || outgoing.covers(outgoingBytes + needed) else {
                outgoing.wait(for: outgoingBytes + needed)
                return false
            }
            executingBytes = needed
            perform(command, wireBytes: wireBytes)
        } catch {
            refuse(error)
        }
        return true
    }

    var isQuiet: Bool { flight.appends == 0 && !isExecuting }

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

    // MARK: What it holds

    private var decoderBytes = 0

    /// Bytes that the client has sent and the connection holds, once another read has brought so many. What is to be
    /// staged is counted twice, as it lies in the buffer and as it will lie in the writer's inbox.
    private func incomingBytes(reading bytes: Int = 0) -> Int {
        let unread = buffer.readableBytes + bytes
        var capacity = buffer.readableBytes == 0 ? bytes : buffer.storageCapacity
        while capacity < unread { capacity *= 2 }
        return capacity + unread + decoderBytes + (transaction?.memoryBytes ?? 0) + flight.bytes
    }

    /// Lets go of the room for an answer that is not to come for a while.
    func keep(_ bytes: Int) {
        executingBytes = bytes
        outgoing.settle(outgoingBytes)
    }

    /// Bytes that are for the client, or will be. What a channel that is writable has not sent yet is little, and lies in
    /// anybody's share; to ask for it would cost more than many a command.
    var outgoingBytes: Int {
        replies.bytes.count + (isWritable ? 0 : unsentBytes) + (isExecuting ? executingBytes : 0) + gate.held
            + subscriptionBytes
    }

    /// Whether so many bytes of commands may be staged; a record takes no more than the command it came in.
    func hasRoom(forStaging bytes: Int) -> Bool {
        incoming.covers(incomingBytes() + bytes)
    }

    /// Whether another command may be staged. Where nothing is in flight there will be no occasion to ask again, so the
    /// connection waits for its turn.
    private var hasRoom: Bool {
        let held = incomingBytes()
        if incoming.covers(held) { return true }
        if flight.appends == 0 { incoming.wait(for: held) }
        return false
    }

    /// Lets go of memory that commands came in and that is not needed for what is left.
    private func dropWhatIsRead() {
        if buffer.readableBytes == 0 {
            buffer = ByteBuffer()
        } else if buffer.storageCapacity >= 4 * buffer.readableBytes {
            buffer = ByteBuffer(buffer: buffer)
        }
    }

    // MARK: Reading

    private func readMore() {
        watchArrival()
        guard let context else { return }
        guard !isReading else { return }
        let needed = incomingBytes(reading: ReadSize.smallest)
        if incoming.covers(needed) {
            isReading = true
            context.read()
        } else if flight.appends == 0 {
            incoming.wait(for: needed)
        }
    }

    /// What the read that is about to be made may bring: more than the least where there is room for it now.
    private var nextReadBytes: Int {
        let wanted = ReadSize.following(lastRead)
        return incoming.covers(incomingBytes(reading: wanted)) ? wanted : ReadSize.smallest
    }

    /// Takes no more commands, finishes what is in flight, and closes.
    func drain() {
        isClosing = true
        endSubscriptions()
        blockingRead?.cancel()
        proceed()
    }
}
