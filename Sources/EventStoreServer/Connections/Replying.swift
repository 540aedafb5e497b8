// Owns: what goes to the client: replies, and deliveries of subscriptions between them.

import EventModel
import EventStore
import EventWire
import NIOCore
import NIOPosix

extension ConnectionHandler {
    /// Writes what has been gathered. For a client that is behind, not in small pieces: each takes memory of its own while it
    /// waits.
    func flush() {
        guard !replies.bytes.isEmpty, isWritable || isClosing || replies.bytes.count >= Self.replyBytes else { return }
        writeReplies()
    }

    private func writeReplies() {
        guard !replies.bytes.isEmpty else { return }
        write(replies.bytes)
        replies.bytes.removeAll(keepingCapacity: replies.bytes.capacity <= 1 << 10)
    }

    private func write(_ bytes: [UInt8]) {
        guard let context else { return }
        written += bytes.count
        loop.traffic.add(bytesOut: bytes.count)
        history.noteTraffic()
        // Finding the client behind must not have anything written between two pieces.
        let wasProceeding = isProceeding
        isProceeding = true
        defer { isProceeding = wasProceeding }
        var rest = bytes[...]
        while !rest.isEmpty {
            // Memory comes in powers of two: what is to wait takes no more of it than is counted, or little.
            let isSmall = isWritable || rest.count <= 1 << 10
            let count = isSmall ? rest.count : 1 << (Int.bitWidth - 1 - rest.count.leadingZeroBitCount)
            var piece = context.channel.allocator.buffer(capacity: count)
            piece.writeBytes(rest.prefix(count))
            rest = rest.dropFirst(count)
            context.write(wrapOutboundOut(piece), promise: nil)
        }
        context.flush()
    }

    /// Takes no more commands, finishes what is in flight, and closes.
    func drain() {
        isClosing = true
        isDraining = true
        writing?.cancel()
        writing = nil
        if !isWritable { watchWriting() }
        endSubscriptions()
        blockingRead?.cancel()
        proceed()
    }

    /// Closes once the client has been sent all that was written, and in any case after a while.
    func closeAfterReplies(_ context: ChannelHandlerContext) {
        let channel = context.channel
        writeReplies()
        watchWriting()
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in channel.close(promise: nil) }
    }

    /// Holds up what comes next until the bytes of a reply are there.
    func begin(_ reply: EventLoopFuture<[UInt8]>) {
        isExecuting = true
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        reply.whenComplete { result in
            let handler = handler.value
            handler.isExecuting = false
            handler.endAct(result)
            switch result {
            case .success(let bytes): handler.replies.bytes += bytes
            case .failure: handler.isClosing = true
            }
            handler.proceed()
        }
    }

    /// What was done to the store has come to its end, if that is what has.
    private func endAct(_ reply: Result<[UInt8], any Error>) {
        guard let ended = act.take() else { return }
        switch reply {
        case .success(let bytes) where bytes.first != UInt8(ascii: "-"): caller.end(ended)
        case .success(let bytes):
            let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
            caller.end(ended, failure: String(text.prefix { !$0.isNewline }))
        case .failure: caller.end(ended, failure: "nobody waits for it any more")
        }
    }

    // MARK: Deliveries

    /// Writes bytes that answer no request, which the gate has admitted.
    func push(_ bytes: [UInt8], taken: Int, of sink: PushSink) {
        outgoing.adopt(taken)
        gate.arrive()
        if context?.channel.isActive == true, sink.isLive {
            // The subscription's number comes before its events.
            writeReplies()
            write(bytes)
            // The write may have found the connection dead, and have ended its subscriptions.
            if sink.isLive { deliveries.append(sink, refused: 0) }
        }
        proceed()
    }

    /// Has a sink whose delivery was refused wait for its turn.
    func hold(_ sink: any Resumable, refused bytes: Int) {
        deliveries.append(sink, refused: bytes)
        passDeliveries()
    }

    /// Lets the hub go on: with the subscriptions whose last delivery has been taken, and with one that was refused.
    func passDeliveries() {
        guard isWritable, !isClosing, gate.open() else { return }
        while let next = deliveries.first {
            if next.refused > BufferBudget.share {
                let held = outgoingBytes + next.refused
                guard outgoing.covers(held) else { return outgoing.wait(for: held) }
            }
            deliveries.removeFirst()
            if next.refused > 0 { gate.reserve(next.refused) }
            next.sink.resume()
            if next.refused > 0 { return }
        }
    }

    /// Forgets a sink that wants nothing more.
    func forget(_ sink: any Resumable) {
        deliveries.remove(sink)
        gate.reserve(0)
        passDeliveries()
    }
}

/// What waits for the hub's next delivery to it.
protocol Resumable: AnyObject {
    func resume()
}

/// The sinks of a connection in the order in which the hub may go on with them. One that was refused is sure to have
/// events, so the turn ends with it; one whose delivery was taken may have none, and ends no turn.
struct DeliveryQueue {
    private var entries = CircularBuffer<(sink: any Resumable, refused: Int)>(initialCapacity: 1)

    var first: (sink: any Resumable, refused: Int)? { entries.first }

    mutating func append(_ sink: any Resumable, refused: Int) { entries.append((sink, refused)) }
    mutating func removeFirst() { entries.removeFirst() }
    mutating func removeAll() { entries.removeAll() }

    mutating func remove(_ sink: any Resumable) {
        guard entries.contains(where: { $0.sink === sink }) else { return }
        entries = CircularBuffer(entries.filter { $0.sink !== sink })
    }
}
