// Owns: one connection: bytes in, commands in their order, replies in the same order.
//
// Appends are pipelined: all that have arrived go to the writer, with those of the loop's other connections. So are
// queries: all that come in a row are answered in a row. Any other command waits until those before it are done, and holds
// up what comes after it until it is done, so that every command sees the effects of those before it and no reply overtakes
// another.
//
// A client may write all of a long pipeline before it reads the first reply: its replies wait for it, and when there are
// many of them, its commands do. What it can make the server hold is bounded, see BufferBudget.

import EventModel
import EventStore
import EventWire
import NIOCore
import NIOPosix
import SegmentLog

/// Used on its event loop alone.
final class ConnectionHandler: ChannelInboundHandler, AppendOwner {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Replies are written once there are so many bytes of them, though more commands have arrived.
    static let replyBytes = 16 << 10
    /// Commands between two looks at the clock, which takes as long as some of them.
    private static let commandsPerLook = 32

    let server: ServerCore
    let loop: LoopContext
    private(set) var context: ChannelHandlerContext?
    let number: Int64
    /// Who asks, and what that may do by the rules that count now.
    var caller: Caller
    var history: ConnectionHistory

    /// Nil only while `decode` has it.
    private var decoder: RESPDecoder?
    var buffer = ByteBuffer()
    /// Bytes that the last read has brought.
    private var lastRead = 0
    private(set) var isReading = false
    /// Bytes that the client has sent since the connection began.
    private(set) var arrived = 0
    var arrival: Deadline?

    var replies = ReplyEncoder()
    var handshake: Handshake
    var flight = Flight()
    /// Queries that have arrived in a row and are not answered yet.
    var run = QueryRun()
    /// Whether a command other than an append is being executed, and what it may hold.
    var isExecuting = false
    var executingBytes = 0
    /// What is being done to the store, where that is what is executed.
    var act: Act?
    var isClosing = false
    /// Whether it closes because the server stops.
    var isDraining = false
    private(set) var hasInputEnded = false
    /// Whether the next command has to wait: for the appends before it, or for room.
    private var isBlocked = false
    var isProceeding = false
    var mustProceedAgain = false
    private(set) var isPausing = false
    /// When the turn of this connection is over.
    private var turnEnd = NIODeadline.distantFuture
    /// Where its user has appended as much as it may for now: when it is looked at again.
    var pacing: Scheduled<Void>?
    /// Whether an operator has been told that it was closed against its will.
    var isCutTold = false

    /// Whether the client has taken all but a little of what it was sent.
    private(set) var isWritable = true
    /// Whether another command may be answered: the client takes its replies, or there is room for them to wait in.
    private var hasReplyRoom = true
    /// Bytes that have been given to the channel since the connection began.
    var written = 0
    var writing: Deadline?

    private var allocator: ReadAllocator?
    private(set) var incoming: BufferShare!
    private(set) var outgoing: BufferShare!
    private(set) var gate: DeliveryGate!
    var deliveries = DeliveryQueue()
    /// Whatever is done for the client.
    let work = Work()
    /// What a question waits for before it is worked on.
    var projectionWait: ProjectionWait?
    /// Bytes that the decoder holds of a command that is not complete.
    private(set) var decoderBytes = 0

    var transaction: OpenTransaction?
    var subscriptions: [UInt64: PushSink] = [:]
    var subscriptionBytes = 0
    var nextSubscription: UInt64 = 1
    /// A read that blocks, to be cancelled with the connection.
    var blockingRead: WaitForMatch?

    init(_ server: ServerCore, loop: LoopContext, _ caller: Caller) {
        self.server = server
        self.loop = loop
        self.caller = caller
        number = caller.connection
        history = ConnectionHistory(caller.peer)
        decoder = RESPDecoder(limits: server.options.limits)
        handshake = Handshake(connectionID: caller.connection, serverVersion: ServerCore.version)
    }

