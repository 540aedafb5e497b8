// Owns: the promise about an event that a later version of evstore has written: it is not taken for damage, nor for less than
// it is; it is named, and what lies around it is served.

import CraftedRecords
import EventModel
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct LaterEventTests {
    private static let count = "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"
    private let later = EventID(4)...EventID(4)

    private func store(_ body: [UInt8], segmentIsSealed: Bool = false) throws -> TestStore {
        try TestStore(reducers: ["count": Self.count], around: body, segmentIsSealed: segmentIsSealed)
    }

    @Test(arguments: CraftedRecords.later, [false, true])
    func `An event of a later version is named, and what lies around it is served`(
        body: [UInt8],
        segmentIsSealed: Bool
    ) throws {
        let test = try store(body, segmentIsSealed: segmentIsSealed)
        #expect(try test.all().map(\.id.rawValue) == [1, 2, 3])
        let errors = [
            #expect(throws: StoreError.self) { try test.store.event(EventID(4)) },
            #expect(throws: StoreError.self) { try test.store.read(Filter(after: EventID(3)), count: 10) },
            #expect(throws: StoreError.self) { try test.store.fold(.named("count"), .all) },
            #expect(throws: StoreError.self) { try test.store.state(of: "thing-1", reducer: "count") },
        ]
        for error in errors {
            #expect(error?.code == .later && error?.unreadable == later && error?.damage == nil)
            #expect(error?.message == "event 4 was written by a later version of evstore")
        }
        #expect(try test.store.read(Filter(after: EventID(4)), count: 10).map(\.id.rawValue) == [5, 6, 7])
        let back = try test.store.read(.all, count: 10, reversed: true)
        #expect(back.map(\.id.rawValue) == [7, 6, 5])
        #expect(test.store.info.state == .ok && test.store.info.damage == [])
    }

    @Test func `Who skips damage gets the rest, and a fold says what it lacks`() throws {
        let test = try store(CraftedRecords.later[0])
        let skipping = Filter(skipsDamage: true)
        #expect(try test.store.read(skipping, count: 10).map(\.id.rawValue) == [1, 2, 3, 5, 6, 7])
        let state = try test.store.fold(.named("count"), skipping)
        #expect(state.json == #"{"count":6}"# && state.lacking == [later])
    }

    @Test func `A projection folds what it can read, and names what it lacks`() throws {
        let test = try store(CraftedRecords.later[1])
        #expect(try test.projection("count") == #"{"count":6}"#)
        #expect(test.store.projectionStatuses().map(\.lacking) == [[later]])
    }

    @Test func `A subscriber gets what lies before it, and then the reason why it ends`() throws {
        let test = try store(CraftedRecords.later[0])
        let sink = RecordingSink()
        _ = try test.store.subscribe(.all, sink: sink)
        let end = sink.waitForEnd()
        #expect(end?.code == .later && end?.unreadable == later)
        #expect(sink.events.map(\.id.rawValue) == [1, 2, 3])
        let rest = RecordingSink()
        _ = try test.store.subscribe(Filter(skipsDamage: true), sink: rest)
        #expect(rest.wait(for: 6) && rest.events.map(\.id.rawValue) == [1, 2, 3, 5, 6, 7])
    }

    @Test func `What may be ignored is ignored`() throws {
        let test = try store(CraftedRecords.ignorable)
        let event = try #require(try test.store.event(EventID(4))?.event)
        #expect(event.category == "thing" && event.aggregateID == "thing-1" && event.eventType == "happened")
        #expect(event.data == Array("{}".utf8) && event.metadata == nil && event.version == 1 && event.tags == [])
        #expect(try test.projection("count") == #"{"count":7}"#)
    }
}
