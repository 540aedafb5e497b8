// Owns: the thread that brings events to subscribers. It visits those that want more whenever there is more.

import EventModel
import SegmentLog
import Synchronization

/// All subscriptions of a store. May be used from any thread.
final class SubscriptionHub: Sendable {
    private let log: SegmentLog
    private let subscriptions = Mutex<[ObjectIdentifier: Subscription]>([:])
    private let signal = Monitor(Signal())
    private let thread = OwnedThread()

    private struct Signal {
        var hasNews = false
        var isClosed = false
    }

    init(_ log: SegmentLog) {
        self.log = log
    }

    var count: Int { subscriptions.withLock(\.count) }

    func add(_ query: LogQuery, recordedBy asOf: Timestamp?, sink: any SubscriptionSink) -> Subscription {
        let subscription = Subscription(query, recordedBy: asOf, sink: sink, hub: self)
        subscriptions.withLock { $0[ObjectIdentifier(subscription)] = subscription }
        wake()
        return subscription
    }

    func remove(_ subscription: Subscription) {
        subscriptions.withLock { $0[ObjectIdentifier(subscription)] = nil }
    }

    /// Tells the thread that there are new events, or a subscriber that wants more. Costs next to nothing where there are
    /// no subscribers: it is called after every commit.
    func wake() {
        guard count > 0 else { return }
        signal.update { $0.hasNews = true }
    }

    func start() {
        thread.start("ev-push") { self.run() }
    }

    func close() {
        signal.update { $0.isClosed = true }
        thread.join()
        let rest = subscriptions.withLock { list in
            defer { list = [:] }
            return list.values
        }
        for subscription in rest { subscription.end(StoreError(.failed, "the store is closing")) }
    }

    private func run() {
        while true {
            let isClosed = signal.wait { signal -> Bool? in
                guard signal.hasNews || signal.isClosed else { return nil }
                signal.hasNews = false
                return signal.isClosed
            }
            if isClosed == true { return }
            var again = false
            for subscription in subscriptions.withLock({ Array($0.values) }) where subscription.advance(log) {
                again = true
            }
            if again { wake() }
        }
    }
}
