// Owns: the promises of subscriptions: catch-up, then live, without a gap or a repeat, whatever the log does meanwhile.

import DiskSimulation
import EventModel
import Foundation
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct SubscriptionTests {
    @Test("Catch-up turns into live without a gap or a repeat, while a writer appends")
    func catchUpThenLive() throws {
        let test = try TestStore()
        test.append((0..<500).map { .numbered($0) })
        let store = test.store
        Thread.detachNewThread {
            for n in 0..<300 { store.batch { batch in NewEvent.numbered(n).withParts { batch.append($0) } } }
        }
        let sinks = (0..<4).map { _ in RecordingSink() }
        for (number, sink) in sinks.enumerated() {
            _ = try store.subscribe(.all, sink: sink)
            #expect(sinks[0].wait(for: 500 + 50 * number))
        }
        for sink in sinks {
            #expect(sink.wait(for: 800))
            #expect(sink.events.map(\.id.rawValue) == Array(1...800))
        }
    }

    @Test("Twenty subscribers with different filters, begun at different moments, get exactly what matches, in order")
    func manyFilters() throws {
        let test = try TestStore()
        var random = SeededRandom(seed: 4)
        var subscribers: [(filter: Filter, sink: RecordingSink)] = []
        for part in 0..<20 {
            test.append(random.events(60))
            if part.isMultiple(of: 4) { try test.roll() }
            if part == 10 { _ = try test.store.compact() }
            var filter = random.filter(count: Int(test.store.tail.rawValue), recorded: [Timestamp(seconds: 2000)])
            filter.asOf = nil
            let sink = RecordingSink()
            _ = try test.store.subscribe(filter, sink: sink)
            subscribers.append((filter, sink))
        }
        let events = try test.all()
        for (number, subscriber) in subscribers.enumerated() {
            let expected = events.filter(subscriber.filter.matches)
            #expect(subscriber.sink.wait(for: expected.count), "subscriber \(number): \(subscriber.filter)")
            #expect(subscriber.sink.events == expected, "subscriber \(number): \(subscriber.filter)")
        }
        #expect(test.store.subscriptionCount == 20)
    }

    @Test("However many subscriptions of one user catch up, another's has an equal share of the time")
    func shares() throws {
        let test = try TestStore()
        for start in stride(from: 0, to: 20_000, by: 1000) {
            test.append((start..<start + 1000).map { .numbered($0) })
        }
        let (greedy, other) = ((0..<50).map { _ in RecordingSink() }, RecordingSink())
        for sink in greedy { _ = try test.store.subscribe(.all, of: 1, sink: sink) }
        _ = try test.store.subscribe(.all, of: 2, sink: other)
        #expect(other.wait(for: 20_000))
        let theirs = greedy.reduce(0) { $0 + $1.events.count }
        #expect(theirs < 10 * 20_000, "\(theirs)")
        for sink in greedy { #expect(sink.wait(for: 20_000)) }
    }

    @Test("Seals and compactions change nothing that a subscriber sees")
    func sealsAndCompactions() throws {
        let test = try TestStore()
        let sink = RecordingSink()
        _ = try test.store.subscribe(.all, sink: sink)
        for round in 0..<12 {
            test.append((0..<40).map { .numbered($0) })
            try test.roll()
            if round % 3 == 2 { _ = try test.store.compact() }
        }
        #expect(sink.wait(for: 480))
        #expect(sink.events.map(\.id.rawValue) == Array(1...480))
        #expect(test.store.info.log.sealedSegments == 1)
    }

    @Test("A subscriber that does not go on holds one delivery, and the writer goes on; then it gets everything")
    func slowSubscriber() throws {
        let test = try TestStore()
        let (slow, quick) = (RecordingSink(isPaused: true), RecordingSink())
        _ = try test.store.subscribe(.all, sink: slow)
        _ = try test.store.subscribe(.all, sink: quick)
        for _ in 0..<20 { test.append((0..<200).map { .numbered($0) }) }
        #expect(quick.wait(for: 4000))
        #expect(slow.deliveries == 1)
        #expect(slow.events.count <= 512)
        try test.roll()
        _ = try test.store.compact()
        slow.resume()
        #expect(slow.wait(for: 4000))
        #expect(slow.events == quick.events)
    }

    @Test("A delivery is bounded in bytes as well")
    func largeEvents() throws {
        let test = try TestStore()
        let padding = String(repeating: "x", count: 100_000)
        test.append(
            (0..<20).map { _ in
                NewEvent(category: "c", aggregateID: "a", eventType: "t", data: Array("{\"p\":\"\(padding)\"}".utf8))
            }
        )
        let sink = RecordingSink(isPaused: true)
        _ = try test.store.subscribe(.all, sink: sink)
        #expect(sink.wait(for: 1))
        #expect(sink.events.count <= 4)
        sink.resume()
        #expect(sink.wait(for: 20))
        #expect(sink.events.map(\.id.rawValue) == Array(1...20))
    }

    @Test("A cancelled subscription gets nothing more")
    func cancel() throws {
        let test = try TestStore()
        let (gone, rest) = (RecordingSink(), RecordingSink())
        let subscription = try test.store.subscribe(.all, sink: gone)
        _ = try test.store.subscribe(.all, sink: rest)
        test.append(.numbered(1))
        #expect(gone.wait(for: 1) && rest.wait(for: 1))
        subscription.cancel()
        test.append(.numbered(2))
        #expect(rest.wait(for: 2))
        #expect(gone.events.count == 1)
        #expect(test.store.subscriptionCount == 1)
        #expect(gone.end == nil)
    }

    @Test("Closing the store ends every subscription, with a reason")
    func close() throws {
        let test = try TestStore()
        let sink = RecordingSink()
        _ = try test.store.subscribe(.all, sink: sink)
        test.append(.numbered(1))
        #expect(sink.wait(for: 1))
        test.close()
        #expect(sink.waitForEnd()?.code == .failed)
    }
}
