// Owns: that the tables of sealed segments take no more memory than they may, that those in use stay, and that a table which is
// read once more and has been damaged meanwhile misleads nobody, in the midst of a scan least of all.

import Disk
import DiskSimulation
import FaultSimulation
import Synchronization
import Testing

@testable import SegmentLog

@Suite struct TableShelfTests {
    private final class Owner: TableOwner {
        private let isUsed = Atomic(false)
        private let hasTable = Atomic(true)

        func use() { isUsed.store(true, ordering: .relaxed) }

        var hasOne: Bool { hasTable.load(ordering: .relaxed) }

        func letGoOfTable() -> Bool {
            if isUsed.exchange(false, ordering: .relaxed) { return false }
            hasTable.store(false, ordering: .relaxed)
            return true
        }
    }

    private static func have(_ owners: [Owner]) -> [Bool] { owners.map(\.hasOne) }

    @Test func `Tables stay while there is room, then those that nobody has used go`() {
        let shelf = TableShelf(budgetBytes: 1000)
        let owners = (0..<5).map { _ in Owner() }
        for owner in owners.prefix(4) { shelf.add(owner, bytes: 250) }
        #expect(Self.have(owners) == [true, true, true, true, true] && shelf.bytes == 1000)
        for used in [0, 2] { owners[used].use() }
        shelf.add(owners[4], bytes: 500)
        #expect(Self.have(owners) == [true, false, true, false, true] && shelf.bytes == 1000)
    }

    @Test func `Where all are used, the marks go first and then as many tables as it takes`() {
        let shelf = TableShelf(budgetBytes: 1000)
        let owners = (0..<5).map { _ in Owner() }
        for owner in owners.prefix(4) {
            shelf.add(owner, bytes: 250)
            owner.use()
        }
        shelf.add(owners[4], bytes: 250)
        #expect(Self.have(owners).count { $0 } == 4 && shelf.bytes == 1000)
        #expect(owners[4].hasOne)
    }

    @Test func `One that is too large by itself stays until the next comes`() {
        let shelf = TableShelf(budgetBytes: 100)
        let owners = (0..<3).map { _ in Owner() }
        for (index, owner) in owners.enumerated() {
            shelf.add(owner, bytes: 250)
            #expect(Self.have(owners) == (0..<3).map { $0 >= index })
        }
        #expect(shelf.bytes == 250)
    }

    @Test func `Owners that are gone take no room`() {
        let shelf = TableShelf(budgetBytes: 1000)
        for _ in 0..<100 { shelf.add(Owner(), bytes: 400) }
        let last = Owner()
        shelf.add(last, bytes: 400)
        #expect(shelf.bytes <= 1000 && last.hasOne)
    }

    private static let count = 6
    private static let perSegment = 40

    /// Six sealed segments of several blocks each, and room for the table of one.
    private static func opened() throws -> (disk: SimulatedDisk, log: SegmentLog, records: [TestRecord]) {
        var options = LogOptions.small
        options.segmentBytes = 256 << 10
        options.blockBytes = 8 << 10
        (options.cacheBytes, options.tableBytes) = (1, 1)
        let (disk, records) = try diskWithLog(options) { log, writer in
            var records: [TestRecord] = []
            for segment in 0..<count {
                for index in 0..<perSegment {
                    let keys = ["all", "only-\(records.count)", index % 2 == 0 ? "even" : "odd"]
                    records += try writer.commit(
                        [TestRecord(keys: keys, payload: noise(4_000, seed: records.count))],
                        at: Int64(segment)
                    )
                }
                try writer.roll()
                #expect(try log.sealOldest())
            }
            _ = try log.replenishSpares()
            try writer.rest()
            return records
        }
        disk.restartProcess()
        return (disk, try openLog(disk, options).log, records)
    }

