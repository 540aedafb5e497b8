// Owns: one subscription of one connection: events become pushes, and a client that does not read them stops being
// served until it does. It holds one delivery at most; what comes later stays in the log.

import EventModel
import EventStore
import EventWire
import NIOCore

extension ConnectionHandler {
    func subscribe(_ request: SubscribeRequest, _ store: EventStore, wireBytes: Int) {
        guard replies.version == .resp3 else {
            return replies.error(
                StoreError(.invalid, "EV.SUBSCRIBE needs RESP3 (HELLO 3); with RESP2 use EV.READ … BLOCK")
            )
        }
        var filter = request.filter
        if let from = request.from {
            filter.after = max(filter.after ?? .zero, EventID(from.rawValue == 0 ? 0 : from.rawValue - 1))
        } else if filter.after == nil {
            filter.after = store.tail
        }
        let number = nextSubscription
        nextSubscription += 1
        let memory = Command.subscribe(request).memoryBytes(wireBytes: wireBytes, server)
        let sink = PushSink(number: number, connection: NIOLoopBound(self, eventLoop: eventLoop), memory, gate)
        do throws(StoreError) {
            // Pushes come as tasks of this loop, so the number, which is written in this turn, is there before them.
            let subscription = try store.subscribe(filter, sink: sink)
            subscriptions[number] = sink
            subscriptionBytes += memory
            sink.begin(subscription)
            replies.integer(number)
        } catch {
            replies.error(error)
        }
    }

    func unsubscribe(_ number: UInt64) {
        guard let sink = subscriptions[number] else {
            return replies.error(StoreError(.notFound, "this connection has no subscription \(number)"))
        }
        remove(sink)
        replies.simple("OK")
    }

    func endSubscriptions() {
        for sink in subscriptions.values { remove(sink) }
    }

    fileprivate func remove(_ sink: PushSink) {
        sink.cancel()
        guard subscriptions.removeValue(forKey: sink.number) != nil else { return }
        subscriptionBytes -= sink.memoryBytes
        forget(sink)
    }
}

/// Where the events of one subscription go.
///
/// `@unchecked Sendable` because its state is used on the connection's event loop alone; the hub's thread only encodes,
/// asks the gate and hands over.
final class PushSink: SubscriptionSink, Resumable, @unchecked Sendable {
    let number: UInt64
    /// Of the subscription and its filter, about.
    let memoryBytes: Int
    private let connection: NIOLoopBound<ConnectionHandler>
    private let gate: DeliveryGate
    private var subscription: Subscription?

    init(number: UInt64, connection: NIOLoopBound<ConnectionHandler>, _ memoryBytes: Int, _ gate: DeliveryGate) {
        self.number = number
        self.connection = connection
        self.memoryBytes = memoryBytes
        self.gate = gate
    }

    /// Whether the client still wants the events.
    var isLive: Bool { subscription != nil }

    func begin(_ subscription: Subscription) {
        self.subscription = subscription
    }

    func deliver(_ events: [StoredEvent], from subscription: Subscription) -> Bool {
        var pushes = ReplyEncoder(version: .resp3)
        for event in events { event.withParts { pushes.push($0, subscription: number) } }
        let bytes = pushes.bytes
        guard let taken = gate.admit(bytes.count) else {
            connection.eventLoop.execute {
                if self.isLive { self.connection.value.hold(self, refused: bytes.count) }
            }
            return false
        }
        connection.eventLoop.execute { self.connection.value.push(bytes, taken: taken, of: self) }
        return true
    }

    func end(_ subscription: Subscription, _ error: StoreError) {
        var pushes = ReplyEncoder(version: .resp3)
        pushes.push(3)
        pushes.bulk("ev.end")
        pushes.integer(number)
        pushes.bulk(error.description)
        let bytes = pushes.bytes
        connection.eventLoop.execute {
            guard self.isLive else { return }
            let connection = self.connection.value
            connection.remove(self)
            connection.replies.bytes += bytes
            connection.proceed()
        }
    }

    /// The client reads again.
    func resume() { subscription?.resume() }

    func cancel() {
        subscription?.cancel()
        subscription = nil
    }
}
