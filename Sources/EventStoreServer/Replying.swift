// Owns: what goes to the client: replies, and deliveries of subscriptions between them.

import EventModel
import EventStore
import EventWire
import NIOCore
import NIOPosix

extension ConnectionHandler {
    /// A query that takes longer on the event loop is one too many.
    private static let longQuery = TimeAmount.milliseconds(2)
    private static let suspicionAfterLongQuery = 256

    /// Runs a query on a reader thread, and answers with what it made. A client that is alone on its loop, and waits for each
    /// answer, need not pay the two thread switches, as long as its questions are short.
    func read(_ command: Command) {
        let (server, version) = (server, replies.version)
        let query = Query(command)
        defer { prepareNext(query) }
        if bytesBehind == 0, loop.isAlone(self), query.isShort(server.store) {
            if querySuspicion == 0 {
                let begun = NIODeadline.now()
                replies.bytes += query.answer(server, version)
                if NIODeadline.now() - begun > Self.longQuery { querySuspicion = Self.suspicionAfterLongQuery }
                return
            }
            querySuspicion -= 1
        }
        begin(server.readers.runIfActive(eventLoop: eventLoop) { query.answer(server, version) })
    }

    /// Has a reader thread make what another query like this one will need.
    private func prepareNext(_ query: Query) {
        guard case .state(let request) = query else { return }
        let server = server
        server.readers.submit { state in
            if state == .active { server.store.prepareReducer(request.reducer) }
        }
    }

    /// Writes what has been gathered.
    func flush() {
        guard !replies.bytes.isEmpty else { return }
        write(replies.bytes)
        replies.bytes.removeAll(keepingCapacity: replies.bytes.capacity <= 1 << 10)
    }

    private func write(_ bytes: [UInt8]) {
        guard let context else { return }
        written += bytes.count
        var out = context.channel.allocator.buffer(capacity: bytes.count)
        out.writeBytes(bytes)
        context.writeAndFlush(wrapOutboundOut(out), promise: nil)
    }

    /// Closes once the client has been sent all that was written, and in any case after a while.
    func closeAfterReplies(_ context: ChannelHandlerContext) {
        let channel = context.channel
        watchWriting()
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in channel.close(promise: nil) }
    }

    // MARK: Deliveries

    /// Writes bytes that answer no request, which the gate has admitted.
    func push(_ bytes: [UInt8], taken: Int, of sink: PushSink) {
        outgoing.adopt(taken)
        gate.arrive()
        if context?.channel.isActive == true, sink.isLive {
            write(bytes)
            deliveries.append(sink, refused: 0)
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

    mutating func remove(_ sink: any Resumable) {
        guard entries.contains(where: { $0.sink === sink }) else { return }
        entries = CircularBuffer(entries.filter { $0.sink !== sink })
    }
}
