// Owns: the promise about a record that is whole, and no event: somebody else's program wrote it. It is named like any
// other damage, and what lies around it is served.

import EventModel
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct HostileRecordTests {
    private static let count = "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"
    private let hostile = EventID(4)...EventID(4)

    /// Bodies that are not an event's: what a record's checksum does not tell.
    static let bodies: [[UInt8]] = [
        // More keys than there are bytes; a key that runs past the end.
        [3], [1, 200, 0x63],
        // No payload; a kind of key that is no letter; a version that is cut off; metadata longer than the payload.
        [0], [1, 1, 0x31, 0x78, 0, 0x7B, 0x7D], [0, 1, 2, 0], [0, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0x7B, 0x7D],
    ]

    private func store(_ body: [UInt8], segmentIsSealed: Bool) throws -> TestStore {
        try TestStore(reducers: ["count": Self.count], around: body, segmentIsSealed: segmentIsSealed)
    }

    @Test(
        "A whole record that is no event is named, and what lies around it is served",
        arguments: bodies,
        [false, true]
    )
    func reading(body: [UInt8], segmentIsSealed: Bool) throws {
        let test = try store(body, segmentIsSealed: segmentIsSealed)
        #expect(try test.all().map(\.id.rawValue) == [1, 2, 3])
        let errors = [
            #expect(throws: StoreError.self) { try test.store.event(EventID(4)) },
            #expect(throws: StoreError.self) { try test.store.read(Filter(after: EventID(3)), count: 10) },
            #expect(throws: StoreError.self) { try test.store.fold(.named("count"), .all) },
        ]
        #expect(errors.map { $0?.code } == [.corrupt, .corrupt, .corrupt])
        #expect(errors.allSatisfy { $0?.ids == [hostile.lowerBound, hostile.upperBound] })
        #expect(try test.store.read(Filter(after: EventID(4)), count: 10).map(\.id.rawValue) == [5, 6, 7])
    }

    @Test("A projection folds what is an event, and names what it lacks")
    func projection() throws {
        let test = try store(Self.bodies[0], segmentIsSealed: false)
        #expect(try test.projection("count") == #"{"count":6}"#)
        #expect(test.store.projectionStatuses().map(\.lacking) == [[hostile]])
    }

    @Test("A subscriber gets what lies before it, and then the reason why it ends")
    func subscription() throws {
        let test = try store(Self.bodies[3], segmentIsSealed: false)
        let sink = RecordingSink()
        _ = try test.store.subscribe(.all, sink: sink)
        let end = sink.waitForEnd()
        #expect(end?.code == .corrupt && end?.ids == [hostile.lowerBound, hostile.upperBound])
        #expect(sink.events.map(\.id.rawValue) == [1, 2, 3])
    }
}
