// Owns: damage to a sealed segment, byte by byte: wrong data is never returned, what is lost is named, and damage to an
// index hides nothing.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct SealedDamageTests {
    private static let path = storeDirectory.sealed(RecordID(1))

    /// Thirty records in a sealed segment of three blocks that deflate to next to nothing.
    private static func disk() throws -> (disk: SimulatedDisk, result: [TestRecord]) {
        var options = LogOptions.small
        options.segmentBytes = 256 << 10
        return try diskWithLog(options) { log, writer in
            var records: [TestRecord] = []
            for index in 0..<30 {
                let keys = ["all", index.isMultiple(of: 2) ? "even" : "odd", "k\(index / 4)"]
                records += try writer.commit(
                    [TestRecord(keys: keys, payload: [UInt8](repeating: UInt8(index), count: 5_000))],
                    at: 1
                )
            }
            try writer.roll()
            _ = try log.sealOldest()
            _ = try log.replenishSpares()
            return records
        }
    }

    private static func blocks(on disk: SimulatedDisk) throws -> [BlockTable.Entry] {
        let file = try disk.open(path, .read)
        let store = try openLog(disk.copy()).log.store.store
        let header = try FileHeader.read(file, kind: .sealed, store: store)
        return try BlockFinder.find(in: file, header: try #require(header)).entries
    }

    /// All that a query gives, going on behind every damaged range; and the ids it could not give.
    private static func read(
        _ view: LogView,
        _ keys: [String]
    ) throws -> (records: [TestRecord], lost: Set<UInt64>) {
        var query = LogQuery()
        if !keys.isEmpty { query.keys = KeyExpression(alternatives: [[keys.map { Array($0.utf8) }]]) }
        var records: [TestRecord] = []
        var lost: Set<UInt64> = []
        while true {
            var scan = LogScan(view, query)
            do {
                while let matches = try scan.next() { records += matches.map { TestRecord($0) } }
                return (records, lost)
            } catch {
                guard case .corrupt(let ids, _) = error else { throw error }
                lost.formUnion(ids.lowerBound.rawValue...ids.upperBound.rawValue)
                query.after = ids.upperBound
            }
        }
    }

    /// What must hold whatever happened to the file.
    private static func expectHonesty(
        _ disk: SimulatedDisk,
        _ records: [TestRecord],
        _ comment: Comment
    ) throws -> Set<UInt64> {
        let (log, _, _) = try openLog(disk)
        let all = try read(log.view, [])
        #expect(all.records == records.filter { !all.lost.contains($0.id.rawValue) }, comment)
        for keys in [["even"], ["k3"], ["k1", "odd"], ["none"]] {
            let found = try read(log.view, keys)
            let expected = records.filter { !Set(keys).isDisjoint(with: $0.keys) }
            #expect(found.lost.isSubset(of: all.lost), comment)
            #expect(found.records == expected.filter { !all.lost.contains($0.id.rawValue) }, comment)
        }
        #expect(try log.verify().isClean == false, comment)
        return all.lost
    }

    @Test func `A flip of any byte is found, costs one block at most, and hides nothing`() throws {
        let (disk, records) = try Self.disk()
        let blocks = try Self.blocks(on: disk)
        #expect(blocks.count == 3)
        for offset in 0..<disk.bytes(Self.path).count {
            let copy = disk.copy()
            copy.flip(bit: offset % 8, at: offset, of: Self.path)
            let lost = try Self.expectHonesty(copy, records, "flip at \(offset)")
            let block = blocks.first {
                ($0.block.offset..<$0.block.offset + $0.block.bytes).contains(FileOffset(offset))
            }
            let ids = block.map { Set($0.summary.firstID.rawValue...$0.summary.lastID.rawValue) } ?? []
            #expect(lost == ids, "flip at \(offset)")
        }
    }

    @Test func `Of a file that was cut off, the ids that are gone are named`() throws {
        let (disk, records) = try Self.disk()
        let size = disk.bytes(Self.path).count
        for cut in stride(from: 0, to: size, by: 37) {
            let copy = disk.copy()
            copy.cut(Self.path, to: cut)
            let (log, _, report) = try openLog(copy)
            let all = try Self.read(log.view, [])
            #expect(all.records == records.filter { !all.lost.contains($0.id.rawValue) }, "cut to \(cut)")
            #expect(Set(report.damage.flatMap { $0.lowerBound.rawValue...$0.upperBound.rawValue }) == all.lost)
            #expect(try log.view.records(LogQuery(after: RecordID(30))) == [])
        }
    }

    @Test func `Damage to the index and to a block at once hides nothing`() throws {
        let (disk, records) = try Self.disk()
        let size = disk.bytes(Self.path).count
        var random = SeededRandom(seed: 11)
        for round in 0..<150 {
            let copy = disk.copy()
            for _ in 0..<Int.random(in: 2...6, using: &random) {
                // Clustered, as damage is; the end of the file, where the index is, more often than not.
                let start = Int.random(in: Bool.random(using: &random) ? 64..<size : size - 800..<size, using: &random)
                for offset in start..<min(start + Int.random(in: 1...80, using: &random), size) {
                    copy.flip(bit: Int.random(in: 0..<8, using: &random), at: offset, of: Self.path)
                }
            }
            _ = try Self.expectHonesty(copy, records, "round \(round)")
        }
    }

    @Test func `The clock of the log does not start from a block that cannot be read`() throws {
        let (disk, _) = try Self.disk()
        let size = disk.bytes(Self.path).count
        let last = try #require(try Self.blocks(on: disk).last)
        disk.flip(bit: 0, at: size - 1, of: Self.path)
        disk.flip(bit: 0, at: Int(last.block.offset.rawValue) + 60, of: Self.path)
        #expect(try openLog(disk).log.lastRecordedAt == RecordTime(1))
    }
}