    @Test func `What is asked of many segments is answered with room for the table of one`() throws {
        let (_, log, records) = try Self.opened()
        for round in 0..<2 {
            for index in stride(from: round, to: records.count, by: 7) {
                #expect(try log.view.records(ManyRawSegments.query("only-\(index)")) == [records[index]])
                #expect(try log.view.record(RecordID(UInt64(index) + 1))?.id == RecordID(UInt64(index) + 1))
            }
            for reversed in [false, true] {
                let even = records.filter { $0.keys.contains("even") }
                let found = try log.view.records(ManyRawSegments.query("even", reversed: reversed))
                #expect(found == (reversed ? even.reversed() : even))
            }
        }
        let one = try #require(log.view.segments.first)
        #expect(log.cache.tables.bytes <= (try one.blockCount()) * MemoryLayout<BlockTable.Entry>.stride * 2)
    }

    /// Damages what says where the blocks are, and the headers of two blocks in a row.
    private static func damage(_ disk: SimulatedDisk, _ log: SegmentLog, segment: Int) throws -> ClosedRange<RecordID> {
        let segment = try #require(log.view.segments[segment] as? SealedSegment)
        let table = try #require(try segment.listedTable())
        let blocks = try #require(segment.footer.section(.blocks))
        disk.flip(bit: 3, at: Int(blocks.offset.rawValue) + SealedBlockHeader.bytes + 2, of: segment.path)
        for entry in table.entries[3...4] { disk.flip(bit: 1, at: Int(entry.block.offset.rawValue), of: segment.path) }
        return table.entries[3].summary.firstID...table.entries[4].summary.lastID
    }

    /// The index of "all" names every block, and that of "even" every other record in them.
    @Test(arguments: [false, true], ["all", "even"])
    func `A table that is damaged before it is read once more loses a scan nothing but what is lost`(
        reversed: Bool,
        key: String
    ) throws {
        for steps in [0, 1, 2, 4, 6, 9] {
            let (disk, log, records) = try Self.opened()
            let all = records.enumerated().filter { $0.element.keys.contains(key) }
                .map { RecordID(UInt64($0.offset) + 1) }
            var query = ManyRawSegments.query(key, reversed: reversed)
            query.skipsDamage = true
            var scan = LogScan(log.view, query)
            var found: [RecordID] = []
            // All of the first segment in its direction, and so many blocks of the next.
            while found.count < all.count / Self.count { found += try #require(try scan.step()).map(\.id) }
            for _ in 0..<steps { found += try #require(try scan.step()).map(\.id) }
            let before = Set(found)
            let lost = try Self.damage(disk, log, segment: reversed ? Self.count - 2 : 1)
            // The table of another takes the place of that one.
            _ = try log.view.segments[reversed ? 0 : Self.count - 1].summary(of: 0)
            while let records = try scan.step() { found += records.map(\.id) }
            let readable = all.filter { before.contains($0) || !lost.contains($0) }
            #expect(found == (reversed ? readable.reversed() : readable), "after \(steps) blocks")
            for id in all where !readable.contains(id) {
                #expect(scan.skipped.contains { $0.contains(id) }, "\(id), after \(steps) blocks")
            }
        }
    }

    @Test func `A table that is damaged before it is read once more is made of the blocks, where all are there`() throws
    {
        let (disk, log, records) = try Self.opened()
        var scan = LogScan(log.view, ManyRawSegments.query("all"))
        var found = try #require(try scan.step())
        let segment = try #require(log.view.segments[0] as? SealedSegment)
        let blocks = try #require(segment.footer.section(.blocks))
        disk.flip(bit: 3, at: Int(blocks.offset.rawValue) + SealedBlockHeader.bytes + 2, of: segment.path)
        _ = try log.view.segments[1].summary(of: 0)
        while let more = try scan.step() { found += more }
        #expect(found.map(\.id) == records.indices.map { RecordID(UInt64($0) + 1) })
        // Such a table stays.
        let operations = disk.operations
        _ = try log.view.segments[1].summary(of: 0)
        let others = disk.operations
        _ = try segment.summary(of: 0)
        #expect(disk.operations == others && others >= operations)
    }
}