    /// Bytes of commands after which the budget is asked again whether there is room for more of them.
    private static let accountingBytes = 4 << 10

    var eventLoop: any EventLoop { loop.eventLoop }

    /// Those whom the system does not tell are one.
    var user: UInt32 { history.peer?.user ?? .max }
    var owner: BufferBudget.Owner { BufferBudget.Owner(user: user, connection: number) }
    var asker: ReaderPool.Asker { ReaderPool.Asker(user: user, connection: number) }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.add(self)
        incoming = BufferShare(server.incoming, owner: owner, eventLoop: eventLoop) {
            // What it has waited for was not for the client to send.
            self.arrival?.cancel()
            self.arrival = nil
            self.proceed()
        }
        outgoing = BufferShare(server.outgoing, owner: owner, eventLoop: eventLoop) { self.proceed() }
        gate = DeliveryGate(context.channel, server.outgoing, owner: owner)
        // Whoever is referred to weakly has its references counted the slow way, each of them. So the channel and the shares
        // hold the connection, until it is removed.
        let allocator = ReadAllocator { self.nextReadBytes }
        self.allocator = allocator
        try? context.channel.syncOptions?.setOption(.recvAllocator, value: allocator)
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
        pacing?.cancel()
        isClosing = true
        endWork(.cancelled)
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
        loop.traffic.add(bytesIn: lastRead)
        history.noteTraffic()
        if buffer.readableBytes == 0 {
            buffer = incoming
        } else {
            buffer.writeBuffer(&incoming)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        loop.note(reading: self)
        guard !loop.hasHadTurn(user) else { return pause() }
        let begun = NIODeadline.now()
        proceed()
        loop.charge(NIODeadline.now() - begun, to: user)
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
            blockingRead?.finishWithNothing()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        cut("its socket failed: \(error)")
    }

    // MARK: Going on

    /// Works through what has arrived as far as it may, then asks for more.
    func proceed() {
        guard let context else { return }
        // A write may find the channel writable again, which calls for this very function.
        guard !isProceeding else { return mustProceedAgain = true }
        isProceeding = true
        turnEnd = .now() + LoopContext.turn
        repeat {
            mustProceedAgain = false
            hasReplyRoom = askForReplyRoom()
            if mayGoOn, run.isEmpty, !isCongested { decode() }
            if mayGoOn, !run.isEmpty {
                answerRun()
                // What waited behind it, or has arrived since.
                mustProceedAgain = mustProceedAgain || run.isEmpty && buffer.readableBytes > 0
            }
            flush()
            guard mustProceedAgain else { break }
            if NIODeadline.now() >= turnEnd { pause() }
        } while mayGoOn
        isProceeding = false
        if isClosing, !isExecuting { run.removeAll() }
        dropWhatIsRead()
        if hasInputEnded, mayGoOn, isQuiet, !isBlocked { isClosing = true }
        if isClosing, isQuiet {
            closeAfterReplies(context)
        } else if mayGoOn && !isBlocked && !isCongested || mayReadAhead {
            readMore()
        }
        passDeliveries()
        // Last, so that nothing that was waited for is let go of before it is used.
        incoming.settle(incomingBytes(reading: isReading ? ReadSize.smallest : 0))
        outgoing.settle(outgoingBytes)
    }

    /// Whether another command may be begun.
    private var mayGoOn: Bool {
        !isClosing && !isExecuting && !isPausing && hasReplyRoom && flight.bytes < Flight.maximumBytes
    }

    /// Whether it is for the client or for others to go on: to read replies, to let go of memory, to append what is waited for.
    var isHeldUp: Bool { !hasReplyRoom || outgoing.isWaiting || blockingRead != nil }

    /// Whether commands are read though none is begun. A client that writes its whole pipeline before it reads must come to
    /// its end.
    private var mayReadAhead: Bool {
        !isClosing && isHeldUp && buffer.readableBytes < server.options.limits.commandBytes
    }

