// Owns: the promise that what a version has written is read for ever.

import EventModel
import Foundation
import SegmentLog
import Testing

@testable import EventStore

@Suite struct GoldenTests {
    static let versions = ["v2"]

    @Test("A golden store has not been touched since it was written", arguments: versions)
    func untouched(version: String) throws {
        let golden = GoldenStore(version)
        let listed = try String(contentsOf: golden.folder.appending(path: "CHECKSUMS"), encoding: .utf8)
        #expect(try golden.checksums() == listed)
    }

    @Test(
        "What a version has written is read for ever, by id, by filter, backwards and in time, and appends go on",
        arguments: versions,
        [32 << 10, 1 << 20]
    )
    func reading(version: String, segmentBytes: Int) throws {
        let golden = GoldenStore(version)
        let copy = try golden.copy()
        var expected = try golden.events
        let first = try copy.open(golden, segmentBytes: segmentBytes)
        try compare(first, expected)
        #expect(try golden.copy().controls() == golden.controls)
        for (name, state) in try golden.states {
            #expect(try String(decoding: first.projection(name).stateJSON, as: UTF8.self) == state)
        }
        let appended = first.append(20)
        #expect(appended == EventID(UInt64(expected.count) + 1))
        expected += try first.golden(Filter(after: EventID(UInt64(expected.count))))
        #expect(expected.count == Int(appended?.rawValue ?? 0) + 19)
        first.close()

        // The next process.
        let moved = try copy.copy()
        let second = try moved.open(golden, segmentBytes: segmentBytes)
        try compare(second, expected)
        _ = try second.compact()
        try compare(second, expected)
        second.close()
        #expect(try moved.controls() == golden.controls)
    }

    private func compare(_ store: EventStore, _ expected: [GoldenEvent]) throws {
        #expect(try store.verify().isClean)
        #expect(try store.golden() == expected)
        #expect(try store.golden(reversed: true) == expected.reversed())
        for event in expected {
            #expect(try store.event(EventID(event.id)).map { GoldenEvent($0.event) } == event)
        }
        func filtered(_ criteria: Criteria, _ isMatch: (GoldenEvent) -> Bool) throws {
            let matches = expected.filter(isMatch)
            #expect(try store.golden(Filter(alternatives: [criteria])) == matches)
            #expect(try store.count(Filter(alternatives: [criteria])) == matches.count)
        }
        for category in Set(expected.map(\.category)) {
            try filtered(Criteria(categories: [category])) { $0.category == category }
        }
        for type in Set(expected.map(\.type)) { try filtered(Criteria(types: [type])) { $0.type == type } }
        for tag in Set(expected.flatMap { $0.tags ?? [] }) {
            try filtered(Criteria(tags: [tag])) { $0.tags?.contains(tag) == true }
        }
        for aggregate in Set(expected.map(\.aggregate)).sorted().prefix(40) {
            try filtered(Criteria(aggregates: [aggregate])) { $0.aggregate == aggregate }
        }
        let middle = Timestamp(nanoseconds: expected[expected.count / 2].timestamp)
        #expect(try store.golden(Filter(since: middle)) == expected.filter { $0.timestamp >= middle.nanoseconds })
        #expect(try store.golden(Filter(until: middle)) == expected.filter { $0.timestamp <= middle.nanoseconds })
    }
}

extension EventStore {
    /// Events, as they are written down beside a golden store.
    func golden(_ filter: Filter = .all, reversed: Bool = false) throws -> [GoldenEvent] {
        try read(filter, count: .max, reversed: reversed, byteLimit: .max).map { GoldenEvent($0.event) }
    }

    /// Appends events and waits; returns the id of the first.
    func append(_ count: Int) -> EventID? {
        let sink = WaitingSink()
        let batch = AppendBatch(sink: sink)
        for number in 0..<count {
            let data = Array("{\"number\":\(number)}".utf8)
            NewEvent(category: "later", aggregateID: "later-\(number)", eventType: "added", data: data).withParts {
                batch.append($0, by: sink)
            }
        }
        guard submit(batch) else { return nil }
        sink.wait()
        var first: EventID?
        batch.forEachOutcome { settled in
            if case .appended(let id) = settled.outcome, first == nil { first = id }
        }
        return first
    }
}

private final class WaitingSink: AppendSink {
    private let done = Monitor(false)

    func complete(_ batches: [AppendBatch]) { done.update { $0 = true } }
    func wait() { _ = done.wait { $0 ? true : nil } }
}
