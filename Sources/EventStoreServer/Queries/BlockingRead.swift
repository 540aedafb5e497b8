// Owns: EV.READ … BLOCK: a read that waits for its first match, as XREAD does. It is a subscription that ends with its
// first delivery.

import EventModel
import EventStore
import EventWire
import NIOCore
import NIOPosix
import SegmentLog

extension ConnectionHandler {
    func readBlocking(_ request: ReadRequest, wireBytes: Int) {
        let (server, version, eventLoop, work, owner) = (server, replies.version, eventLoop, work, owner)
        let limit = server.queryLimit(caller)
        let reply = eventLoop.makePromise(of: [UInt8].self)
        let wait = WaitForMatch(request, version, reply, NIOLoopBound(self, eventLoop: eventLoop), gate)
        blockingRead = wait
        loop.traffic.add(blocked: 1)
        begin(reply.futureResult)
        let immediate = server.readers.run(for: asker, on: eventLoop) { turn -> (bytes: [UInt8]?, taken: Int) in
            turn.account(with: server.outgoing, for: owner)
            var replies = ReplyEncoder(version: version)
            do throws(StoreError) {
                let events = try server.read(request, for: Work(within: limit, of: work, on: turn))
                if events.isEmpty { return (nil, turn.closeAccount()) }
                replies.events(events)
            } catch {
                // Where there is no room, it is delivered when there is.
                if turn.missingBytes > 0 { return (nil, turn.closeAccount()) }
                replies.error(error)
            }
            return (replies.bytes, turn.closeAccount())
        }
        immediate.whenComplete { result in
            if case .success(let answer) = result { wait.connection.outgoing.adopt(answer.taken) }
            switch result.map(\.bytes) {
            case .success(let bytes?): wait.finish(bytes)
            case .success(nil):
                // What it is answered with asks the gate, as a subscription's events do.
                wait.connection.keep(Command.filterFactor * wireBytes)
                // Whoever has sent all it will send waits for nothing new.
                if wait.connection.hasInputEnded { wait.finishWithNothing() } else { wait.begin(server.store) }
            case .failure: wait.cancel()
            }
        }
    }
}

/// A read that has found nothing yet.
///
/// `@unchecked Sendable` because its state is used on the event loop alone.
final class WaitForMatch: SubscriptionSink, Resumable, @unchecked Sendable {
    private let request: ReadRequest
    private let version: RESPVersion
    private let reply: EventLoopPromise<[UInt8]>
    private let handler: NIOLoopBound<ConnectionHandler>
    private let gate: DeliveryGate
    private var subscription: Subscription?
    private var timeout: Scheduled<Void>?
    private var isDone = false

    init(
        _ request: ReadRequest,
        _ version: RESPVersion,
        _ reply: EventLoopPromise<[UInt8]>,
        _ handler: NIOLoopBound<ConnectionHandler>,
        _ gate: DeliveryGate
    ) {
        self.request = request
        self.version = version
        self.reply = reply
        self.handler = handler
        self.gate = gate
    }

    var connection: ConnectionHandler { handler.value }
    var alternatives: [Criteria] { request.filter.alternatives }

    private var eventLoop: any EventLoop { reply.futureResult.eventLoop }

    func begin(_ store: EventStore) {
        guard !isDone else { return }
        do throws(StoreError) {
            subscription = try store.subscribe(request.filter, of: connection.user, sink: self)
        } catch {
            return finish(error)
        }
        if let milliseconds = request.blockMilliseconds, milliseconds > 0 {
            timeout = eventLoop.scheduleTask(in: .milliseconds(Int64(milliseconds))) { self.finishWithNothing() }
        }
    }

    func finishWithNothing() {
        var nothing = ReplyEncoder(version: version)
        nothing.nullArray()
        finish(nothing.bytes)
    }

    func deliver(_ events: [StoredEvent], from subscription: Subscription) -> Bool {
        var replies = ReplyEncoder(version: version)
        let wanted = request.reversed ? events.reversed().prefix(request.count) : events.prefix(request.count)
        replies.events(Array(wanted))
        let bytes = replies.bytes
        guard let taken = gate.admit(bytes.count) else {
            eventLoop.execute {
                if !self.isDone { self.connection.hold(self, refused: bytes.count) }
            }
            return false
        }
        eventLoop.execute {
            self.connection.outgoing.adopt(taken)
            self.gate.arrive()
            self.finish(bytes)
        }
        return true
    }

    func resume() { subscription?.resume() }

    func end(_ subscription: Subscription, _ error: StoreError) {
        eventLoop.execute { self.finish(error) }
    }

    func finish(_ bytes: [UInt8]) {
        guard !isDone else { return }
        isDone = true
        timeout?.cancel()
        leave()
        reply.succeed(bytes)
    }

    /// The connection has gone, or is to go.
    func cancel() {
        guard !isDone else { return }
        isDone = true
        timeout?.cancel()
        leave()
        reply.fail(ChannelError.eof)
    }

    private func leave() {
        // The subscription has this as its sink.
        subscription?.cancel()
        subscription = nil
        connection.loop.traffic.add(blocked: -1)
        if connection.blockingRead === self { connection.blockingRead = nil }
        connection.forget(self)
    }

    func finish(_ error: StoreError) {
        var replies = ReplyEncoder(version: version)
        replies.error(error)
        finish(replies.bytes)
    }
}
