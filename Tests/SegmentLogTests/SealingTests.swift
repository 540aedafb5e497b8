// Owns: sealing and compaction as readers and the directory see them: nobody is disturbed, nothing is left lying about.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct SealingTests {
    /// Five segments of four records each, all raw, and an empty active one.
    private static func fill(_ writer: LogWriter) throws -> [TestRecord] {
        var records: [TestRecord] = []
        for segment in 0..<5 {
            for frame in 0..<2 {
                records += try writer.commit(
                    (0..<2).map {
                        TestRecord(keys: ["all", "s\(segment)"], payload: noise(3_000 + $0, seed: segment * 2 + frame))
                    },
                    at: Int64(segment)
                )
            }
            try writer.roll()
        }
        return records
    }

    @Test func `A scan that has begun goes on over sealing and compaction`() throws {
        let (log, writer, _) = try openLog(SimulatedDisk())
        let records = try Self.fill(writer)
        for steps in 0...5 {
            var scan = LogScan(log.view, LogQuery())
            var read: [TestRecord] = []
            for _ in 0..<steps { read += try scan.next()?.map { TestRecord($0) } ?? [] }
            _ = try log.sealOldest()
            _ = try log.replenishSpares()
            if steps == 5 { _ = try log.compact(.everything) }
            try writer.commit([TestRecord()], at: 50)
            try writer.roll()
            while let matches = try scan.next() { read += matches.map { TestRecord($0) } }
            #expect(Array(read.prefix(20)) == records)
        }
    }

    @Test func `A raw file is used anew only after its last reader has gone`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        let records = try Self.fill(writer)
        let first = "00000000000000000001.active"
        var view: LogView? = log.view
        while try log.sealOldest() {}
        _ = try log.replenishSpares()
        #expect(disk.logFiles.contains(first))
        #expect(try view?.records() == records)
        view = nil
        _ = try log.replenishSpares()
        #expect(!disk.logFiles.contains(first))
        #expect(try log.view.records() == records)
    }

    @Test func `Compaction leaves fewer segments and fewer bytes`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        let records = try Self.fill(writer)
        while try log.sealOldest() {}
        let before = log.view
        let report = try log.compact(.everything)
        #expect(report.segmentsBefore == 5 && report.segmentsAfter == 1)
        #expect(report.bytesAfter < report.bytesBefore)
        #expect(log.statistics.sealedBytes == report.bytesAfter && log.statistics.backlogBytes == 0)
        #expect(disk.logFiles.count { $0.hasSuffix(".segment") } == 1)
        #expect(try before.records() == records && log.view.records() == records)
        #expect(try log.verify().isClean)
        #expect(try log.compact(.everything).segmentsAfter == 1)
    }

    @Test func `The background policy waits until there is something to gain`() throws {
        let policy = CompactionPolicy.background
        #expect(try policy.runs([1, 1, 1], limit: 100) == [])
        #expect(try policy.runs(Array(repeating: 1, count: 8), limit: 100) == [0..<8])
        #expect(try policy.runs([30, 30, 30, 30], limit: 100) == [0..<3])
        #expect(try policy.runs([200, 30, 30], limit: 100) == [1..<3])
        #expect(try policy.runs([50, 49, 30], limit: 100) == [0..<2])
        // What was merged is not merged again for the sake of a small one behind it.
        #expect(try policy.runs([60, 1], limit: 100) == [])
        #expect(try CompactionPolicy.everything.runs([200, 30, 200, 1, 1], limit: 100) == [3..<5])
        // What is packed less hard than it would be goes by itself where it is large, or where everything does.
        let light = [90, 20, 60, 90] as [UInt64]
        #expect(try policy.runs(light, limit: 100) { $0 != 3 } == [0..<1, 2..<3])
        #expect(try CompactionPolicy.everything.runs(light, limit: 100) { $0 != 3 } == [0..<1, 1..<3])
        #expect(try CompactionPolicy.hurried.runs(light, limit: 100) { _ in true } == [])
    }

    @Test func `Nothing is merged by itself where the disk has no room to spare for it`() throws {
        var options = LogOptions.small
        options.keepFreeBytes = 1 << 20
        let disk = SimulatedDisk(capacity: 16 << 20)
        let (log, writer, _) = try openLog(disk, options)
        let records = try Self.fill(writer) + Self.fill(writer)
        while try log.sealOldest() {}
        _ = try log.replenishSpares()
        // Room for two more raw segments, and for half of what is to be merged.
        let half = log.statistics.sealedBytes / 2
        let rest = try log.freeBytes() - options.keepFreeBytes - 2 * UInt64(options.segmentBytes) - half
        try disk.open("/filler", .createNew).write([UInt8](repeating: 1, count: Int(rest)), at: FileOffset(0))
        let before = disk.logFiles
        #expect(try log.compact(.background).segmentsAfter == 10)
        #expect(disk.logFiles == before)
        try disk.remove("/filler")
        #expect(try log.compact(.background).segmentsAfter == 1)
        #expect(try log.view.records() == records)
    }

    @Test func `What is closed while segments are merged is sealed before they are`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        var records = try Self.fill(writer)
        while try log.sealOldest() {}
        var (calls, hurries, waiting): (Int, Int, [Int]) = (0, 0, [])
        let report = try log.compact(
            .everything,
            sealing: {
                hurries += 1
                return true
            },
            pace: {
                calls += 1
                waiting.append(log.view.segments.count { $0 is RawSegment })
                if calls == 3, let more = try? Self.fill(writer) { records += more }
                return true
            }
        )
        // The five, and the one that is written to; then that alone, long before the merge has come to its end.
        #expect(waiting.max() == 6 && waiting.firstIndex(of: 6)! < waiting.lastIndex(of: 1)! && hurries > 5)
        #expect(report.segmentsBefore == 5 && report.segmentsAfter == 6)
        #expect(try log.view.records() == records)
        #expect(try log.verify().isClean)
    }

    @Test func `Sealing that is called off leaves nothing behind`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        _ = try Self.fill(writer)
        let before = disk.logFiles
        for patience in 0..<4 {
            var calls = 0
            let isSealed = try log.sealOldest {
                calls += 1
                return calls <= patience
            }
            if isSealed { break }
            #expect(disk.logFiles == before)
        }
        #expect(try log.sealOldest())
    }

    @Test func `A raw file that was sealed and not yet taken back is taken back by the next opening`() throws {
        let (disk, records) = try diskWithLog { log, writer in
            let records = try Self.fill(writer)
            while try log.sealOldest() {}
            return records
        }
        #expect(disk.logFiles.count { $0.hasSuffix(".active") } == 6)
        let (log, _, report) = try openLog(disk)
        #expect(try log.view.records() == records && report.notes == [])
        _ = try log.replenishSpares()
        #expect(disk.logFiles.count { $0.hasSuffix(".active") } == 1)
    }

    @Test func `Inputs that a compaction left behind are removed, and give no record twice`() throws {
        let (disk, result) = try diskWithLog { log, writer in
            let records = try Self.fill(writer)
            while try log.sealOldest() {}
            return records
        }
        let before = disk.copy()
        _ = try openLog(disk).log.compact(.everything)
        // The crash came before the inputs were removed: only the first has been replaced.
        let path = storeDirectory.sealed(RecordID(1))
        let file = try before.open(path, .createOrTruncate)
        try file.write(disk.bytes(path), at: FileOffset(0))
        let (log, _, report) = try openLog(before)
        #expect(try log.view.records() == result && report.notes == [])
        #expect(before.logFiles.count { $0.hasSuffix(".segment") } == 1)
    }

    @Test func `A sealed file without a footer gives way to its raw one`() throws {
        let (disk, records) = try diskWithLog { log, writer in
            let records = try Self.fill(writer)
            _ = try log.sealOldest()
            return records
        }
        let path = storeDirectory.sealed(RecordID(1))
        disk.flip(bit: 0, at: disk.bytes(path).count - 1, of: path)
        let (log, _, report) = try openLog(disk)
        #expect(try log.view.records() == records && report.damage == [])
        #expect(disk.quarantine.keys.sorted() == ["/store/quarantine/00000000000000000001.segment"])
        #expect(try log.sealOldest())
    }

    @Test func `A damaged segment does not keep those behind it from being sealed`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        let records = try Self.fill(writer)
        let path = storeDirectory.active(RecordID(1))
        disk.flip(bit: 0, at: Int(try frames(of: path, on: disk)[1].offset.rawValue) + 200, of: path)
        #expect(throws: LogError.self) { try log.sealOldest() }
        for _ in 0..<4 { #expect(try log.sealOldest()) }
        #expect(try !log.sealOldest(), "what is damaged is told once, and left alone")
        #expect(log.statistics.sealedSegments == 4)
        // Keyed reads of what is whole go on, in the damaged segment too.
        let key = KeyExpression(alternatives: [[[Array("all".utf8)]]])
        #expect(try log.view.records(LogQuery(keys: key, after: RecordID(4))) == Array(records[4...]))
    }
}
