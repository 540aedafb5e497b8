// Owns: a subscriber that notes what it is given, at the pace that a test sets.

import EventModel

@testable import EventStore

final class RecordingSink: SubscriptionSink {
    private struct State {
        var events: [Event] = []
        var deliveries = 0
        var isPaused: Bool
        var waiting: Subscription?
        var end: StoreError?
    }

    private let state: Monitor<State>

    init(isPaused: Bool = false) {
        state = Monitor(State(isPaused: isPaused))
    }

    var events: [Event] { state.withLock { $0.events } }
    var deliveries: Int { state.withLock { $0.deliveries } }
    var end: StoreError? { state.withLock { $0.end } }

    func deliver(_ events: [StoredEvent], from subscription: Subscription) -> Bool {
        let isPaused = state.update { state in
            state.events += events.map(\.event)
            state.deliveries += 1
            if state.isPaused { state.waiting = subscription }
            return state.isPaused
        }
        if !isPaused { subscription.resume() }
        return true
    }

    func end(_ subscription: Subscription, _ error: StoreError) {
        state.update { $0.end = error }
    }

    /// Takes everything from now on.
    func resume() {
        let waiting = state.update { state in
            state.isPaused = false
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
    }

    /// Waits until so many events have come; false after two minutes.
    func wait(for count: Int) -> Bool {
        state.wait(timeoutMilliseconds: 120_000) { $0.events.count >= count ? true : nil } ?? false
    }

    func waitForEnd() -> StoreError? {
        state.wait(timeoutMilliseconds: 120_000) { $0.end }
    }
}

extension EventStore {
    /// Of the one user there is.
    func subscribe(_ filter: Filter, sink: any SubscriptionSink) throws(StoreError) -> Subscription {
        try subscribe(filter, of: 0, sink: sink)
    }
}
