// Owns: the last frame of a log that ended without a marker: nobody knows whether the disk holds it, so it is moved to a
// new segment, and is durable there, before anything rests on it.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct TailMoveTests {
    private static let first = storeDirectory.active(RecordID(1))

    /// Frames of one, two and three records, the last without a marker.
    private static func disk() throws -> (disk: SimulatedDisk, result: [TestRecord]) {
        try diskWithLog { _, writer in
            try (1...3).flatMap { count in
                try writer.commit(
                    (0..<count).map { TestRecord(keys: ["k\($0)"], payload: noise(50 * count, seed: $0)) },
                    at: Int64(count)
                )
            }
        }
    }

    @Test func `An unproven last frame is moved to a segment of its own, and a marker proves it there`() throws {
        let (disk, records) = try Self.disk()
        let before = disk.bytes(Self.first)
        do {
            let (log, writer, report) = try openLog(disk)
            #expect(report.damage == [] && report.notes == [])
            #expect(disk.logFiles == ["00000000000000000001.active", "00000000000000000004.active"])
            #expect(disk.bytes(Self.first) == before)
            #expect(try log.view.records() == records)
            #expect(log.view.segments.map(\.lastID) == [RecordID(3), RecordID(6)])
            // It needs no second marker, and no second move.
            let operations = disk.operations
            try writer.mark()
            #expect(disk.operations == operations)
            #expect(try writer.commit([TestRecord()], at: 9)[0].id == RecordID(7))
            try writer.mark()
        }
        let (log, _, report) = try openLog(disk)
        #expect(disk.logFiles.count == 2 && report.notes == [])
        #expect(try log.view.records().dropLast() == records[...])
        while try log.sealOldest() {}
        #expect(try log.view.records().dropLast() == records[...])
        #expect(try log.verify().isClean)
    }

    @Test func `A log of a single frame keeps its place and gets a new file`() throws {
        let (disk, records) = try diskWithLog { _, writer in try writer.commit([TestRecord(payload: [1])], at: 1) }
        let before = try SegmentLog.header(of: disk.open(Self.first, .read)).identity.segment
        let (log, _, _) = try openLog(disk)
        #expect(disk.logFiles == ["00000000000000000001.active"])
        #expect(try SegmentLog.header(of: disk.open(Self.first, .read)).identity.segment != before)
        #expect(try log.view.records() == records)
    }

    @Test func `After a failed sync the sectors that failed are not asked again`() throws {
        let disk = SimulatedDisk()
        do {
            let (_, writer, _) = try openLog(disk)
            try writer.commit([TestRecord(payload: [1])], at: 1)
            disk.keepCacheAfterFailedSync()
            disk.failNext(.sync)
            #expect(throws: LogError.self) { try writer.commit([TestRecord(payload: [2])], at: 2) }
        }
        disk.restartProcess()
        // The page cache shows the frame, the disk does not hold it. The move reads it and writes it elsewhere.
        do {
            let (log, _, _) = try openLog(disk)
            #expect(try log.view.records().map(\.payload) == [[1], [2]])
        }
        for seed in 0..<10 as Range<UInt64> {
            let copy = disk.copy()
            copy.restart(seed: seed)
            #expect(try openLog(copy).log.view.records().map(\.payload) == [[1], [2]])
        }
    }

    @Test func `With no room for another segment the frame is written again where it stands`() throws {
        let (disk, records) = try Self.disk()
        for name in disk.logFiles where name.hasSuffix(".spare") { try disk.remove("/store/log/\(name)") }
        disk.fillUp()
        let (log, writer, _) = try openLog(disk)
        #expect(disk.logFiles == ["00000000000000000001.active"])
        #expect(try log.view.records() == records)
        // What fits the segment still goes in, and the next frame proves the last.
        #expect(try writer.commit([TestRecord()], at: 9)[0].id == RecordID(7))
    }

    @Test func `What stands behind the base of the next segment is not read in the one before`() throws {
        let (disk, _) = try Self.disk()
        do { _ = try openLog(disk) }
        // The old place of the moved frame may hold anything.
        let last = try #require(try frames(of: Self.first, on: disk).last)
        for bit in 0..<8 { disk.flip(bit: bit, at: Int(last.offset.rawValue) + 60 + bit, of: Self.first) }
        let (log, _, report) = try openLog(disk)
        #expect(report.damage == [] && report.notes == [])
        #expect(try log.view.records().count == 6)
    }
}
