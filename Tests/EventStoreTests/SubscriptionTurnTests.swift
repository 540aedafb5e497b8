// Owns: the promises of a subscription's turns: none is long, what one has found out the next need not ask, and between them
// nothing of the log is held.

import DiskSimulation
import EventModel
import Synchronization
import Testing

@testable import EventStore
@testable import SegmentLog

@Suite(.timeLimit(.minutes(20))) struct SubscriptionTurnTests {
    /// Notes what it takes, and refuses what it is told to.
    private final class ChoosingSink: SubscriptionSink {
        private let state: Mutex<(events: [Event], deliveries: Int)> = Mutex(([], 0))
        private let takes: @Sendable (Int) -> Bool

        /// Asked of each delivery by its number, from zero on.
        init(taking takes: @escaping @Sendable (Int) -> Bool) {
            self.takes = takes
        }

        var events: [Event] { state.withLock { $0.events } }
        var deliveries: Int { state.withLock { $0.deliveries } }

        func deliver(_ events: [StoredEvent], from subscription: Subscription) -> Bool {
            state.withLock { state in
                defer { state.deliveries += 1 }
                guard takes(state.deliveries) else { return false }
                state.events += events.map(\.event)
                return true
            }
        }

        func end(_ subscription: Subscription, _ error: StoreError) {}
    }

    /// A subscription whose turns are the test's.
    private func subscribe(
        _ query: LogQuery,
        recordedBy asOf: Timestamp? = nil,
        in test: TestStore,
        _ sink: ChoosingSink
    ) -> Subscription {
        SubscriptionHub(test.store.log).add(query, recordedBy: asOf, of: 0, sink: sink)
    }

    @Test(arguments: [true, false])
    func `A subscriber that does not go on keeps no block of the log alive`(isTaken: Bool) throws {
        let test = try TestStore {
            $0.log.blockBytes = 64 << 10
            $0.log.cacheBytes = 1 << 20
        }
        for _ in 0..<30 { test.append((0..<1000).map { .numbered($0) }) }
        try test.roll()
        _ = try test.store.compact()
        let segments = test.store.log.view.segments.filter { $0 is SealedSegment }
        let first = try #require(segments.first)
        #expect(try first.block(0).count > 512)
        let sink = ChoosingSink { _ in isTaken }
        let subscription = subscribe(LogQuery(), in: test, sink)
        _ = subscription.advance(test.store.log, until: .now + .seconds(1))
        #expect(sink.deliveries == 1)
        // The cache has it, until it has others.
        weak let block = try first.block(0)
        #expect(block != nil)
        for segment in segments {
            for index in 0..<(try segment.blockCount()) where segment !== first || index > 0 {
                _ = try segment.block(index)
            }
        }
        #expect(block == nil)
        withExtendedLifetime(subscription) {}
    }

    @Test func `A question of thousands of names takes many short turns, and asks the index of a segment once`() throws
    {
        let disk = CountingDisk()
        let test = try TestStore(disk: disk) { $0.log.cacheBytes = 0 }
        for start in stride(from: 0, to: 10_000, by: 1000) {
            test.append(
                (start..<start + 1000).map {
                    var event = NewEvent.numbered($0)
                    event.tags = [$0.isMultiple(of: 2) ? "even" : "odd"]
                    return event
                }
            )
        }
        try test.roll()
        _ = try test.store.compact()
        test.append(.numbered(1, aggregate: "last"))
        let segments = test.store.log.view.segments.filter { $0 is SealedSegment }
        let blocks = try segments.reduce(0) { $0 + (try $1.blockCount()) }
        #expect(segments.count < 4 && blocks > 20)
        let names = 6000
        let nobody = (0..<names / 2).map { Criteria(aggregates: ["nobody-\($0)"]) }
        let others = Criteria(aggregates: (0..<names / 2).map { "none-\($0)" } + ["last"])
        // Which every block may have, and no event has.
        let never = Criteria(tags: ["even", "odd"])
        let query = try LogQuery(Filter(alternatives: nobody + [others, never]), in: test.store.log.view)
        query.keys.compile()
        let sink = ChoosingSink { _ in true }
        let subscription = subscribe(query, in: test, sink)
        let before = disk.reads
        var (turns, longest) = (0, Duration.zero)
        while sink.deliveries == 0, turns < 100_000 {
            let begun = ProcessorTime.ofThread
            #expect(subscription.advance(test.store.log, until: .now) || sink.deliveries == 1)
            longest = max(longest, ProcessorTime.ofThread - begun)
            turns += 1
        }
        #expect(sink.events.map(\.aggregateID) == ["last"])
        // Without a cache, each name and each block is a read or a few.
        let reads = disk.reads - before
        #expect(reads < 2 * (segments.count * names + blocks), "\(reads) reads, \(turns) turns")
        // All of it takes seconds. A machine that is shared may add to the time of any turn.
        #expect(turns > 10 && longest < .milliseconds(50), "\(turns) turns, \(longest)")
    }

    @Test(arguments: 0..<10)
    func `However short its turns are, and whatever is refused, a subscriber gets exactly what matches`(seed: UInt64)
        throws
    {
        var random = SeededRandom(seed: seed)
        let test = try TestStore { $0.log.blockBytes = 64 << 10 }
        try test.appendAcrossSegments(random.events(3000))
        let events = try test.all()
        for _ in 0..<5 {
            var filter = random.filter(count: events.count, recorded: [Timestamp(seconds: 1000)])
            var asOf: Timestamp?
            if case .time(let time) = filter.asOf { asOf = time }
            let expected = events.filter(filter.matches)
            if asOf != nil { filter.asOf = nil }
            let query = try LogQuery(filter, in: test.store.log.view)
            let sink = ChoosingSink { !$0.isMultiple(of: 3) }
            let subscription = subscribe(query, recordedBy: asOf, in: test, sink)
            var (idle, deliveries) = (0, 0)
            while idle < 2 {
                let goesOn = subscription.advance(test.store.log, until: .now)
                idle = goesOn || sink.deliveries > deliveries ? 0 : idle + 1
                deliveries = sink.deliveries
                subscription.resume()
            }
            #expect(sink.events == expected, "\(filter), \(String(describing: asOf))")
        }
    }
}