    private func askForReplyRoom() -> Bool {
        guard !isWritable else { return true }
        let waiting = outgoingBytes
        guard waiting < server.replyQueueBytes else { return false }
        if outgoing.covers(waiting + Self.replyBytes) { return true }
        outgoing.wait(for: waiting + Self.replyBytes)
        return false
    }

    /// Leaves the loop to the others until its next turn.
    private func pause() {
        guard !isPausing else { return }
        isPausing = true
        loop.wait(self)
    }

    /// Has its turn again.
    func goOn() {
        isPausing = false
        proceed()
    }

    /// Whether everybody together has enough on its way to the writer. A connection that waits for nothing may add to it,
    /// so that it is never left without an occasion to go on.
    private var isCongested: Bool { flight.appends > 0 && loop.isCongested }

    /// Decodes and begins commands until one is incomplete, or has to wait.
    private func decode() {
        // Taken out, because access to a class's property is checked at run time, and this is done a million times a second.
        guard var decoder = decoder.take() else { preconditionFailure("a connection decodes one thing at a time") }
        var (consumed, commands) = (0, 0)
        let appendsBefore = flight.appends
        var nextLook = Self.commandsPerLook
        // Held for the whole burst: to fetch it for each command would count references a million times a second.
        let validator = loop.serving?.validator
        takeRules()
        // Whoever may append to some categories only has each event looked at.
        let appendsEverything = caller.appendsEverything
        // Asked for every few commands: what lies between two questions is entered as a debt at the end.
        var (accounted, accountedFlight) = (-Self.accountingBytes, flight.bytes)
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
                    // What is staged for a command may be many times as long.
                    if consumed - accounted >= Self.accountingBytes || flight.bytes - accountedFlight >= Self.replyBytes
                    {
                        guard hasRoom else { return isBlocked = true }
                        (accounted, accountedFlight) = (consumed, flight.bytes)
                    }
                    if commands >= nextLook {
                        nextLook = commands + Self.commandsPerLook
                        guard NIODeadline.now() < turnEnd else {
                            isBlocked = true
                            mustProceedAgain = true
                            return
                        }
                    }
                    if appendsEverything, transaction == nil, run.isEmpty, let validator, decoder.isBetweenCommands {
                        guard !isCongested else { return isBlocked = true }
                        let staged = stagePlainAppends(UnsafeRawBufferPointer(rebasing: bytes[consumed...]), validator)
                        guard staged == 0 else {
                            consumed += staged
                            accounted = consumed
                            nextLook = commands
                            continue
                        }
                    }
                    switch try decoder.next(UnsafeRawBufferPointer(rebasing: bytes[consumed...])) {
                    case .incomplete(let count):
                        consumed += count
                        return
                    case .refused(let error, let count):
                        consumed += count
                        // The decoder is past it, so it cannot wait.
                        run.isEmpty ? refuse(error) : run.append(mistake: error)
                    case .command(let arguments, let count):
                        guard begin(arguments, wireBytes: count, validator) else { return isBlocked = true }
                        consumed += count
                        commands += 1
                    }
                }
            } catch {
                failure = error
            }
        }
        loop.traffic.add(commands: commands)
        if flight.appends > appendsBefore { history.lastCommand = "ev.append" }
        decoder.release()
        decoderBytes = decoder.memoryBytes
        self.decoder = consume decoder
        buffer.moveReaderIndex(forwardBy: consumed)
        // A large transaction has to come to its end: a small command now and then is no progress.
        if consumed > 0, !hasLargeTransaction {
            arrival?.cancel()
            arrival = nil
        }
        if let failure {
            // What came before the broken frame is answered first.
            guard isQuiet else { return isBlocked = true }
            replies.error(failure.reply)
            closing(because: failure.reply.message)
        }
    }

    var isQuiet: Bool { flight.appends == 0 && !isExecuting && run.isEmpty }

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
}
