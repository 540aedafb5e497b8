// Owns: a raw file beside the sealed one that was made of it: it goes only where every byte of the other can be read.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct KeptRawTests {
    private static let raw = storeDirectory.active(RecordID(1))
    private static let sealed = storeDirectory.sealed(RecordID(1))
    private static var options: LogOptions {
        var options = LogOptions.small
        options.segmentBytes = 256 << 10
        options.spareFiles = 0
        return options
    }

    /// A segment of three blocks, sealed and raw, as a crash behind the rename leaves them; and one of a record behind it.
    private static func disk() throws -> (disk: SimulatedDisk, records: [TestRecord]) {
        var bytes: [UInt8] = []
        let disk = SimulatedDisk()
        var records: [TestRecord] = []
        do {
            let (log, writer, _) = try openLog(disk, options)
            for index in 0..<30 {
                records += try writer.commit(
                    [TestRecord(keys: ["k\(index)"], payload: [UInt8](repeating: UInt8(index), count: 5_000))],
                    at: Int64(index)
                )
            }
            try writer.roll()
            bytes = disk.bytes(raw)
            _ = try log.sealOldest()
            _ = try log.replenishSpares()
            records += try writer.commit([TestRecord()], at: 40)
            try writer.rest()
        }
        disk.restartProcess()
        try disk.open(raw, .createOrTruncate).write(bytes, at: FileOffset(0))
        return (disk, records)
    }

    @Test func `Where the sealed file is whole, the raw one is taken back`() throws {
        let (disk, records) = try Self.disk()
        let (log, _, report) = try openLog(disk, Self.options)
        #expect(report.notes == [] && report.damage == [])
        _ = try log.replenishSpares()
        #expect(!disk.logFiles.contains("00000000000000000001.active"))
        #expect(try log.view.records() == records)
    }

    @Test func `Where a byte of it is damaged the raw one takes its place, nothing is lost, and it is sealed again`()
        throws
    {
        let (disk, records) = try Self.disk()
        let segment = try CraftedSegment(on: disk)
        let file = disk.bytes(Self.sealed)
        func middle(_ block: BlockReference) -> Int { Int(block.offset.rawValue) + SealedBlockHeader.bytes + 5 }
        let places: [(String, Int)] =
            segment.table.entries.enumerated().map { ("block \($0)", middle($1.block)) }
            + segment.footer.sections.map { ("section \($0.kind)", middle($0.block)) }
            + [
                ("page", middle(segment.directory.pages[0].reference)),
                ("header of a block", Int(segment.table.entries[1].block.offset.rawValue) + 20),
                ("footer", file.count - 100),
            ]
        for (name, place) in places {
            let copy = disk.copy()
            copy.flip(bit: 3, at: place, of: Self.sealed)
            let damaged = copy.bytes(Self.sealed)
            do {
                let (log, writer, report) = try openLog(copy, Self.options)
                #expect(report.damage == [] && !report.notes.isEmpty, "\(name)")
                #expect(try log.view.records() == records, "\(name)")
                #expect(copy.quarantine == ["/store/quarantine/00000000000000000001.segment": damaged], "\(name)")
                #expect(try log.sealOldest(), "\(name)")
                _ = try log.replenishSpares()
                #expect(try log.view.records() == records && log.verify().isClean, "\(name)")
                try writer.rest()
            }
            copy.restartProcess()
            let (log, _, report) = try openLog(copy, Self.options)
            #expect(report.notes == [] && report.damage == [], "\(name)")
            #expect(try log.view.records() == records, "\(name)")
        }
    }

    @Test func `A raw file inside a wider sealed one is kept where that is damaged, and not put in its place`() throws {
        let disk = SimulatedDisk()
        var (raw, records): ([UInt8], [TestRecord]) = ([], [])
        do {
            let (log, writer, _) = try openLog(disk, Self.options)
            for segment in 0..<2 {
                for index in 0..<10 {
                    records += try writer.commit([TestRecord(payload: noise(900, seed: index))], at: Int64(segment))
                }
                try writer.roll()
                if segment == 1 { raw = disk.bytes(storeDirectory.active(RecordID(11))) }
                _ = try log.sealOldest()
                _ = try log.replenishSpares()
            }
            _ = try log.compact(.everything)
            try writer.rest()
        }
        disk.restartProcess()
        let path = storeDirectory.active(RecordID(11))
        try disk.open(path, .createOrTruncate).write(raw, at: FileOffset(0))
        let block = try CraftedSegment(on: disk).table.entries[0].block
        disk.flip(bit: 1, at: Int(block.offset.rawValue) + 70, of: Self.sealed)
        let (log, _, report) = try openLog(disk, Self.options)
        _ = try log.replenishSpares()
        #expect(report.notes.contains { $0.contains("is kept") })
        #expect(disk.bytes(path) == raw)
        #expect(throws: LogError.self) { try log.view.records() }
    }
}
