// Owns: the promise about a record that is whole, and no event: somebody else's program wrote it. It is named like any
// other damage, and what lies around it is served.

import Disk
import EventModel
import Foundation
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct HostileRecordTests {
    private static let count = "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"
    private let hostile = EventID(4)...EventID(4)

    /// Bodies that are not an event's: what a record's checksum does not tell.
    static let bodies: [[UInt8]] = [
        // More keys than there are bytes; a key that runs past the end.
        [3], [1, 200, 0x63],
        // No payload; flags that nobody knows; a version that is cut off; metadata longer than the payload.
        [0], [0, 0xFF, 0x7B, 0x7D], [0, 1, 2, 0], [0, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0x7B, 0x7D],
    ]

    /// Three events, a record with the body, and three more events.
    private func store(_ body: [UInt8], segmentIsSealed: Bool) throws -> TestStore {
        let test = try TestStore(reducers: ["count": Self.count])
        test.append((1...3).map { .numbered($0) })
        test.close()
        do {
            let opened = try SegmentLog.open(
                PosixDisk(),
                directory: LogDirectory(test.options.directory),
                options: test.options.log,
                now: RecordTime(1)
            )
            let buffer = RecordBuffer()
            buffer.append(time: RecordTime(1), keyCount: Int(body[0]), bodyBytes: body.count) { writer in
                body[1...].withUnsafeBytes { writer.payload($0) }
            }
            var frame = CommitFrame(firstID: opened.writer.nextID, recordedAt: opened.log.lastRecordedAt)
            frame.add(buffer, 0..<buffer.byteCount, records: 1)
            try opened.writer.commit(frame)
        }
        try test.restart()
        test.append((5...7).map { .numbered($0) })
        if segmentIsSealed {
            try test.roll()
            _ = try test.store.compact()
            #expect(test.store.info.log.sealedSegments == 1)
        }
        return test
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
