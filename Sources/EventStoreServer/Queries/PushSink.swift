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
            filter.after = max(filter.after ?? .zero, from.predecessor ?? .zero)
        } else if filter.after == nil {
            filter.after = store.tail
        }
        if let objection = server.caps.beginSubscription(of: caller.user) {
            caller.note(.subscribe, refused: objection)
            return replies.error(objection)
        }
        let number = nextSubscription
        nextSubscription += 1
        let memory = Command.subscribe(request).memoryBytes(wireBytes: wireBytes, server)
        let sink = PushSink(
            number: number,
            filter.alternatives,
            connection: NIOLoopBound(self, eventLoop: eventLoop),
            memory,
            gate
        )
        do throws(StoreError) {
            // Pushes come as tasks of this loop, so the number, which is written in this turn, is there before them.
            let subscription = try store.subscribe(filter, of: user, sink: sink)
            subscriptions[number] = sink
            subscriptionBytes += memory
            sink.begin(subscription)
            replies.integer(number)
        } catch {
            server.caps.endSubscriptions(1, of: caller.user)
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
        guard !subscriptions.isEmpty else { return }
        for sink in subscriptions.values { sink.cancel() }
        server.caps.endSubscriptions(subscriptions.count, of: caller.user)
        subscriptions = [:]
        subscriptionBytes = 0
        deliveries.removeAll()
        gate.reserve(0)
    }

    fileprivate func remove(_ sink: PushSink) {
        sink.cancel()
        guard subscriptions.removeValue(forKey: sink.number) != nil else { return }
        server.caps.endSubscriptions(1, of: caller.user)
        subscriptionBytes -= sink.memoryBytes
        forget(sink)
    }

    /// Ends what goes on and is not allowed by the rules that count now.
    func takeRules() {
        guard caller.rulesVersion != server.rulesVersion else { return }
        caller = server.caller(caller.peer, isReadOnly: caller.isReadOnly, connection: number)
        // What it holds was allowed by the rules of before.
        if !caller.permissions.unlimited.isSuperset(of: [.append, .read]) { transaction?.breakOff() }
        for sink in subscriptions.values {
            guard let refusal = caller.refusal(of: .subscribe, .read, .matching(sink.alternatives)) else { continue }
            caller.note(refusal)
            sink.end(refusal.error)
        }
        if let wait = blockingRead, let refusal = caller.refusal(of: .read, .read, .matching(wait.alternatives)) {
            caller.note(refusal)
            wait.finish(refusal.error)
        }
    }
}

/// Where the events of one subscription go.
///
/// `@unchecked Sendable` because its state is used on the connection's event loop alone; the hub's thread only encodes,
/// asks the gate and hands over.
final class PushSink: SubscriptionSink, Resumable, @unchecked Sendable {
    let number: UInt64
    let alternatives: [Criteria]
    /// Of the subscription and its filter, about.
    let memoryBytes: Int
    private let connection: NIOLoopBound<ConnectionHandler>
    private let gate: DeliveryGate
    private var subscription: Subscription?

    init(
        number: UInt64,
        _ alternatives: [Criteria],
        connection: NIOLoopBound<ConnectionHandler>,
        _ memoryBytes: Int,
        _ gate: DeliveryGate
    ) {
        self.number = number
        self.alternatives = alternatives
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

    func end(_ subscription: Subscription, _ error: StoreError) { end(error) }

    /// Tells the client that there is no more, and why.
    func end(_ error: StoreError) {
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
