// Owns: that the page on the format tells the truth: its dumps, read by its own words, are what it says they are, and
// production code reads and writes the same.

import Disk
import DiskSimulation
import FaultSimulation
import Foundation
import Testing

@testable import SegmentLog

@Suite struct FormatPageTests {
    private static func page() throws -> [Substring] {
        let page = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/SegmentLog/SegmentLog.docc/SegmentFormat.md")
        return try String(contentsOf: page, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// The bytes of every dump on the page, in order, by the offset of their first line.
    private static func dumps() throws -> [(offset: Int, bytes: [UInt8])] {
        var dumps: [(offset: Int, bytes: [UInt8])] = []
        var isInDump = false
        for line in try page() {
            let offset = line.count > 10 && line.dropFirst(8).hasPrefix("  ") ? Int(line.prefix(8), radix: 16) : nil
            if let offset {
                if !isInDump { dumps.append((offset, [])) }
                #expect(offset == dumps[dumps.count - 1].offset + dumps[dumps.count - 1].bytes.count)
                let columns = line.dropFirst(10).prefix(47)
                dumps[dumps.count - 1].bytes += columns.split(separator: " ").compactMap { UInt8($0, radix: 16) }
            }
            isInDump = offset != nil
        }
        return dumps
    }

    /// The raw segment of the page: header, the copy of it, and what is dumped from 8192 on.
    private static func rawSegment() throws -> [UInt8] {
        let dumps = try dumps()
        let header = dumps[0].bytes + [UInt8](repeating: 0, count: 4096 - dumps[0].bytes.count)
        try #require(dumps[1].offset == 8192)
        return header + header + dumps[1].bytes
    }

    private static let records = PageExample.records.enumerated().map { index, record in
        PageRecord(
            id: UInt64(index + 1),
            time: record.time?.rawValue ?? PageExample.recordedAt.rawValue,
            recordedAt: PageExample.recordedAt.rawValue,
            keys: record.keys,
            payload: record.payload
        )
    }

    @Test func `The raw dump, read by the words of the page, is the record it says`() throws {
        #expect(try PageReader(Self.rawSegment(), magic: "EVRAWSEG").rawRecords() == [Self.records[0]])
    }

    @Test func `Production code writes the raw dump, byte for byte`() throws {
        let written = try PageExample.rawSegment()
        let page = try Self.rawSegment()
        #expect(Array(page.prefix(written.count)) == written)
        #expect(page.dropFirst(written.count).allSatisfy { $0 == 0 })
    }

    @Test func `The sealed dump, read by the words of the page, is the two records it says`() throws {
        let dumps = try Self.dumps()
        let reader = try PageReader(dumps[2].bytes, magic: "EVSEALED")
        #expect(try reader.sealedRecords() == Self.records)
        let keys = try reader.keys()
        #expect(keys.map(\.key) == ["aorder-001", "corder", "tcreated", "tpaid"])
        #expect(keys.map(\.records) == [2, 2, 1, 1] && keys.allSatisfy(\.isInFilter))
        #expect(try reader.block(at: 0x40).raw == dumps[3].bytes)
        #expect(try reader.block(at: 0x126).raw == dumps[4].bytes)
        var offset = 64
        var kinds: [UInt8] = []
        while offset < dumps[2].bytes.count - 160 {
            let block = try reader.block(at: offset)
            kinds.append(block.kind)
            offset = block.end
        }
        #expect(kinds == [1, 4, 2, 3, 5] && offset == dumps[2].bytes.count - 160)
    }

    @Test func `The page shows the store file that production code writes`() throws {
        let line = try #require(Self.page().first { $0.hasPrefix("{\"format\":1") })
        let store = StoreFile(store: PageExample.store, created: RecordTime(1_700_000_000_000_000_000))
        #expect(Array("\(line)\n".utf8) == store.encoded())
    }

    @Test func `What production code seals can be read by the words of the page`() throws {
        let reader = try PageReader(PageExample.sealedSegment(), magic: "EVSEALED")
        #expect(try reader.sealedRecords() == Self.records)
        #expect(try reader.keys().allSatisfy(\.isInFilter))
    }

    @Test(arguments: [true, false]) func `Production code reads the dumps`(isSealed: Bool) throws {
        let disk = SimulatedDisk(directory: "/store")
        try disk.createDirectory("/store/log")
        let store = StoreFile(store: PageExample.store, created: .minimum)
        try disk.replaceFile(StoreFile.name, in: "/store", with: store.encoded())
        let raw = try Self.rawSegment()
        let (name, bytes) =
            isSealed
            ? ("00000000000000000001.segment", try Self.dumps()[2].bytes)
            : ("00000000000000000001.active", raw + [UInt8](repeating: 0, count: (64 << 10) - raw.count))
        try disk.replaceFile(name, in: "/store/log", with: bytes)
        if isSealed { try disk.beginSegment(PageExample.store, base: RecordID(3)) }
        let (log, _, report) = try openLog(disk)
        let expected = PageExample.records.enumerated().map {
            $1.committed(as: RecordID(UInt64($0 + 1)), at: PageExample.recordedAt)
        }
        #expect(try log.view.records() == Array(expected.prefix(isSealed ? 2 : 1)))
        #expect(report.notes == [] && report.damage == [])
        #expect(try log.verify().isClean)
    }
}
