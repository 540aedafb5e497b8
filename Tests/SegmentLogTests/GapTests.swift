// Owns: ids that do not exist inside what a segment answers for, as a compaction that drops records would leave them:
// they are no damage, and no reader stumbles over them.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct GapTests {
    /// A store whose two sealed segments hold the ids of `kept` among 1...200 and 201...400.
    private static func disk(_ kept: Set<UInt64>) throws -> (disk: SimulatedDisk, result: [TestRecord]) {
        let (disk, all) = try diskWithLog { _, writer in
            try (0..<400).flatMap { index in
                try writer.commit(
                    [TestRecord(time: Int64(index % 50), keys: ["k\(index % 5)"], payload: noise(90, seed: index))],
                    at: Int64(index)
                )
            }
        }
        let (log, _, _) = try openLog(disk.copy())
        var scan = LogScan(log.view, LogQuery())
        var records: [Record] = []
        while let matches = try scan.next() { records += matches }
        for half in [ClosedRange(1, 200), ClosedRange(201, 400)] {
            let file = try disk.open(storeDirectory.sealed(half.lowerBound), .createNew)
            let identity = SegmentIdentity(store: log.store.store, segment: .random())
            let header = FileHeader(kind: .sealed, identity: identity, base: half.lowerBound)
            var writer = try SealedWriter(
                file,
                header: header,
                covering: half,
                level: 6,
                blockBytes: 64 << 10
            )
            var keys = Postings()
            for record in records where half.contains(record.id) && kept.contains(record.id.rawValue) {
                let place = try writer.add(record)
                record.withBody { keys.add($0, block: place) }
            }
            _ = try writer.finish(keys)
        }
        try disk.beginSegment(log.store.store, base: RecordID(401))
        return (disk, all.filter { kept.contains($0.id.rawValue) })
    }

    @Test(arguments: 0..<6) func `An index lives with gaps`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        // Nothing at all in the second segment, for one seed.
        let limit: UInt64 = seed == 0 ? 200 : 400
        let kept = Set((1...limit).filter { _ in Int.random(in: 0..<3, using: &random) > 0 })
        let (disk, records) = try Self.disk(kept)
        let (log, writer, report) = try openLog(disk)
        #expect(report.damage == [] && writer.nextID == RecordID(401))
        for step in 0...2 {
            #expect(try log.view.records() == records, "step \(step)")
            #expect(try log.verify().isClean)
            for id in 1...UInt64(401) {
                #expect(
                    try log.view.record(RecordID(id)).map { TestRecord($0) } == records.first { $0.id.rawValue == id }
                )
            }
            let key = KeyExpression(alternatives: [[[Array("k2".utf8)]]])
            let bounded = LogQuery(keys: key, after: RecordID(50), through: RecordID(350), reversed: true)
            let expected = records.filter { $0.keys == ["k2"] && (51...350).contains($0.id.rawValue) }
            #expect(try log.view.records(bounded) == expected.reversed())
            var scan = LogScan(log.view, LogQuery(keys: key))
            #expect(try scan.count() == records.count { $0.keys == ["k2"] })
            for time in stride(from: Int64(0), to: 400, by: 7) {
                #expect(
                    try log.view.last(recordedBy: RecordTime(time))
                        == records.last { $0.recordedAt <= RecordTime(time) }?.id ?? .zero
                )
            }
            if step == 0 { #expect(try log.compact(.everything).segmentsAfter == 1) }
        }
    }
}
