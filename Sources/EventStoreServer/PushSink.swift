// Owns: one subscription of one connection: events become pushes, and a client that does not read them stops being
// served until it does. It holds one delivery at most; what comes later stays in the log.

import EventModel
import EventStore
import EventWire
import NIOCore

extension ConnectionHandler {
    func subscribe(_ request: SubscribeRequest) {
        guard replies.version == .resp3 else {
            return replies.error(
                StoreError(.invalid, "EV.SUBSCRIBE needs RESP3 (HELLO 3); with RESP2 use EV.READ … BLOCK")
            )
        }
        var filter = request.filter
        if let from = request.from {
            filter.after = max(filter.after ?? .zero, EventID(from.rawValue == 0 ? 0 : from.rawValue - 1))
        } else if filter.after == nil {
            filter.after = server.store.tail
        }
        let number = nextSubscription
        nextSubscription += 1
        let sink = PushSink(number: number, connection: NIOLoopBound(self, eventLoop: eventLoop))
        do throws(StoreError) {
            // Pushes come as tasks of this loop, so the number, which is written in this turn, is there before them.
            let subscription = try server.store.subscribe(filter, sink: sink)
            subscriptions[number] = sink
            sink.begin(subscription)
            replies.integer(number)
        } catch {
            replies.error(error)
        }
    }

    func unsubscribe(_ number: UInt64) {
        guard let sink = subscriptions.removeValue(forKey: number) else {
            return replies.error(StoreError(.notFound, "this connection has no subscription \(number)"))
        }
        sink.cancel()
        replies.simple("OK")
    }

    func endSubscriptions() {
        for sink in subscriptions.values { sink.cancel() }
        subscriptions = [:]
    }
}

/// Where the events of one subscription go.
///
/// `@unchecked Sendable` because its state is used on the connection's event loop alone; the hub's thread only encodes
/// and hands over.
final class PushSink: SubscriptionSink, @unchecked Sendable {
    private let number: UInt64
    private let connection: NIOLoopBound<ConnectionHandler>
    private var subscription: Subscription?
    /// Whether the hub waits to be told that the client has read on.
    private var isHeld = false

    init(number: UInt64, connection: NIOLoopBound<ConnectionHandler>) {
        self.number = number
        self.connection = connection
    }

    func begin(_ subscription: Subscription) {
        self.subscription = subscription
    }

    func deliver(_ events: [StoredEvent], from subscription: Subscription) {
        var pushes = ReplyEncoder(version: .resp3)
        for event in events { event.withParts { pushes.push($0, subscription: number) } }
        let bytes = pushes.bytes
        connection.eventLoop.execute {
            guard self.subscription != nil else { return }
            if self.connection.value.push(bytes) { subscription.resume() } else { self.isHeld = true }
        }
    }

    func end(_ subscription: Subscription, _ error: StoreError) {
        var pushes = ReplyEncoder(version: .resp3)
        pushes.push(3)
        pushes.bulk("ev.end")
        pushes.integer(number)
        pushes.bulk(error.description)
        let bytes = pushes.bytes
        connection.eventLoop.execute {
            guard self.subscription != nil else { return }
            self.subscription = nil
            self.connection.value.subscriptions[self.number] = nil
            _ = self.connection.value.push(bytes)
        }
    }

    /// The client reads again.
    func resume() {
        guard isHeld else { return }
        isHeld = false
        subscription?.resume()
    }

    func cancel() {
        subscription?.cancel()
        subscription = nil
    }
}
