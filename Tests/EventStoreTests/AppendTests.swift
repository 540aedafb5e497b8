// Owns: the promises of appending: outcomes in order, ids without a gap, a commit time that never runs backwards.

import EventModel
import Foundation
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct AppendTests {
    @Test("A batch gets its outcomes in the order of its appends")
    func order() throws {
        let test = try TestStore()
        let answers = test.batch { batch in
            NewEvent.numbered(1).withParts { batch.append($0) }
            NewEvent.numbered(2).withParts { batch.append($0) }
            batch.refuse(StoreError(.invalid, "not JSON"))
            batch.append(Transaction([.numbered(3), .numbered(4)]))
            NewEvent.numbered(5).withParts { batch.append($0, unless: .unless(aggregate: "thing-1", after: 0)) }
            NewEvent.numbered(6).withParts { batch.append($0) }
        }
        #expect(
            answers == [
                .appended([1]), .appended([2]), .refused(.invalid, []), .appended([3, 4]), .refused(.conflict, [4]),
                .appended([5]),
            ]
        )
    }

    @Test("Ids are 1 to n without a gap over batches, rolls and restarts")
    func gapless() throws {
        let test = try TestStore()
        var expected: UInt64 = 1
        for round in 0..<4 {
            for _ in 0..<5 {
                let answers = test.append((0..<50).map { .numbered($0) })
                #expect(answers == (expected..<expected + 50).map { .appended([$0]) })
                expected += 50
            }
            if round.isMultiple(of: 2) { try test.roll() }
            try test.restart()
        }
        #expect(try test.all().map(\.id.rawValue) == Array(1..<expected))
        #expect(test.store.tail == EventID(expected - 1))
    }

    @Test("A batch larger than a segment is appended whole, frame by frame")
    func largerThanASegment() throws {
        let test = try TestStore()
        let padding = String(repeating: "x", count: 1000)
        let events = (0..<3000).map { n in
            NewEvent(
                category: "c",
                aggregateID: "a",
                eventType: "t",
                data: Array("{\"n\":\(n),\"p\":\"\(padding)\"}".utf8)
            )
        }
        let answers = test.append(events)
        #expect(answers == (1...3000).map { .appended([$0]) })
        #expect(try test.all().map(\.data) == events.map(\.data))
        #expect(test.store.info.log.rawSegments + test.store.info.log.sealedSegments > 3)
    }

    @Test("An event larger than a segment is refused, and the next one appended")
    func tooBig() throws {
        let test = try TestStore()
        let huge = NewEvent(
            category: "c",
            aggregateID: "a",
            eventType: "t",
            data: Array("{\"p\":\"\(String(repeating: "x", count: 1 << 20))\"}".utf8)
        )
        #expect(test.append([huge, .numbered(1)]) == [.refused(.tooBig, []), .appended([1])])
    }

    @Test("recorded_at never runs backwards, also when the clock does, and over a restart")
    func commitTime() throws {
        let test = try TestStore()
        for step in [5, -60, 1, -1, 300, -1000, 2] as [Int64] {
            test.clock.advance(seconds: step)
            test.append(.numbered(0))
        }
        test.clock.advance(seconds: -100_000)
        try test.restart()
        test.append(.numbered(0))
        let times = try test.all().map(\.recordedAt)
        #expect(times == times.sorted())
        #expect(times.count == 8)
        #expect(times.first == Timestamp(seconds: 1005))
    }

    @Test("An event without a timestamp happened when it was committed; with one, when its caller says")
    func timestamps() throws {
        let test = try TestStore()
        test.append([.numbered(1), .numbered(2, at: -5)])
        let events = try test.all()
        #expect(events[0].timestamp == events[0].recordedAt)
        #expect(events[1].timestamp == Timestamp(seconds: -5))
    }

    @Test("What was appended is returned byte for byte, also after sealing and a restart")
    func faithful() throws {
        let test = try TestStore()
        let event = NewEvent(
            category: "kä se",
            aggregateID: "日本 1",
            eventType: "t",
            data: Array("{ \"n\" : 1e400, \"n\":2 }".utf8),
            timestamp: Timestamp(nanoseconds: -1),
            version: .max,
            identifier: EventUUID.random().description,
            tags: ["b", "a"],
            metadata: Array("{}".utf8)
        )
        test.append(event)
        func check() throws {
            let stored = try #require(try test.store.event(EventID(1))).event
            #expect(
                stored
                    == Event(
                        id: EventID(1),
                        category: event.category,
                        aggregateID: event.aggregateID,
                        eventType: event.eventType,
                        data: event.data,
                        timestamp: event.timestamp!,
                        recordedAt: stored.recordedAt,
                        version: event.version,
                        identifier: event.identifier,
                        tags: event.tags,
                        metadata: event.metadata
                    )
            )
        }
        try check()
        try test.roll()
        _ = try test.store.compact()
        try check()
        try test.restart()
        try check()
    }

    @Test("Many threads append at once: every event once, every id once")
    func concurrent() throws {
        let test = try TestStore()
        let store = test.store
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for n in 0..<50 {
                store.batch { batch in
                    NewEvent.numbered(n, aggregate: "thread-\(thread)").withParts { batch.append($0) }
                }
            }
        }
        let events = try test.all()
        #expect(events.map(\.id.rawValue) == Array(1...400))
        for thread in 0..<8 {
            let own = events.filter { $0.aggregateID == "thread-\(thread)" }.map {
                String(decoding: $0.data, as: UTF8.self)
            }
            #expect(own == (0..<50).map { "{\"n\":\($0)}" })
        }
    }

    @Test("After close nothing is taken, and what was submitted before is durable")
    func close() throws {
        let test = try TestStore()
        let store = test.store
        store.batch { batch in NewEvent.numbered(1).withParts { batch.append($0) } }
        store.close()
        #expect(store.batch { batch in NewEvent.numbered(2).withParts { batch.append($0) } } == [])
        #expect(try store.count(.all) == 1)
    }
}
