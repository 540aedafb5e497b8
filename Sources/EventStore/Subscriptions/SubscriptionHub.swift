// Owns: the thread that brings events to subscribers. It visits those that want more whenever there is more, in turns of which
// each user has equally many.

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
        /// There are new events, for whoever wants them.
        var hasNews = false
        /// Subscriptions that want more now.
        var resumed: [Subscription] = []
        var isClosed = false
    }

    /// So long it works for one user before it asks whose turn it is.
    private static let slice = Duration.milliseconds(1)

    init(_ log: SegmentLog) {
        self.log = log
    }

    var count: Int { subscriptions.withLock(\.count) }

    func add(
        _ query: LogQuery,
        recordedBy asOf: Timestamp?,
        of user: UInt32,
        sink: any SubscriptionSink
    ) -> Subscription {
        let subscription = Subscription(query, recordedBy: asOf, of: user, sink: sink, hub: self)
        subscriptions.withLock { $0[ObjectIdentifier(subscription)] = subscription }
        wake(subscription)
        return subscription
    }

    func remove(_ subscription: Subscription) {
        subscriptions.withLock { $0[ObjectIdentifier(subscription)] = nil }
    }

    /// Tells the thread that there are new events. Costs next to nothing where there are no subscribers: it is called after every
    /// commit.
    func wake() {
        guard count > 0 else { return }
        signal.update { $0.hasNews = true }
    }

    /// Tells the thread that a subscriber wants more.
    func wake(_ subscription: Subscription) {
        signal.update { $0.resumed.append(subscription) }
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
        var queue = FairQueue<Subscription>()
        while true {
            let news = signal.wait { signal -> Signal? in
                guard signal.hasNews || signal.isClosed || !signal.resumed.isEmpty || !queue.isEmpty else { return nil }
                defer { signal = Signal(isClosed: signal.isClosed) }
                return signal
            }
            guard let news else { continue }
            if news.isClosed { return }
            let wanting = news.hasNews ? subscriptions.withLock { Array($0.values) } : news.resumed
            for subscription in wanting where subscription.beginWaiting() {
                queue.add(subscription, of: subscription.user)
            }
            if let user = queue.first { work(for: user, &queue) }
        }
    }

    private func work(for user: UInt32, _ queue: inout FairQueue<Subscription>) {
        let begun = ContinuousClock.now
        var now = begun
        while now - begun < Self.slice, let subscription = queue.next(of: user) {
            if subscription.advance(log, until: begun + Self.slice) { queue.add(subscription, of: user) }
            now = .now
        }
        queue.charge(now - begun, to: user)
    }
}
