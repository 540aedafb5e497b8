// Owns: the last frame of a log that ended without a marker: nobody knows whether the disk holds it, so it is moved to a
// new segment, and is durable there, before anything rests on it.

import Disk
import DiskSimulation
import FaultSimulation
import Glibc
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

    @Test func `Behind ids that were lost another segment begins, also where the newest is empty`() throws {
        for isEmpty in [false, true] {
            let (disk, records) = try Self.disk()
            if isEmpty {
                let (_, writer, _) = try openLog(disk)
                try writer.roll()
            }
            let store = try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory).log.store.store
            // The manifest has seen one more than there is.
            var entry = try #require(try Manifest.read(disk, storeDirectory, store: store).entry)
            (entry.state, entry.tail, entry.segment) = (.atRest, RecordID(7), .zero)
            let manifest = Manifest.file(entry, store: store, sequence: 1 << 20)
            try disk.open(storeDirectory.manifest, .createOrTruncate).write(manifest, at: FileOffset(0))
            let (log, writer, report) = try openLog(disk)
            #expect(report.damage == [ClosedRange(7, 7)])
            let new = try writer.commit([TestRecord(payload: [9])], at: 9)
            #expect(new[0].id == RecordID(8) && log.view.segments.last?.base == RecordID(8))
            // Sealing forgets no hole.
            try writer.roll()
            while try log.sealOldest() {}
            let found = try log.view.readingPastDamage()
            #expect(found.records == records + new && found.lost == [7])
        }
    }

    @Test func `The last frame of a segment that was followed by another is not moved out of it`() throws {
        let (disk, records) = try diskWithLog { _, writer in
            let records = try (1...3).flatMap { try writer.commit([TestRecord(payload: [UInt8($0)])], at: Int64($0)) }
            try writer.roll()
            return records
        }
        // The header of the second frame is gone, and so is the trailer; of the segment behind it, all that names it.
        let all = try frames(of: Self.first, on: disk)
        disk.flip(bit: 0, at: Int(all[1].offset.rawValue) + 1, of: Self.first)
        disk.flip(bit: 0, at: Int(all[2].offset.rawValue) + 1, of: Self.first)
        disk.flip(bit: 0, at: LogOptions.small.segmentBytes - RawTrailer.pageBytes, of: Self.first)
        for page in [0, 4_096] { disk.flip(bit: 0, at: page + 20, of: storeDirectory.active(RecordID(4))) }
        disk.restartProcess()
        let before = disk.bytes(Self.first)
        let (log, writer, report) = try openLog(disk)
        #expect(disk.bytes(Self.first) == before)
        #expect(
            try log.view.readingPastDamage().records
                == records.filter { record in !report.damage.contains { $0.contains(record) } }
        )
        // The second record stands where the first frame ends.
        #expect(try log.view.record(RecordID(2)).map { TestRecord($0) } == records[1])
        #expect(writer.nextID == RecordID(4))
    }

    @Test(arguments: 0...2)
    func `On a full disk, with a manifest to be made anew, the log opens, and goes on when there is room`(
        reserve: Int
    ) throws {
        let disk = SimulatedDisk(capacity: 1 << 20)
        var options = LogOptions.small
        (options.spareFiles, options.reserveFiles) = (0, reserve)
        var records: [TestRecord] = []
        do {
            let (log, writer, _) = try openLog(disk, options)
            _ = try log.replenishSpares()
            for number in 1...3 { records += try writer.commit([TestRecord()], at: Int64(number)) }
        }
        disk.restartProcess()
        try disk.remove(storeDirectory.manifest)
        let filler = "/store/filler"
        try disk.open(filler, .createNew).reserve(try disk.freeBytes(at: "/store"))
        let (log, writer, report) = try openLog(disk, options)
        #expect(report.damage == [])
        #expect(try log.view.records() == records)
        // A file of the reserve makes room for the manifest.
        #expect(disk.image.keys.contains(storeDirectory.manifest) == (reserve > 0))
        if reserve == 0 { #expect(throws: LogError.self) { try writer.commit([TestRecord()], at: 9) } }
        #expect(writer.failed == nil)
        try disk.remove(filler)
        #expect(try writer.commit([TestRecord()], at: 9)[0].id == RecordID(4))
        try writer.rest()
        #expect(try log.verify().isClean)
    }

    @Test func `Where the name of the new segment finds no room the frame stays where it is, and the log goes on`()
        throws
    {
        let (simulated, records) = try Self.disk()
        let disk = WatchedDisk(simulated)
        disk.failOnce(.rename, of: ".spare", errno: ENOSPC)
        let (log, writer, report) = try openLog(disk)
        #expect(report.damage == [] && log.view.segments.count == 1)
        #expect(try log.view.records() == records)
        #expect(try writer.commit([TestRecord()], at: 9)[0].id == RecordID(7))
        try writer.rest()
        #expect(try log.verify().isClean)
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
