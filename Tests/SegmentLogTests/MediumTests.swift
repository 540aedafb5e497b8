// Owns: what a failing medium must not talk the log into: taking a file that it would not give back for one that is no longer
// needed, believing a header from a former life of the file, losing the proof of a full segment.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct MediumTests {
    /// Segments that begin at the records 1, 4, 7 and 10, all of them raw.
    private static func disk() throws -> (disk: SimulatedDisk, result: [TestRecord]) {
        try diskWithLog { _, writer in
            var records: [TestRecord] = []
            for index in 0..<10 {
                if index > 0, index.isMultiple(of: 3) { try writer.roll() }
                records += try writer.commit(
                    [TestRecord(keys: ["k\(index)"], payload: noise(200, seed: index))],
                    at: Int64(index)
                )
            }
            try writer.mark()
            return records
        }
    }

    @Test func `A segment that the disk did not give back is not taken for one that has been sealed or merged`() throws
    {
        let (disk, records) = try Self.disk()
        let path = storeDirectory.active(RecordID(4))
        disk.makeUnreadable(0..<512, of: path)
        do {
            let (log, _, report) = try openLog(disk)
            #expect(report.damage == [ClosedRange(4, 6)])
            while try log.sealOldest() {}
            #expect(log.statistics.sealedSegments == 2)
            _ = try log.compact(.everything)
            _ = try log.replenishSpares()
        }
        // The cable has been put right.
        try disk.open(path, .readWrite).write(Array(disk.bytes(path)[..<512]), at: FileOffset(0))
        let (log, _, report) = try openLog(disk)
        #expect(report.damage == [])
        #expect(try log.view.records() == records)
        while try log.sealOldest() {}
        #expect(try log.compact(.everything).segmentsAfter == 1)
        #expect(try log.view.records() == records)
        #expect(try log.verify().isClean)
    }

    @Test func `A closed segment that the disk does not give back is a hole to each reader, until it is opened again`()
        throws
    {
        let (disk, records) = try Self.disk()
        let path = storeDirectory.active(RecordID(4))
        let sector = Array(disk.bytes(path)[8_192..<8_704])
        disk.makeUnreadable(8_192..<8_704, of: path)
        let hole = ClosedRange(4, 6)
        let others = records.filter { !hole.contains($0) }
        let query = LogQuery(keys: KeyExpression(alternatives: [[[Array("k4".utf8)]]]))
        // Each reader is the first to come to it.
        let readers: [(String, (LogView) throws -> Void)] = [
            ("a record", { _ = try $0.record(RecordID(5)) }),
            ("all records", { _ = try $0.records() }),
            ("a key", { _ = try $0.records(query) }),
            ("a commit time", { _ = try $0.last(recordedBy: RecordTime(4)) }),
            (
                "a count",
                { view in
                    var scan = LogScan(view, query)
                    _ = try scan.count()
                }
            ),
            (
                "blocks on their way out",
                { view in
                    var (scan, bytes): (LogScan, [UInt8]) = (LogScan(view, LogQuery(after: RecordID(3))), [])
                    _ = try scan.nextTransfer(to: &bytes)
                }
            ),
        ]
        for (name, read) in readers {
            let copy = disk.copy()
            let (log, writer, report) = try openLog(copy)
            #expect(report.damage == [], "\(name)")
            #expect(try #require(throws: LogError.self) { try read(log.view) }.unreadableIDs == hole, "\(name)")
            #expect(log.damage == [hole], "\(name)")
            #expect(try log.view.readingPastDamage().records == others, "\(name)")
            // It stays as it is, and keeps nobody from what is his.
            while try log.sealOldest() {}
            #expect(log.statistics.sealedSegments == 2, "\(name)")
            #expect(try log.verify().damage == [hole], "\(name)")
            #expect(try writer.commit([TestRecord()], at: 20)[0].id == RecordID(11), "\(name)")
        }
        // Who asks for no record makes it known, too.
        do {
            let (log, _, _) = try openLog(disk)
            _ = try log.view.segments[1].blockCount()
            #expect(log.damage == [hole] && log.statistics.waitingSegments == 2)
        }
        try disk.open(path, .readWrite).write(sector, at: FileOffset(8_192))
        #expect(try openLog(disk).log.view.records() == records)
    }

    @Test(arguments: [FileOffset(0), FileHeader.copyOffset])
    func `Of two headers that differ the one counts whose frames the file holds`(offset: FileOffset) throws {
        let (disk, records) = try Self.disk()
        for base in [1, 10].map({ RecordID($0) }) {
            let file = try disk.open(storeDirectory.active(base), .readWrite)
            let header = try SegmentLog.header(of: file)
            let former = FileHeader(
                kind: .raw,
                identity: SegmentIdentity(store: header.identity.store, segment: .random()),
                base: base,
                fileBytes: header.fileBytes
            )
            try file.write(former.encoded(), at: offset)
        }
        let (log, _, report) = try openLog(disk)
        #expect(report.notes.count { $0.contains("differ") } == 2 && report.damage == [] && report.tornBytes == 0)
        #expect(try log.view.records() == records)
    }

    @Test func `A header that was written to the wrong file does not keep the store from opening`() throws {
        let (disk, records) = try Self.disk()
        let (first, last) = (storeDirectory.active(RecordID(1)), storeDirectory.active(RecordID(10)))
        disk.misplace(0..<512, of: first, to: last, at: 0)
        let (log, _, report) = try openLog(disk)
        #expect(report.notes.contains { $0.contains("renamed") })
        #expect(try log.view.records() == records)
    }

    @Test func `A segment that a commit has filled to the brim still takes the marker that proves it`() throws {
        let (disk, _) = try diskWithLog { _, writer in
            var bytes = writer.maximumCommitBytes
            while writer.fits(byteCount: bytes + 1) { bytes += 1 }
            let record = TestRecord(payload: noise(bytes - RecordFormat.headerBytes - 1, seed: 1))
            try writer.commit([record], at: 1)
            #expect(!writer.fits(byteCount: 1))
            try writer.mark()
        }
        let path = storeDirectory.active(RecordID(1))
        disk.flip(bit: 0, at: 20_000, of: path)
        let (_, writer, report) = try openLog(disk)
        #expect(report.damage == [ClosedRange(1, 1)] && report.tornBytes == 0 && writer.nextID == RecordID(2))
    }

    @Test func `A scan backwards names the hole that it comes to first`() throws {
        let (disk, _) = try diskWithLog { _, writer in
            for index in 1...6 { try writer.commit([TestRecord(keys: ["k\(index)"], payload: [7])], at: 1) }
            try writer.mark()
        }
        let path = storeDirectory.active(RecordID(1))
        for frame in try frames(of: path, on: disk) where [2, 4].contains(frame.firstID.rawValue) {
            disk.flip(bit: 0, at: Int(frame.end.rawValue) - 9, of: path)
        }
        let (log, _, report) = try openLog(disk)
        #expect(report.damage == [ClosedRange(2, 2), ClosedRange(4, 4)])
        let query = LogQuery(keys: KeyExpression(alternatives: [[[Array("k1".utf8)]]]), reversed: true)
        let error = #expect(throws: LogError.self) { try log.view.records(query) }
        #expect(error?.unreadableIDs == ClosedRange(4, 4))
    }

    @Test func `An empty segment of another size gives way when there is room for the new one`() throws {
        let (disk, _) = try diskWithLog { _, _ in }
        var options = LogOptions.small
        options.segmentBytes *= 2
        disk.fillUp()
        let (log, writer, report) = try openLog(disk, options)
        #expect(report.notes.count == 1 && !writer.fits(byteCount: 1))
        disk.makeSpace()
        let record = try writer.commit([TestRecord(payload: [1])], at: 2)
        try writer.roll()
        while try log.sealOldest() {}
        #expect(log.statistics.sealedSegments == 1 && log.statistics.rawSegments == 1)
        #expect(try log.view.records() == record)
    }
}
