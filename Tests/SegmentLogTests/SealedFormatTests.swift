// Owns: the layouts of a sealed segment: columns, blocks, key pages, directory, table, filter, footer. What is written
// is read back, and damaged bytes are refused or give something harmless, never a trap.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct SealedFormatTests {
    private static let identity = SegmentIdentity(
        store: UniqueID(bytes: Array(0..<16)),
        segment: UniqueID(bytes: Array(16..<32))
    )

    /// Records with gaps in their ids and times at the ends of what a number holds.
    private static func records() throws -> [Record] {
        let (log, writer, _) = try openLog(SimulatedDisk())
        let times: [Int64] = [0, .max, .min + 1, 5, -7, 6, 100]
        for (index, time) in times.enumerated() {
            try writer.commit(
                [TestRecord(time: time, keys: ["k\(index)"], payload: noise(index * 9, seed: index))],
                at: Int64(index)
            )
        }
        var scan = LogScan(log.view, LogQuery())
        return try #require(try scan.next()).filter { $0.id.rawValue != 3 && $0.id.rawValue != 5 }
    }

    private static func header(of records: [Record]) -> SealedBlockHeader {
        SealedBlockHeader(
            offset: FileOffset(64),
            firstID: records[0].id,
            lastID: records[records.count - 1].id,
            count: UInt32(records.count),
            rawBytes: 0,
            contentBytes: 0,
            contentCRC: 0,
            kind: SealedBlockHeader.Kind.records.rawValue
        )
    }

    @Test func `Columns give back records with gaps and extreme times`() throws {
        let records = try Self.records()
        let block = try #require(RecordColumns.decode(RecordColumns.encode(records), header: Self.header(of: records)))
        let decoded = block.entries.indices.map { TestRecord(Record(block, $0)) }
        #expect(decoded == records.map { TestRecord($0) })
    }

    @Test func `Columns with any byte changed are refused or harmless`() throws {
        let records = try Self.records()
        let bytes = RecordColumns.encode(records)
        for offset in bytes.indices {
            for value: UInt8 in [0, 0x7F, 0x80, 0xFF] {
                var damaged = bytes
                damaged[offset] = value
                guard let block = RecordColumns.decode(damaged, header: Self.header(of: records)) else { continue }
                for index in block.entries.indices { _ = TestRecord(Record(block, index)) }
            }
            #expect(RecordColumns.decode(Array(bytes[..<offset]), header: Self.header(of: records)) == nil)
        }
    }

    @Test func `A block is inflated at its place in its segment, and no flip of it is`() {
        let raw = noise(700, seed: 3)
        let stream = Compressor(level: 6).deflate(raw)
        let offset = FileOffset(640)
        let header = SealedBlockHeader(
            offset: offset,
            firstID: RecordID(1),
            lastID: RecordID(9),
            count: 9,
            rawBytes: UInt32(raw.count),
            contentBytes: UInt32(stream.count),
            contentCRC: Checksum.crc32(stream),
            kind: SealedBlockHeader.Kind.keys.rawValue
        )
        let seed = Self.identity.seed
        var bytes = header.encoded(seed: seed) + stream
        func inflate(_ offset: FileOffset, _ seed: UInt32, _ kind: SealedBlockHeader.Kind) -> [UInt8]? {
            SealedBlockHeader.unpack(bytes, at: offset, seed: seed, kind: kind).whole?.raw
        }
        #expect(inflate(offset, seed, .keys) == raw)
        #expect(inflate(offset + 1, seed, .keys) == nil)
        #expect(inflate(offset, seed ^ 1, .keys) == nil)
        #expect(inflate(offset, seed, .records) == nil)
        for bit in 0..<bytes.count * 8 {
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(inflate(offset, seed, .keys) == nil, "bit \(bit)")
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
    }

    @Test func `A stream that promises another length is refused`() {
        let raw = noise(500, seed: 4)
        let stream = Compressor(level: 9).deflate(raw)
        stream.withUnsafeBytes { stream in
            #expect(Compression.inflate(stream, count: 500) == raw)
            for count in [0, 1, 499, 501, 5_000] { #expect(Compression.inflate(stream, count: count) == nil) }
            #expect(Compression.inflate(UnsafeRawBufferPointer(rebasing: stream.dropLast()), count: 500) == nil)
        }
        (stream + [0]).withUnsafeBytes { #expect(Compression.inflate($0, count: 500) == nil) }
    }

    private static let sealedHeader = FileHeader(
        kind: .sealed,
        identity: identity,
        base: RecordID(3),
        predecessor: Predecessor(segment: UniqueID(bytes: Array(32..<48)), lastID: RecordID(2))
    )

    @Test func `A footer is read back, and no flip of it is`() throws {
        var footer = SealedFooter(header: Self.sealedHeader)
        footer.fileBytes = 1_000
        footer.recordCount = 2
        footer.firstCovered = RecordID(3)
        footer.lastCovered = RecordID(4)
        footer.recordBytes = 5
        footer.firstRecordedAt = RecordTime(-6)
        footer.lastRecordedAt = RecordTime(7)
        footer.leastTime = RecordTime(.min + 1)
        footer.greatestTime = RecordTime(.max)
        footer.controlCount = 1
        footer.sections = [SealedBlockHeader.Kind.blocks, .times, .names, .filter, .controls].enumerated().map {
            let block = BlockReference(offset: FileOffset(200 + 60 * $0), contentBytes: 4, rawBytes: 5)
            return SealedFooter.Section(kind: $1.rawValue, flags: UInt8($0 % 2), block: block)
        }
        var bytes = footer.encoded()
        func read() throws -> SealedFooter? { try SealedFooter.decode(bytes, store: Self.identity.store, path: "f") }
        #expect(bytes.count == SealedFooter.bytes(sections: 5))
        let found = try #require(try read())
        #expect(found.encoded() == bytes && found.sections == footer.sections && found.header == footer.header)
        for bit in 0..<bytes.count * 8 {
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(try read() == nil, "bit \(bit)")
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
    }

    @Test func `A filter knows all its keys, and few others`() throws {
        var filter = KeyFilter(keyCount: 1_000)
        func key(_ number: Int) -> [UInt8] { Array("order-\(number)".utf8) }
        for number in 0..<1_000 { key(number).withUnsafeBytes { filter.insert($0) } }
        let copy = try #require(KeyFilter(filter.encoded()))
        #expect((0..<1_000).allSatisfy { key($0).withUnsafeBytes(copy.mayContain) })
        let mistaken = (1_000..<11_000).count { key($0).withUnsafeBytes(copy.mayContain) }
        #expect(mistaken < 200)
        #expect(KeyFilter(Array(filter.encoded().dropLast())) == nil && KeyFilter([]) == nil)
    }

    /// The footer of a long segment.
    private static func footer(records: UInt64 = 0) -> SealedFooter {
        var footer = SealedFooter(header: sealedHeader)
        footer.fileBytes = 1 << 40
        footer.recordCount = records
        footer.firstCovered = RecordID(1)
        footer.lastCovered = .greatest
        return footer
    }

    @Test func `Key pages give back every key with its blocks, through the directory`() throws {
        var pages: [KeyPageBuilder] = []
        var page = KeyPageBuilder()
        var directory = KeyDirectory()
        let keys = (0..<3_000).map { "key-\($0 / 7)-\($0)" }.sorted()
        for (index, key) in keys.enumerated() {
            let blocks = index.isMultiple(of: 3) ? Array(0..<9) : [UInt32(index % 9)]
            Array(key.utf8).withUnsafeBytes { page.add($0, blocks: blocks, records: index + 1, blockCount: 9) }
            if page.isFull || index == keys.count - 1 {
                let reference = BlockReference(
                    offset: FileOffset(pages.count + FileHeader.bytes),
                    contentBytes: 1,
                    rawBytes: UInt32(page.bytes.count)
                )
                directory.append(KeyDirectory.Page(reference: reference, firstKey: page.firstKey))
                pages.append(page)
                page = KeyPageBuilder()
            }
        }
        #expect(pages.count > 1)
        let copy = try #require(KeyDirectory(directory.bytes, of: Self.footer()))
        for (index, key) in keys.enumerated() {
            let found = try #require(copy.page(of: Array(key.utf8)))
            let bytes = pages[Int(found.offset.rawValue) - FileHeader.bytes].bytes
            let page = try #require(KeyPage(bytes, blockCount: 9, recordCount: 3_000))
            let entry = Array(key.utf8).withUnsafeBytes(page.entry)
            #expect(entry?.recordCount == index + 1)
            #expect(entry?.blocks == (index.isMultiple(of: 3) ? Array(0..<9) : [UInt32(index % 9)]))
            for absent in [key + "0", String(key.dropLast()), key.dropLast() + ":", "", "a", "z"] {
                let isThere = Array(absent.utf8).withUnsafeBytes(page.entry) != nil
                var isListed = false
                page.forEach { key, _ in
                    isListed = isListed || key == Array(absent.utf8)
                    return true
                }
                #expect(isThere == isListed)
            }
        }
        #expect(copy.page(of: Array("a".utf8)) == nil)
    }

    @Test func `A page or directory with any byte changed is refused or harmless`() {
        var page = KeyPageBuilder()
        for number in 10..<20 {
            Array("key\(number)".utf8).withUnsafeBytes {
                page.add($0, blocks: [UInt32(number % 4)], records: 1, blockCount: 4)
            }
        }
        for offset in page.bytes.indices {
            for value: UInt8 in [0, 0x7F, 0x80, 0xFF] {
                var damaged = page.bytes
                damaged[offset] = value
                let page = KeyPage(damaged, blockCount: 4, recordCount: 10)
                page?.forEach { key, entry in
                    #expect(entry().blocks.allSatisfy { $0 < 4 })
                    #expect(key.withUnsafeBytes { page?.entry(of: $0) }?.blocks == entry().blocks)
                    return true
                }
                _ = KeyDirectory(damaged, of: Self.footer())
            }
        }
    }

    @Test func `A block table is read back, and only whole entries are`() throws {
        var table = BlockTable()
        for number: UInt64 in [1, 3, 5] {
            let summary = BlockSummary(
                firstID: RecordID(number),
                lastID: RecordID(number + 1),
                recordCount: 2,
                minimumTime: RecordTime(-1),
                maximumTime: RecordTime(9),
                firstRecordedAt: RecordTime(3),
                lastRecordedAt: RecordTime(4)
            )
            table.entries.append(
                BlockTable.Entry(
                    block: BlockReference(offset: FileOffset(200 + number * 100), contentBytes: 5, rawBytes: 6),
                    summary: summary
                )
            )
        }
        let footer = Self.footer(records: 6)
        let (blocks, times) = table.encoded()
        #expect(BlockTable(blocks: blocks, times: times, of: footer)?.entries == table.entries)
        #expect(BlockTable(blocks: Array(blocks.dropLast()), times: times, of: footer) == nil)
        #expect(BlockTable(blocks: blocks, times: Array(times.dropLast(32)), of: footer) == nil)
    }
}
