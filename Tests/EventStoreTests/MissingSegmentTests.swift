// Owns: the promises about a hole that no index covers: a segment that is gone. Nobody can tell what was in it, so nothing is
// decided as if it had been empty, and everything that does not depend on it goes on.

import EventModel
import Foundation
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct MissingSegmentTests {
    private static let count = "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"
    private let damaged = EventID(101)...EventID(200)

    /// Three sealed segments of a hundred events, committed a second apart, the middle one gone.
    private func store() throws -> TestStore {
        let test = try TestStore(reducers: ["count": Self.count])
        for part in 0..<3 {
            for n in part * 100..<part * 100 + 100 {
                test.append(.numbered(n, aggregate: "thing-\(part)"))
                test.clock.advance(seconds: 1)
            }
            try test.roll()
            #expect(eventually { test.store.info.log.sealedSegments == part + 1 })
        }
        test.close()
        try? FileManager.default.removeItem(atPath: test.options.directory + "/snapshots")
        try FileManager.default.removeItem(atPath: test.options.directory + "/log/00000000000000000101.segment")
        try test.restart()
        return test
    }

    /// The commit time of event n.
    private func time(_ n: Int64) -> Timestamp { Timestamp(nanoseconds: 1_000_000_000_000 + (n - 1) * 1_000_000_000) }

    @Test("Plain appends go on; a condition or an identifier that the hole might decide is refused with its ids")
    func appends() throws {
        let test = try store()
        #expect(test.append(.numbered(300)) == .appended([301]))
        let refused = Answer.refused(.corrupt, [101, 200])
        #expect(test.append(.numbered(1), unless: .unless(aggregate: "thing-9", after: 0)) == refused)
        #expect(test.append(.numbered(1), unless: .unless(aggregate: "thing-9", after: 150)) == refused)
        var identified = NewEvent.numbered(1)
        identified.identifier = EventUUID.random().description
        #expect(test.append(identified) == refused)
        // What the hole cannot decide goes on: a condition that begins behind it, and one that fails behind it.
        #expect(test.append(.numbered(1), unless: .unless(aggregate: "thing-9", after: 200)) == .appended([302]))
        #expect(
            test.append(.numbered(1), unless: .unless(aggregate: "thing-2", after: 0)) == .refused(.conflict, [300])
        )
        #expect(test.append(.numbered(301)) == .appended([303]))
        #expect(test.store.appendFailure == nil)
    }

    @Test("A filter that might match in the hole is told of it, whatever its keys")
    func reads() throws {
        let test = try store()
        let nobody = Filter(alternatives: [Criteria(aggregates: ["nobody"])])
        let error = try #require(throws: StoreError.self) { try test.store.read(nobody, count: 1) }
        #expect(error.damage == damaged)
        #expect(throws: StoreError.self) { try test.store.count(nobody) }
        var skipping = nobody
        skipping.skipsDamage = true
        #expect(try test.store.count(skipping) == 0 && test.store.fold(.named("count"), skipping).lacking == [damaged])
        #expect(try test.store.count(Filter(skipsDamage: true)) == 200)
        #expect(test.store.info.state == .degraded && test.store.info.damage == [damaged])
    }

    @Test("What the store knew by a moment includes the hole where its events may have been known by then")
    func moments() throws {
        let test = try store()
        func fold(_ time: Timestamp) throws -> FoldedState {
            try test.store.fold(.named("count"), Filter(asOf: .time(time), skipsDamage: true))
        }
        #expect(try fold(time(99)).lacking == [] && fold(time(99)).json == #"{"count":99}"#)
        #expect(try fold(time(150)).lacking == [damaged] && fold(time(150)).json == #"{"count":100}"#)
        #expect(try fold(time(250)).lacking == [damaged] && fold(time(250)).json == #"{"count":150}"#)
        let error = try #require(throws: StoreError.self) {
            try test.store.fold(.named("count"), Filter(asOf: .time(time(150))))
        }
        #expect(error.damage == damaged)
        #expect(try test.store.fold(.named("count"), Filter(asOf: .time(time(99)))).json == #"{"count":99}"#)
    }

    @Test("Once the damage is gone a rebuild makes a projection whole again")
    func rebuild() throws {
        let test = try store()
        let file = test.options.directory + "/log/00000000000000000001.segment"
        let intact = try Data(contentsOf: URL(fileURLWithPath: file))
        var bytes = intact
        bytes[200] ^= 1
        test.close()
        try bytes.write(to: URL(fileURLWithPath: file))
        try test.restart()
        #expect(try test.store.projection("count").lacking == [EventID(1)...EventID(200)])
        test.close()
        try intact.write(to: URL(fileURLWithPath: file))
        try test.restart()
        try test.store.rebuildProjection("count")
        #expect(try test.store.projection("count").lacking == [damaged])
        #expect(test.store.projectionStatuses().map(\.lacking) == [[damaged]])
    }
}
