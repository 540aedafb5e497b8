// Owns: the thread that brings events to subscribers. It visits those that want more whenever there is more.

import EventModel
import SegmentLog
import Synchronization

/// All subscriptions of a store. May be used from any thread.
final class SubscriptionHub: Sendable {
    private let log: SegmentLog
    private let subscriptions = Mutex<[Subscription]>([])
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

    func add(_ query: LogQuery, sink: any SubscriptionSink) -> Subscription {
        let subscription = Subscription(query, sink: sink, hub: self)
        subscriptions.withLock { $0.append(subscription) }
        wake()
        return subscription
    }

    func remove(_ subscription: Subscription) {
        subscriptions.withLock { list in list.removeAll { $0 === subscription } }
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
            defer { list = [] }
            return list
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
            for subscription in subscriptions.withLock({ $0 }) where subscription.advance(log) { again = true }
            if again { wake() }
        }
    }
}
