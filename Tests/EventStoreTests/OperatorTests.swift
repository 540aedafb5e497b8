// Owns: what an operator is told, and what the store says of itself: slow disks, clocks that run backwards, damage that
// the scrub has found.

import EventModel
import Foundation
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct OperatorTests {
    @Test("A clock that is set back is reported once; commit times stand still, and go on with the clock")
    func clockSetBack() throws {
        let test = try TestStore()
        test.append(.numbered(1))
        let last = try test.all()[0].recordedAt
        test.clock.advance(seconds: -100)
        for n in 2...4 { test.append(.numbered(n)) }
        #expect(try test.all().map(\.recordedAt) == [last, last, last, last])
        #expect(test.reports.filter { $0.contains("the clock runs 100 s behind") }.count == 1)
        test.clock.advance(seconds: 200)
        test.append(.numbered(5))
        #expect(try test.all()[4].recordedAt > last)
        test.clock.advance(seconds: -300)
        test.append(.numbered(6))
        #expect(test.reports.filter { $0.contains("the clock runs") }.count == 2)
    }

    @Test("A commit that takes longer than it should is reported")
    func slowCommit() throws {
        let patient = try TestStore { $0.slowCommitMilliseconds = 3_600_000 }
        patient.append(.numbered(1))
        #expect(!patient.reports.contains { $0.contains("the disk is slow") })
        let impatient = try TestStore { $0.slowCommitMilliseconds = 0 }
        impatient.append(.numbered(1))
        #expect(impatient.reports.contains { $0.contains("the disk is slow") })
    }

    @Test(
        "The scrub finds damage that nobody has read, the store says which events it costs, and takes it back when it heals"
    )
    func scrub() throws {
        let test = try TestStore {
            $0.scrub.bytesPerSecond = 1 << 30
            $0.scrub.everySeconds = 0
        }
        test.append((0..<100).map { .numbered($0) })
        try test.roll()
        #expect(eventually { test.store.info.log.sealedSegments == 1 })
        let path = test.options.directory + "/log/00000000000000000001.segment"
        func flip() throws {
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            try file.seek(toOffset: 300)
            let byte = try #require(try file.read(upToCount: 1))[0]
            try file.seek(toOffset: 300)
            try file.write(contentsOf: [byte ^ 0x08])
            try file.close()
        }
        try flip()
        #expect(eventually { test.store.info.state == .degraded })
        #expect(test.store.info.damage == [EventID(1)...EventID(100)])
        #expect(test.reports.contains { $0.hasPrefix("events 1 to 100 cannot be read") })
        test.append(.numbered(101))
        #expect(try test.store.event(EventID(101)) != nil)
        #expect(throws: StoreError.self) { try test.store.event(EventID(50)) }
        try flip()
        #expect(eventually { test.store.info.state == .ok })
        #expect(try test.store.event(EventID(50)) != nil)
        #expect(test.store.info.scrub.passes > 0 && test.store.info.scrub.lastPass != nil)
    }

    @Test("A scrub that is switched off reads nothing")
    func noScrub() throws {
        let test = try TestStore { $0.scrub.bytesPerSecond = 0 }
        test.append(.numbered(1))
        #expect(test.store.info.scrub.passes == 0)
        test.close()
    }

    @Test("How far a recovery has come is told, from nothing to all")
    func recovering() throws {
        let test = try TestStore()
        for n in 0..<50 { test.append(.numbered(n)) }
        test.close()
        let fractions = Fractions()
        let store = try EventStore.open(
            test.options,
            events: EventStore.Events(recovering: { fractions.add($0) })
        )
        store.close()
        #expect(fractions.all.count > 1 && fractions.all == fractions.all.sorted())
        #expect(fractions.all.allSatisfy { (0...1).contains($0) } && fractions.all.last == 1)
    }

    private final class Fractions: Sendable {
        private let values = Monitor<[Double]>([])
        var all: [Double] { values.withLock { $0 } }
        func add(_ value: Double) { values.withLock { $0.append(value) } }
    }
}
