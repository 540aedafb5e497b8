// Owns: reading over damage: what is told, what is passed over, and what an index proves to be none of the reader's
// business.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct SkipDamageTests {
    /// Both kinds of damage: a block of a sealed segment, which its index knows of, and a whole segment that is missing.
    private static func damaged() throws -> (view: LogView, records: [TestRecord], lost: [ClosedRange<RecordID>]) {
        let (disk, records) = try DamagedLog.disk()
        let block = try DamagedLog.damage(block: 1, of: DamagedLog.sealed[0], on: disk)
        try disk.remove(DamagedLog.sealed[1])
        return (try DamagedLog.open(disk).log.view, records, [block, ClosedRange(31, 60)])
    }

    private static func query(_ key: String? = nil, after: UInt64 = 0, through: UInt64 = 999, reversed: Bool = false)
        -> LogQuery
    {
        LogQuery(
            keys: KeyExpression(alternatives: key.map { [[[Array($0.utf8)]]] } ?? []),
            after: RecordID(after),
            through: RecordID(through),
            reversed: reversed,
            skipsDamage: true
        )
    }

    private static func run(_ view: LogView, _ query: LogQuery) throws -> (found: [TestRecord], scan: LogScan) {
        var scan = LogScan(view, query)
        var found: [TestRecord] = []
        while let matches = try scan.next() { found += matches.map { TestRecord($0) } }
        return (found, scan)
    }

    @Test(arguments: [false, true])
    func `Who skips damage gets everything that can be read, and is told what it passed over`(reversed: Bool) throws {
        let (view, records, lost) = try Self.damaged()
        let readable = records.filter { record in !lost.contains { $0.contains(record) } }
        let (found, scan) = try Self.run(view, Self.query(reversed: reversed))
        #expect(found == (reversed ? readable.reversed() : readable))
        #expect(scan.skipped == lost)
    }

    @Test func `What is passed over is told within the bounds of the query, and only as far as they go`() throws {
        let (view, records, lost) = try Self.damaged()
        let block = lost[0]
        for (after, through) in [(5, 12), (12, 14), (14, 40), (35, 50), (40, 40), (20, 30), (0, 200), (62, 70)] {
            let (after, through) = (UInt64(after), UInt64(through))
            for reversed in [false, true] {
                let query = Self.query(after: after, through: through, reversed: reversed)
                let (found, scan) = try Self.run(view, query)
                let asked = records.filter { $0.id.rawValue > after && $0.id.rawValue <= through }
                let readable = asked.filter { record in !lost.contains { $0.contains(record) } }
                #expect(found == (reversed ? readable.reversed() : readable), "\(after) to \(through)")
                let expected =
                    after < through ? lost.filter { $0.overlaps(RecordID(after + 1)...RecordID(through)) } : []
                #expect(
                    scan.skipped == expected.map { $0.clamped(to: RecordID(after + 1)...RecordID(through)) },
                    "\(after) to \(through)"
                )
            }
        }
        #expect(block == ClosedRange(11, 20))
    }

    @Test func `A damaged block is nothing to a query whose records the index finds elsewhere`() throws {
        let (disk, records) = try DamagedLog.disk()
        try DamagedLog.damage(block: 1, of: DamagedLog.sealed[0], on: disk)
        let view = try DamagedLog.open(disk).log.view
        for key in ["k0", "k2", "k4", "raw", "none"] {
            var query = Self.query(key)
            query.skipsDamage = false
            #expect(try view.records(query) == records.filter { $0.keys.contains(key) }, "\(key)")
            query.reversed = true
            #expect(try view.records(query) == records.filter { $0.keys.contains(key) }.reversed(), "\(key)")
            #expect(try Self.run(view, Self.query(key)).scan.skipped == [], "\(key)")
        }
        for key in ["k1", "even"] {
            var query = Self.query(key)
            query.skipsDamage = false
            #expect(throws: LogError.self) { try view.records(query) }
        }
    }

    @Test func `Where a segment is gone nothing proves that it held no match`() throws {
        let (view, _, lost) = try Self.damaged()
        for key in ["k0", "none", "k9"] {
            var query = Self.query(key)
            query.skipsDamage = false
            let error = #expect(throws: LogError.self) { try view.records(query) }
            guard case .corrupt(let ids, _) = error else { return #expect(Bool(false), "\(key): \(error as Any)") }
            #expect(ids == lost[1], "\(key)")
            #expect(try Self.run(view, Self.query(key)).scan.skipped == [lost[1]], "\(key)")
        }
    }

    @Test func `A scan that has thrown comes to the same damage again`() throws {
        let (view, _, lost) = try Self.damaged()
        var query = Self.query()
        query.skipsDamage = false
        var scan = LogScan(view, query)
        _ = try scan.next()
        for _ in 0..<3 {
            let error = #expect(throws: LogError.self) { try scan.next() }
            guard case .corrupt(let ids, _) = error else { return #expect(Bool(false)) }
            #expect(ids == lost[0])
        }
    }

    @Test func `A count counts what the index proves, and skips only what nobody can count`() throws {
        let (view, _, _) = try Self.damaged()
        func count(_ query: LogQuery) throws -> Int {
            var scan = LogScan(view, query)
            return try scan.count()
        }
        // Of the block that cannot be read the index says how many records it holds.
        #expect(try count(Self.query()) == 42)
        #expect(try count(Self.query("even")) == 15)
        // Where the block itself would have to be read, it is left out.
        #expect(try count(Self.query("even", through: 15)) == 5)
        var strict = Self.query("even", through: 15)
        strict.skipsDamage = false
        #expect(throws: LogError.self) { try count(strict) }
    }

    @Test func `A step reads one block at most, however little there is to find`() throws {
        // Every block holds both keys, no record does.
        let (disk, _) = try diskWithLog(DamagedLog.options) { _, writer in
            for index in 0..<400 {
                let keys = [index.isMultiple(of: 2) ? "even" : "odd"]
                try writer.commit([TestRecord(keys: keys, payload: noise(2_000, seed: index))], at: 1)
            }
        }
        let view = try DamagedLog.open(disk).log.view
        let keys = KeyExpression(alternatives: [[[Array("even".utf8)], [Array("odd".utf8)]]])
        var scan = LogScan(view, LogQuery(keys: keys))
        // The index of raw segments is built by the first question.
        #expect(try scan.step()?.isEmpty == true)
        var steps = 1
        while true {
            let before = disk.operations
            let position = scan.position
            guard let matches = try scan.step() else { break }
            steps += 1
            #expect(matches.isEmpty && scan.position > position)
            #expect(disk.operations - before < 30)
        }
        #expect(steps > 20 && scan.position == view.tail)
        #expect(try view.records(LogQuery(keys: keys)).isEmpty)
    }

    @Test func `What may have been committed by a moment is counted in, and never passed over unawares`() throws {
        let (disk, records) = try DamagedLog.disk()
        let whole = try DamagedLog.open(disk.copy()).log.view
        for time in [0, 1, 15, 30, 45, 60, 99, 100, 500] as [Int64] {
            let expected = records.last { $0.recordedAt <= RecordTime(time) }?.id ?? .zero
            for skipping in [false, true] {
                #expect(try whole.bound(recordedBy: RecordTime(time), skippingDamage: skipping) == expected, "\(time)")
            }
        }
        // 11 to 20 cannot be read, 31 to 60 are gone. Record n was committed at n, up to 60.
        let (view, _, _) = try Self.damaged()
        func bound(_ time: Int64) throws -> UInt64 {
            try view.bound(recordedBy: RecordTime(time), skippingDamage: true).rawValue
        }
        #expect(try bound(5) == 5 && bound(10) == 10 && bound(15) == 20 && bound(25) == 25)
        #expect(try bound(30) == 60 && bound(45) == 60 && bound(100) == 63)
        #expect(try view.bound(recordedBy: RecordTime(45), skippingDamage: false) == RecordID(60))
        #expect(throws: LogError.self) { try view.bound(recordedBy: RecordTime(15), skippingDamage: false) }
    }
}
