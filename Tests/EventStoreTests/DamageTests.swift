// Owns: the promises about damage on disk: it is named, what lies around it is served, and nobody is told that nothing
// is missing.

import EventModel
import Foundation
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(1))) struct DamageTests {
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
        let errors = [
            #expect(throws: StoreError.self) { try test.store.fold(.named("count"), .all) },
            #expect(throws: StoreError.self) { try test.store.projection("count", asOf: .id(EventID(250))) },
        ]
        #expect(errors.map { $0?.code } == [.corrupt, .corrupt])
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
