// Owns: one subscriber's place in the log. There is no buffer: what has not been asked for lies in the log, and whether
// a subscriber is catching up or live is only a matter of how far its place is from the tail.

package import EventModel
import EventRecords
import SegmentLog

/// Where the events of a subscription go. Called by the hub's thread, one call at a time.
package protocol SubscriptionSink: AnyObject, Sendable {
    /// Takes the next events, in order. The hub gives no more before the sink has called `Subscription.resume`. False
    /// refuses them: they, and what has come since, are given again once the sink has called it.
    func deliver(_ events: [StoredEvent], from subscription: Subscription) -> Bool
    /// Nothing more will come: the store is closing, or cannot read on.
    func end(_ subscription: Subscription, _ error: StoreError)
}

/// A subscription: catch-up from a position, then live, without a gap or a repeat. May be used from any thread.
package final class Subscription: Sendable {
    /// What one delivery may hold.
    private static let batchEvents = 512
    private static let batchBytes = 256 << 10
    private struct State {
        var query: LogQuery
        /// Only what is committed by then, which may be a moment to come.
        var asOf: Timestamp?
        /// Matches that were found and did not fit the last delivery.
        var surplus: ArraySlice<Record> = []
        var wantsMore = true
        /// Whether the hub has it in its queue.
        var isWaiting = false
        var isCancelled = false
    }

    private let state: Monitor<State>
    /// In whose turns it is served.
    let user: UInt32
    private let sink: any SubscriptionSink
    private let hub: SubscriptionHub

    init(
        _ query: LogQuery,
        recordedBy asOf: Timestamp?,
        of user: UInt32,
        sink: any SubscriptionSink,
        hub: SubscriptionHub
    ) {
        state = Monitor(State(query: query, asOf: asOf))
        self.user = user
        self.sink = sink
        self.hub = hub
    }

    /// Asks for the next events: what was delivered has been passed on.
    package func resume() {
        state.withLock { $0.wantsMore = true }
        hub.wake(self)
    }

    /// Ends the subscription; a delivery that is under way may still arrive.
    package func cancel() {
        state.withLock { $0.isCancelled = true }
        hub.remove(self)
    }

    /// Whether it is to be put in the hub's queue, where it is not yet.
    func beginWaiting() -> Bool {
        state.withLock { state in
            guard state.wantsMore, !state.isCancelled, !state.isWaiting else { return false }
            state.isWaiting = true
            return true
        }
    }

    /// Delivers what there is, at most one batch, and looks at no further block once the time is up. Returns whether there may be
    /// more to do at once.
    func advance(_ log: SegmentLog, until end: ContinuousClock.Instant) -> Bool {
        // Where to go back to if the sink refuses. Only this thread moves on.
        var (position, surplus) = (RecordID(0), ArraySlice<Record>())
        let found = state.withLock { state -> Result<[StoredEvent], StoreError>? in
            state.isWaiting = false
            guard state.wantsMore, !state.isCancelled else { return nil }
            (position, surplus) = (state.query.after, state.surplus)
            do throws(StoreError) {
                let events = try Self.collect(&state, log, until: end)
                if !events.isEmpty { state.wantsMore = false }
                return .success(events)
            } catch {
                state.isCancelled = true
                return .failure(error)
            }
        }
        switch found {
        case nil: return false
        case .success(let events):
            guard !events.isEmpty else { return isBehind(log) }
            if !sink.deliver(events, from: self) {
                state.withLock { state in
                    state.query.after = position
                    state.surplus = surplus
                }
            }
            return false
        case .failure(let error):
            sink.end(self, error)
            hub.remove(self)
            return false
        }
    }

    func end(_ error: StoreError) {
        let wasCancelled = state.withLock { state in
            defer { state.isCancelled = true }
            return state.isCancelled
        }
        if !wasCancelled { sink.end(self, error) }
    }

    private func isBehind(_ log: SegmentLog) -> Bool {
        state.withLock { $0.wantsMore && !$0.isCancelled && $0.query.after < log.view.tail }
    }

    private static func collect(
        _ state: inout State,
        _ log: SegmentLog,
        until end: ContinuousClock.Instant
    ) throws(StoreError) -> [StoredEvent] {
        var events: [StoredEvent] = []
        var bytes = 0
        let skipsDamage = state.query.skipsDamage
        func take(_ record: Record) throws(StoreError) {
            guard let event = try StoredEvent.reading(record, skippingDamage: skipsDamage) else { return }
            bytes += event.approximateBytes
            events.append(event)
        }
        func isFull() -> Bool { events.count >= batchEvents || bytes >= batchBytes }
        let view = log.view
        do throws(StoreError) {
            while !isFull(), let record = state.surplus.first {
                try take(record)
                state.surplus.removeFirst()
            }
            guard !isFull(), state.query.after < view.tail else { return events }
            var query = state.query
            if let asOf = state.asOf {
                query.through = min(query.through, try view.bound(.time(asOf), skippingDamage: skipsDamage))
            }
            var scan = LogScan(view, query)
            repeat {
                guard let records = try inLog({ () throws(LogError) in try scan.step() }) else {
                    state.query.after = max(state.query.after, view.tail)
                    return events
                }
                for record in records {
                    if isFull() { state.surplus.append(record) } else { try take(record) }
                    state.query.after = record.id
                }
                state.query.after = scan.position
            } while !isFull() && ContinuousClock.now < end
        } catch {
            // What lies before the damage is delivered first; the error comes with the next turn.
            if events.isEmpty { throw error }
        }
        return events
    }
}
