// Owns: counts that stand in a file whose checksums are right: none is believed beyond what its own bytes can hold, so that
// none takes memory, or is added up until a number overflows.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct CountTests {
    /// Two sealed segments of ten records each, with the same keys, and an active one of one.
    private static func disk() throws -> (disk: SimulatedDisk, records: [TestRecord]) {
        let filled = try diskWithLog { log, writer in
            var records: [TestRecord] = []
            for number in 0..<20 {
                let keys = ["all", number.isMultiple(of: 2) ? "even" : "odd"]
                records += try writer.commit([TestRecord(keys: keys, payload: [UInt8(number)])], at: Int64(number))
                if number % 10 == 9 {
                    try writer.roll()
                    _ = try log.sealOldest()
                    _ = try log.replenishSpares()
                }
            }
            records += try writer.commit([TestRecord(keys: ["all"])], at: 30)
            try writer.rest()
            return records
        }
        filled.disk.restartProcess()
        return (filled.disk, filled.result)
    }

    private static func query(_ key: String) -> LogQuery {
        LogQuery(keys: KeyExpression(alternatives: [[[Array(key.utf8)]]]))
    }

    @Test(arguments: [11, 1 << 32, 1 << 62, 1 << 63 - 1, .max] as [UInt64])
    func `A key that more records have than there are is not counted by the index`(_ records: UInt64) throws {
        let (disk, all) = try Self.disk()
        var page: [UInt8] = []
        for key in ["all", "even", "odd"] {
            page += [0, UInt8(key.utf8.count)] + Array(key.utf8)
            page.appendVarint(records)
            page.append(0)
        }
        for base in [1, 11] as [UInt64] {
            var segment = try CraftedSegment(on: disk, at: storeDirectory.sealed(RecordID(base)))
            segment.replacePage(page)
            try segment.write(to: disk)
        }
        let (log, _, _) = try openLog(disk)
        for (key, count) in [("all", 21), ("even", 10), ("odd", 10), ("none", 0)] {
            var scan = LogScan(log.view, Self.query(key))
            #expect(try scan.count() == count, "\(key)")
        }
        #expect(try !log.view.hasFew(["all", "odd"].map { Array($0.utf8) }, limit: .max))
        #expect(try log.view.records(Self.query("odd")) == all.filter { $0.keys.contains("odd") })
        #expect(try log.verify().findings.count == 2)
    }

    @Test func `A footer with another number of sections than its bytes have is none`() throws {
        let (disk, records) = try Self.disk()
        let whole = disk.bytes(CraftedSegment.path)
        let length = try #require(SealedFooter.length(whole))
        let place = FileHeader.bytes + SealedFooter.summaryBytes - 8
        let store = UniqueID(bytes: Array(whole[16..<32]))
        for count in [0, 3, 5] as [UInt32] {
            var footer = Array(whole.suffix(length))
            let crc = footer.withUnsafeMutableBytes { bytes in
                bytes.storeLittleEndian(count, at: place)
                return Checksum.crc32(Array(bytes.dropLast(12)))
            }
            footer.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: length - 12) }
            #expect(try SealedFooter.decode(footer, store: store, path: "") == nil, "\(count)")
            let copy = disk.copy()
            try copy.patch(CraftedSegment.path, whole.count - length..<whole.count) { $0 = footer }
            let (log, _, report) = try openLog(copy)
            #expect(report.damage == [] && report.notes.contains { $0.contains("the footer of") }, "\(count)")
            #expect(try log.view.records() == records, "\(count)")
        }
    }

    @Test func `A block of records has no more of them than one can gather, nor none`() throws {
        func isRead(_ count: Int) -> Bool {
            let header = SealedBlockHeader(
                offset: FileOffset(192),
                firstID: RecordID(1),
                lastID: RecordID(UInt64(max(count, 1))),
                count: UInt32(count),
                rawBytes: UInt32(1 + 5 * count),
                contentBytes: UInt32(1 + 5 * count),
                contentCRC: 0,
                kind: SealedBlockHeader.Kind.records.rawValue
            )
            return header.encoded(seed: 3).withUnsafeBytes { SealedBlockHeader($0, at: FileOffset(192), seed: 3) }
                != nil
        }
        #expect(SealedBlockHeader.maximumRecords == 65_536)
        #expect(isRead(1) && isRead(65_536) && !isRead(65_537) && !isRead(0))
        #expect(RecordColumns.decode([0], ids: ClosedRange(1, 1), count: 0) == nil)
        // In a row of blocks on their way, likewise.
        let (disk, _) = try Self.disk()
        var (scan, bytes): (LogScan, [UInt8]) = (LogScan(try openLog(disk).log.view, LogQuery()), [])
        #expect(try scan.nextTransfer(to: &bytes))
        for (count, isRow) in [(1, true), (65_536, true), (65_537, false), (0, false), (UInt32.max, false)] {
            bytes.withUnsafeMutableBytes { $0.storeLittleEndian(count as UInt32, at: 16) }
            #expect((TransferBlock.split(bytes) != nil) == isRow, "\(count)")
            #expect(bytes.withUnsafeBytes(TransferBlock.decode) == nil, "\(count)")
        }
    }

    @Test func `A block announces no more than its stream can inflate to`() {
        func isRead(_ rawBytes: UInt32) -> Bool {
            let header = SealedBlockHeader(
                offset: FileOffset(192),
                count: 1,
                rawBytes: rawBytes,
                contentBytes: 10,
                contentCRC: 0,
                kind: SealedBlockHeader.Kind.controls.rawValue
            )
            return header.encoded(seed: 3).withUnsafeBytes { SealedBlockHeader($0, at: FileOffset(192), seed: 3) }
                != nil
        }
        #expect(isRead(10_320) && !isRead(10_321) && !isRead(.max))
    }

    @Test func `A key stands in blocks that the segment has, each once, in ascending order`() {
        let lists: [(blocks: [UInt64], isRead: Bool)] = [
            ([0], true), ([1, 3], true), ([4, 0, 1, 1, 1], true), ([2, 3, 1], false), ([1, 4], false),
            ([2, 1, 0], false), ([5, 0, 1, 1, 1, 1], false), ([.max, 0, 1, 1, 1], false), ([2, 0, .max], false),
            ([1], false),
        ]
        for (blocks, isRead) in lists {
            var page: [UInt8] = [0, 1, 7, 9]
            for number in blocks { page.appendVarint(number) }
            #expect((KeyPage(page, blockCount: 4, recordCount: 9) != nil) == isRead, "\(blocks)")
            #expect(KeyPage(page, blockCount: 4, recordCount: 8) == nil)
        }
    }

    @Test func `Few records are told of few segments alone, and many segments are not asked`() throws {
        for count in [31, 32] {
            let (disk, _) = try diskWithLog { log, writer in
                for index in 0..<count {
                    try writer.commit([TestRecord(keys: ["k\(index)"])], at: 1)
                    try writer.roll()
                    #expect(try log.sealOldest())
                    _ = try log.replenishSpares()
                }
                try writer.rest()
            }
            disk.restartProcess()
            let watched = WatchedDisk(disk)
            let (log, _, _) = try openLog(watched)
            let before = watched.bytesRead(of: ".segment")
            #expect(try log.view.hasFew([Array("k3".utf8)], limit: 64) == (log.view.segments.count <= 32))
            #expect((watched.bytesRead(of: ".segment") > before) == (log.view.segments.count <= 32))
        }
    }
}
