// Owns: one subscriber, and whether it wants more. There is no buffer: what has not been asked for lies in the log, and whether
// a subscriber is catching up or live is only a matter of how far its place is from the tail.

package import EventModel
import SegmentLog
import Synchronization

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
    private struct State {
        var wantsMore = true
        /// Whether the hub has it in its queue.
        var isWaiting = false
        var isCancelled = false
    }

    private let state = Monitor(State())
    /// Used by the hub's thread alone, and once that has ended: nobody ever waits for it.
    private let place: Mutex<SubscriptionPlace>
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
        place = Mutex(SubscriptionPlace(query, recordedBy: asOf))
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

    /// Delivers what there is, at most one batch, and works no longer once the time is up. Returns whether it is to be put in the
    /// queue again at once.
    func advance(_ log: SegmentLog, until end: ContinuousClock.Instant) -> Bool {
        let isWanted = state.withLock { state in
            state.isWaiting = false
            return state.wantsMore && !state.isCancelled
        }
        var waitsAgain = false
        if isWanted {
            // Where to go back to if the sink refuses.
            let position = place.withLock(\.position)
            do throws(StoreError) {
                let events = try place.withLock { place throws(StoreError) in try place.advance(log, until: end) }
                if events.isEmpty {
                    waitsAgain = place.withLock(\.position) < log.view.tail && beginWaiting()
                } else if beginDelivery(), !sink.deliver(events, from: self) {
                    place.withLock { $0.position = position }
                }
            } catch {
                self.end(error)
                hub.remove(self)
            }
        }
        if !waitsAgain { place.withLock { $0.rest() } }
        return waitsAgain
    }

    func end(_ error: StoreError) {
        let wasCancelled = state.withLock { state in
            defer { state.isCancelled = true }
            return state.isCancelled
        }
        place.withLock { $0.rest() }
        if !wasCancelled { sink.end(self, error) }
    }

    /// Whether what has been found is still wanted; nothing more is, until the sink asks for it.
    private func beginDelivery() -> Bool {
        state.withLock { state in
            guard !state.isCancelled else { return false }
            state.wantsMore = false
            return true
        }
    }
}
