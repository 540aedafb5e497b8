// Owns: the promises about blocks on their way out of the store: they hold what a scan gives, whichever kind of segment they
// come from; what is damaged does not leave, and what is damaged on the way is found out.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct TransferTests {
    private static let path = storeDirectory.sealed(RecordID(1))

    /// Two segments, sealed and raw, of twenty records each.
    private static func disk() throws -> (disk: SimulatedDisk, result: [TestRecord]) {
        var options = LogOptions.small
        options.segmentBytes = 512 << 10
        return try diskWithLog(options) { log, writer in
            var records: [TestRecord] = []
            for index in 0..<40 {
                if index == 20 {
                    try writer.roll()
                    _ = try log.sealOldest()
                }
                let payload = noise(100, seed: index) + [UInt8](repeating: UInt8(index), count: 9_000)
                records += try writer.commit([TestRecord(keys: ["k\(index)"], payload: payload)], at: Int64(index))
            }
            return records
        }
    }

    private static func blocks(_ view: LogView, after: RecordID = .zero) throws -> [[UInt8]] {
        var scan = LogScan(view, LogQuery(after: after))
        var row: [UInt8] = []
        while try scan.nextTransfer(to: &row) {}
        return try #require(TransferBlock.split(row)).map { Array(row[$0.range]) }
    }

    private static func records(_ blocks: [[UInt8]]) throws -> [TestRecord] {
        try blocks.flatMap { bytes in
            let block = try #require(bytes.withUnsafeBytes(TransferBlock.decode))
            #expect(TransferBlock.split(bytes)?.map(\.lastID) == [block.record(at: block.count - 1).id])
            return (0..<block.count).map { TestRecord(block.record(at: $0)) }
        }
    }

    @Test func `All blocks together are the log`() throws {
        let (disk, records) = try Self.disk()
        let view = try openLog(disk).log.view
        let blocks = try Self.blocks(view)
        #expect(blocks.count > 4)
        #expect(Set(blocks.map { $0[32] }) == [0, 1])
        #expect(try Self.records(blocks) == records)
    }

    @Test func `From any record on, the first block is the one that reaches past it`() throws {
        let (disk, records) = try Self.disk()
        let view = try openLog(disk).log.view
        for after in 0...records.count {
            let found = try Self.records(Self.blocks(view, after: RecordID(UInt64(after))))
            #expect(Array(found.suffix(records.count - after)) == Array(records[after...]))
            // Nothing of the blocks before the one that reaches past it.
            guard let first = try Self.blocks(view, after: RecordID(UInt64(after))).first else { continue }
            #expect(try #require(TransferBlock.split(first))[0].lastID.rawValue > UInt64(after))
        }
    }

    @Test func `A block with any bit changed is refused, or says what it said`() throws {
        let (disk, _) = try Self.disk()
        let blocks = try Self.blocks(try openLog(disk).log.view)
        for block in [try #require(blocks.first), try #require(blocks.last)] {
            let whole = try Self.records([block])
            // All of the header, and some of what is behind it.
            for bit in Array(0..<TransferBlock.headerBytes * 8) + stride(from: 448, to: block.count * 8, by: 97) {
                var changed = block
                changed[bit / 8] ^= 1 << (bit % 8)
                _ = TransferBlock.split(changed)
                guard let found = changed.withUnsafeBytes(TransferBlock.decode) else { continue }
                #expect((0..<found.count).map { TestRecord(found.record(at: $0)) } == whole)
            }
            for count in 1..<min(block.count, 200) {
                let cut = Array(block[..<count])
                #expect(cut.withUnsafeBytes(TransferBlock.decode) == nil && TransferBlock.split(cut) == nil)
            }
        }
    }

    @Test func `A block that is not the one which the table names does not leave the store`() throws {
        let (disk, _) = try Self.disk()
        let (log, _, _) = try openLog(disk)
        let file = try disk.open(Self.path, .read)
        let header = try #require(try FileHeader.read(file, kind: .sealed, store: log.store.store))
        let table = try BlockFinder.find(in: file, header: header)
        let entry = try #require(table.entries.first)
        let whole = try #require(try file.bytes(at: entry.block.offset, count: entry.block.bytes))
        func leaves(offset: Int = 0, rawBytes: UInt32 = 0, _ change: (inout BlockSummary) -> Void = { _ in }) -> Bool {
            var (block, summary, bytes) = (entry.block, entry.summary, whole)
            change(&summary)
            block.offset = block.offset + offset
            block.rawBytes += rawBytes
            let named = BlockTable.Entry(block: block, summary: summary)
            return bytes.withUnsafeMutableBytes { TransferBlock.replace($0, of: named, seed: header.identity.seed) }
        }
        #expect(leaves())
        #expect(!leaves { $0.firstID = $0.firstID.next })
        #expect(!leaves { $0.lastID = $0.lastID.next })
        #expect(!leaves { $0.recordCount += 1 })
        #expect(!leaves(rawBytes: 1))
        #expect(!leaves(offset: 1))
    }

    @Test func `A damaged block does not leave the store; those before it do, and it is known from then on`() throws {
        let (disk, records) = try Self.disk()
        let (log, _, _) = try openLog(disk)
        let file = try disk.open(Self.path, .readWrite)
        let whole = try Self.blocks(log.view)
        let header = try #require(try FileHeader.read(file, kind: .sealed, store: log.store.store))
        let second = try BlockFinder.find(in: file, header: header).entries[1]
        disk.flip(bit: 3, at: Int(second.block.offset.rawValue) + SealedBlockHeader.bytes + 20, of: Self.path)
        var scan = LogScan(log.view, LogQuery())
        var bytes: [UInt8] = []
        #expect(try scan.nextTransfer(to: &bytes))
        let ids = second.summary.firstID...second.summary.lastID
        for _ in 0..<2 {
            let error = #expect(throws: LogError.self) { try scan.nextTransfer(to: &bytes) }
            guard case .corrupt(ids, _)? = error else { throw error ?? .corrupt(ids, reason: "no error") }
        }
        #expect(bytes == whole[0])
        #expect(log.damage == [ids])
        let rest = try Self.records(Self.blocks(log.view, after: ids.upperBound))
        #expect(rest == Array(records[Int(ids.upperBound.rawValue)...]))
    }
}
