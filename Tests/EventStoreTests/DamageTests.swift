// Owns: the promises about damage on disk: it is named, what lies around it is served, and nobody is told that nothing
// is missing.

import EventModel
import Foundation
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct DamageTests {
    private static let count = "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"
    private let damaged = EventID(101)...EventID(200)

    /// Three sealed segments of a hundred events, the middle one damaged at rest, and no snapshot.
    private func store() throws -> TestStore {
        let test = try TestStore(reducers: ["count": Self.count])
        for part in 0..<3 {
            test.append((part * 100..<part * 100 + 100).map { .numbered($0) })
            try test.roll()
            #expect(eventually { test.store.info.log.sealedSegments == part + 1 })
        }
        test.close()
        try? FileManager.default.removeItem(atPath: test.options.directory + "/snapshots")
        let path = test.options.directory + "/log/00000000000000000101.segment"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[200] ^= 0x10
        try bytes.write(to: URL(fileURLWithPath: path))
        try test.restart()
        return test
    }

    @Test("A read gives what lies before the damage; whoever reads on is told exactly which ids are lost")
    func reading() throws {
        let test = try store()
        #expect(try test.all().map(\.id.rawValue) == Array(1...100))
        for filter in [Filter(after: EventID(100)), Filter(after: EventID(150))] {
            let error = try #require(throws: StoreError.self) { try test.store.read(filter, count: 10) }
            #expect(error.code == .corrupt && error.ids == [damaged.lowerBound, damaged.upperBound])
        }
        #expect(try test.store.read(Filter(after: damaged.upperBound), count: 1000).count == 100)
        #expect(try test.store.read(.all, count: 1000, reversed: true).map(\.id.rawValue) == (201...300).reversed())
        #expect(throws: StoreError.self) { try test.store.event(EventID(150)) }
        #expect(try test.store.event(EventID(201)) != nil)
    }

    @Test("No state is computed over a hole in the log without saying so")
    func answers() throws {
        let test = try store()
        for state in [
            { try test.store.fold(.named("count"), .all) },
            { try test.store.state(of: "thing-1", reducer: "count") },
        ] {
            let error = try #require(throws: StoreError.self) { try state() }
            #expect(error.damage == damaged)
        }
        for state in [
            try test.store.fold(.named("count"), Filter(skipsDamage: true)),
            try test.store.state(of: "thing-1", reducer: "count", skippingDamage: true),
        ] {
            #expect(state.json == #"{"count":200}"# && state.lacking == [damaged])
        }
        let part = Filter(after: EventID(50), before: EventID(121), skipsDamage: true)
        #expect(try test.store.fold(.named("count"), part).lacking == [EventID(101)...EventID(120)])
        #expect(try test.store.fold(.named("count"), Filter(after: EventID(200), skipsDamage: true)).lacking == [])
        // The index of the damaged segment is whole, and proves that it holds nothing of these.
        let other = Filter(alternatives: [Criteria(aggregates: ["thing-2"])], skipsDamage: true)
        #expect(try test.store.fold(.named("count"), other).lacking == [])
    }

    @Test("Who skips damage reads and counts everything that can be, in both directions")
    func skipping() throws {
        let test = try store()
        let skipping = Filter(skipsDamage: true)
        let readable = Array(1...100) + Array(201...300) as [UInt64]
        #expect(try test.store.read(skipping, count: 1000).map(\.id.rawValue) == readable)
        #expect(try test.store.read(skipping, count: 1000, reversed: true).map(\.id.rawValue) == readable.reversed())
        #expect(try test.store.read(Filter(after: EventID(150), skipsDamage: true), count: 5).first?.id == EventID(201))
        // The log knows how many there are, though a hundred of them cannot be read.
        #expect(try test.store.count(.all) == 300 && test.store.count(skipping) == 300)
    }

    @Test("A projection answers for a moment of the past as it does for now, and says what it lacks")
    func pastProjection() throws {
        let test = try store()
        let past = try test.store.projection("count", asOf: .id(EventID(150)))
        #expect(past.json == #"{"count":100}"# && past.lacking == [EventID(101)...EventID(150)])
        #expect(try test.store.projection("count", asOf: .id(EventID(250))).lacking == [damaged])
        #expect(try test.store.projection("count", asOf: .id(EventID(100))).lacking == [])
        #expect(try test.store.projection("count").lacking == [damaged])
    }

    @Test("A live projection folds the rest, names what it lacks, and takes no snapshot that would hide it")
    func projection() throws {
        let test = try store()
        #expect(try test.projection("count") == #"{"count":200}"#)
        #expect(test.store.projectionStatuses().map(\.lacking) == [[damaged]])
        #expect(try test.store.snapshot().isEmpty)
    }

    @Test("A subscriber gets what lies before the damage, and then the reason why it ends")
    func subscription() throws {
        let test = try store()
        let sink = RecordingSink()
        _ = try test.store.subscribe(.all, sink: sink)
        let end = sink.waitForEnd()
        #expect(end?.code == .corrupt && end?.ids == [damaged.lowerBound, damaged.upperBound])
        #expect(sink.events.map(\.id.rawValue) == Array(1...100))
        #expect(eventually { test.store.subscriptionCount == 0 })
        // The error says where to go on.
        let next = RecordingSink()
        _ = try test.store.subscribe(Filter(after: damaged.upperBound), sink: next)
        #expect(eventually { next.events.map(\.id.rawValue) == Array(201...300) })
    }

    @Test("A subscriber that skips damage goes on behind it, to the tail and live")
    func skippingSubscription() throws {
        let test = try store()
        let sink = RecordingSink()
        let subscription = try test.store.subscribe(Filter(skipsDamage: true), sink: sink)
        #expect(eventually { sink.events.count == 200 })
        test.append(.numbered(300))
        #expect(eventually { sink.events.count == 201 })
        #expect(sink.events.map(\.id.rawValue) == Array(1...100) + Array(201...301))
        subscription.cancel()
    }

    @Test("Who looks for what no event has, though every block has its keys, is at the tail all the same")
    func nothingToFind() throws {
        let test = try TestStore()
        let data = Array(("{\"p\":\"" + String(repeating: "x", count: 4000) + "\"}").utf8)
        func event(_ aggregate: String, _ type: String) -> NewEvent {
            NewEvent(category: "c", aggregateID: aggregate, eventType: type, data: data)
        }
        // More blocks than one turn looks at.
        for _ in 0..<20 { test.append((0..<50).map { event("a-\($0 % 2)", "t-\($0 % 2)") }) }
        let sink = RecordingSink()
        let filter = Filter(alternatives: [Criteria(aggregates: ["a-0"], types: ["t-1"])])
        _ = try test.store.subscribe(filter, sink: sink)
        test.append(event("a-0", "t-1"))
        #expect(eventually { sink.events.map(\.id) == [EventID(1001)] })
        #expect(try test.store.read(filter, count: 10).map(\.id) == [EventID(1001)])
    }

    @Test("A damaged store goes on appending, and shows that it is degraded")
    func appending() throws {
        let test = try store()
        #expect(test.append(.numbered(300)) == .appended([301]))
        _ = try? test.store.read(Filter(after: EventID(100)), count: 1)
        let report = try test.store.verify()
        #expect(report.damage == [RecordID(101)...RecordID(200)])
        #expect(try test.store.read(Filter(after: EventID(300)), count: 10).map(\.id) == [EventID(301)])
    }
}
