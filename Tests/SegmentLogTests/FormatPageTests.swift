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

    /// Where each dump stands among them.
    private enum Dump: Int {
        case rawHeader, frame, trailer, sealed, records, blocks, times, keys, controls, manifest
    }

    private static func dump(_ dump: Dump) throws -> [UInt8] { try dumps()[dump.rawValue].bytes }

    /// The raw segment of the page: header, the copy of it, what is dumped from 8192 on, and the trailer.
    private static func rawSegment() throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(PageExample.fileBytes))
        for (dump, offsets) in [(Dump.rawHeader, [0, 4096]), (.frame, [0x2000]), (.trailer, [0x3000])] {
            let dumped = try dumps()[dump.rawValue]
            try #require(offsets.contains(dumped.offset))
            for offset in offsets { bytes.replaceSubrange(offset..<offset + dumped.bytes.count, with: dumped.bytes) }
        }
        return bytes
    }

    private static let control = PageControl(
        sequence: 1,
        position: 1,
        recordedAt: PageExample.recordedAt.rawValue,
        keys: ["subject"],
        payload: Array("word".utf8)
    )

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
        let found = try PageReader(Self.rawSegment(), magic: "EVRAWSEG").rawRecords()
        #expect(found.records == [Self.records[0]] && found.controls == [Self.control])
    }

    @Test func `Production code writes the raw dump, byte for byte`() throws {
        #expect(try PageExample.rawSegment() == Self.rawSegment())
    }

    @Test func `The sealed dump, read by the words of the page, is what it says`() throws {
        let sealed = try Self.dump(.sealed)
        let reader = try PageReader(sealed, magic: "EVSEALED")
        #expect(try reader.sealedRecords() == Self.records && reader.sealedControls() == [Self.control])
        let keys = try reader.keys()
        #expect(keys.map(\.key) == ["aorder-001", "corder", "tcreated", "tpaid"])
        #expect(keys.map(\.records) == [2, 2, 1, 1] && keys.allSatisfy(\.isInFilter))
        var offset = 192
        var contents: [(kind: UInt8, raw: [UInt8])] = []
        while Array(sealed[offset..<offset + 4]) == Array("BLCK".utf8) {
            let block = try reader.block(at: offset)
            contents.append((block.kind, block.raw))
            offset = block.end
        }
        #expect(contents.map(\.kind) == [1, 4, 6, 2, 3, 5, 7])
        let dumped = try [Dump.records, .blocks, .times, .keys].map(Self.dump) + [Self.dump(.controls)]
        #expect([0, 1, 2, 3, 6].map { contents[$0].raw } == dumped)
    }

    @Test func `The page shows the manifest that production code writes`() throws {
        let dumped = try Self.dump(.manifest)
        let written = PageExample.manifest()
        #expect(dumped == Array(written.prefix(dumped.count)) && dumped == Array(written[2048..<2048 + dumped.count]))
        #expect(
            written[dumped.count..<2048].allSatisfy { $0 == 0 } && written[..<4096] == [UInt8](written[4096...])[...]
        )
    }

    @Test func `The page names the bits of a key in a filter`() throws {
        var filter = KeyFilter(keyCount: 4)
        Array("corder".utf8).withUnsafeBytes { filter.insert($0) }
        let bytes = filter.encoded()
        let bits = (0..<(bytes.count - 8) * 8).filter { bytes[8 + $0 / 8] >> UInt8($0 % 8) & 1 == 1 }
        let sentence = try #require(try Self.page().first { $0.hasPrefix("For the key `corder`") })
        let named = sentence.split(separator: "the bits are ")[1].dropLast().split(separator: ", ").compactMap {
            Int($0)
        }
        #expect(Set(named) == Set(bits) && sentence.contains("*m* = \((bytes.count - 8) * 8) "))
    }

    @Test func `The page shows the store file that production code writes`() throws {
        let line = try #require(Self.page().first { $0.hasPrefix("{\"format\":2") })
        let store = StoreFile(store: PageExample.store, created: PageExample.created)
        #expect(Array("\(line)\n".utf8) == store.encoded())
    }

    @Test func `What production code seals can be read by the words of the page`() throws {
        let reader = try PageReader(PageExample.sealedSegment(), magic: "EVSEALED")
        #expect(try reader.sealedRecords() == Self.records && reader.sealedControls() == [Self.control])
        #expect(try reader.keys().allSatisfy(\.isInFilter))
    }

    @Test(arguments: [true, false]) func `Production code reads the dumps`(isSealed: Bool) throws {
        let disk = SimulatedDisk(directory: "/store")
        try disk.createDirectory("/store/log")
        let entry = ManifestEntry(
            state: .atRest,
            tail: RecordID(isSealed ? 2 : 1),
            recordedAt: .minimum,
            base: RecordID(isSealed ? 3 : 1)
        )
        let manifest = Manifest.file(entry, store: PageExample.store, sequence: 1)
        try disk.replaceFile(Manifest.name, in: "/store", with: manifest)
        let store = StoreFile(store: PageExample.store, created: .minimum)
        try disk.replaceFile(StoreFile.name, in: "/store", with: store.encoded())
        let (name, bytes) =
            isSealed
            ? ("00000000000000000001.segment", try Self.dump(.sealed))
            : ("00000000000000000001.active", try Self.rawSegment())
        try disk.replaceFile(name, in: "/store/log", with: bytes)
        if isSealed { try disk.beginSegment(PageExample.store, base: RecordID(3)) }
        let (log, _, report) = try openLog(disk)
        let expected = PageExample.records.enumerated().map {
            $1.committed(as: RecordID(UInt64($0 + 1)), at: PageExample.recordedAt)
        }
        #expect(try log.view.records() == Array(expected.prefix(isSealed ? 2 : 1)))
        #expect(log.controls.current == [PageExample.control])
        #expect(report.notes == [] && report.damage == [])
        #expect(try log.verify().isClean)
    }
}
