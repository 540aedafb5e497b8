// Owns: sealed segments that lie although every checksum is right: what can be read is right, what cannot is named, no
// index overrides the records, and no length is believed.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct HostileSealedTests {
    /// Thirty records in a sealed segment of three blocks, and an active segment behind it.
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

    /// What must hold whatever the file says: records are right and in order, what is lost is named, no index hides what
    /// a check does not see, and the log goes on.
    private static func expectHonesty(
        _ segment: CraftedSegment,
        _ original: SimulatedDisk,
        _ records: [TestRecord],
        lost expected: ClosedRange<UInt64>? = nil,
        _ comment: Comment
    ) throws {
        let disk = original.copy()
        try segment.write(to: disk)
        var options = LogOptions.small
        options.segmentBytes = 256 << 10
        let (log, writer, _) = try openLog(disk, options)
        let all = try log.view.readingPastDamage()
        #expect(all.records == records.filter { !all.lost.contains($0.id.rawValue) }, comment)
        #expect(all.lost == Set(expected.map(Array.init) ?? []), comment)
        let report = try log.verify()
        #expect(!report.isClean, comment)
        for keys in [["even"], ["k3"], ["k1", "odd"], ["none"]] {
            let query = LogQuery(keys: KeyExpression(alternatives: [[keys.map { Array($0.utf8) }]]))
            let found = try log.view.readingPastDamage(query)
            let right = records.filter { !Set(keys).isDisjoint(with: $0.keys) && !all.lost.contains($0.id.rawValue) }
            #expect(Set(found.records).isSubset(of: right), comment)
            #expect(zip(found.records, found.records.dropFirst()).allSatisfy { $0.id < $1.id }, comment)
        }
        for record in records {
            guard let found = try? log.view.record(record.id) else { continue }
            #expect(TestRecord(found) == record, comment)
        }
        let last = try writer.commit([TestRecord(keys: ["new"])], at: 9)
        #expect(last[0].id == RecordID(31), comment)
    }

    private typealias Lie = (name: String, edit: (inout [BlockTable.Entry]) -> Void)

    private static var tableLies: [Lie] {
        [
            ("ids that descend", { $0.swapAt(0, 2) }),
            ("one block twice", { $0[1] = $0[0] }),
            ("ids that overlap", { $0[0] = $0[0].saying { $0.lastID = RecordID(17) } }),
            ("ids the wrong way round", { $0[1] = $0[1].saying { ($0.firstID, $0.lastID) = ($0.lastID, $0.firstID) } }),
            ("ids beyond the segment", { $0[2] = $0[2].saying { $0.lastID = RecordID(4000) } }),
            ("ids before the segment", { $0[0] = $0[0].saying { $0.firstID = .zero } }),
            ("the greatest id there is", { $0[2] = $0[2].saying { $0.lastID = .maximum } }),
            ("a place behind the end", { $0[2] = $0[2].saying(offset: FileOffset(1 << 30)) }),
            ("a place no file reaches", { $0[2] = $0[2].saying(offset: FileOffset(UInt64.max)) }),
            ("a place within a block", { $0[1] = $0[1].saying(offset: $0[1].block.offset + 1) }),
            ("a place in the header", { $0[0] = $0[0].saying(offset: FileOffset(3)) }),
            ("a stream of four gigabytes", { $0[1] = $0[1].saying(contentBytes: .max) }),
            ("more records than there are", { $0[1] = $0[1].saying { $0.recordCount = .max } }),
            ("a block left out", { $0.remove(at: 1) }),
            ("no block at all", { $0 = [] }),
            ("each block a million times", { entries in entries = Array(repeating: entries[0], count: 1 << 16) }),
        ]
    }

    @Test func `A table that cannot be true is not believed: the blocks are found without it`() throws {
        let (disk, records) = try Self.disk()
        for lie in Self.tableLies {
            var segment = try CraftedSegment(on: disk)
            segment.replaceTable(lie.edit)
            // Every record is there; that the table is not what it should be `verify` says.
            try Self.expectHonesty(segment, disk, records, "\(lie.name)")
        }
    }

    private static var summaryLies: [Lie] {
        [
            ("another first time", { $0[1] = $0[1].saying { $0.minimumTime = RecordTime(7) } }),
            ("another last time", { $0[1] = $0[1].saying { $0.maximumTime = RecordTime(-7) } }),
            ("another clock", { $0[1] = $0[1].saying { $0.firstRecordedAt = RecordTime(1 << 40) } }),
            ("ids that it does not have", { $0[1] = $0[1].saying { $0.firstID = $0.firstID.next } }),
            ("another inflated length", { $0[1] = $0[1].saying(rawBytes: 77) }),
        ]
    }

    @Test func `A block that is not what the index says of it is named, and the others are served`() throws {
        let (disk, records) = try Self.disk()
        let table = try CraftedSegment(on: disk).table
        for lie in Self.summaryLies {
            var segment = try CraftedSegment(on: disk)
            segment.replaceTable(lie.edit)
            var entries = table.entries
            lie.edit(&entries)
            let ids = entries[1].summary
            try Self.expectHonesty(
                segment,
                disk,
                records.filter {
                    lie.name.contains("does not have") ? $0.id != table.entries[1].summary.firstID : true
                },
                lost: ids.firstID.rawValue...ids.lastID.rawValue,
                "\(lie.name)"
            )
        }
    }

    @Test func `An index that points at another block of records gives no record under another id`() throws {
        let (disk, records) = try Self.disk()
        var segment = try CraftedSegment(on: disk)
        let (first, second) = (segment.table.entries[0], segment.table.entries[1])
        // The first block once more, behind the others, for the ids of the second.
        let raw = try segment.raw(
            first.block,
            .records
        )
        let copy = segment.add(
            raw,
            .records,
            count: Int(first.summary.recordCount),
            ids: first.summary.firstID...first.summary.lastID
        )
        segment.replaceTable {
            $0 = [first, second.saying(offset: copy.offset, contentBytes: copy.contentBytes), $0[2]]
        }
        let disk2 = disk.copy()
        try segment.write(to: disk2)
        let (log, _, _) = try openLog(disk2)
        for record in records {
            guard let found = try? log.view.record(record.id) else { continue }
            #expect(TestRecord(found) == record)
        }
        let all = try log.view.readingPastDamage()
        #expect(all.records == records.filter { !all.lost.contains($0.id.rawValue) })
    }

    @Test func `An index that lies about keys gives no wrong record, and is found by a check`() throws {
        let (disk, records) = try Self.disk()
        let original = try CraftedSegment(on: disk)
        let page = try original.raw(original.directory.pages[0].reference, .keys)
        func varints(_ values: UInt64...) -> [UInt8] {
            var bytes: [UInt8] = []
            for value in values { bytes.appendVarint(value) }
            return bytes
        }
        let key = Array("even".utf8)
        let whole = varints(0, 4) + key
        let pages: [(String, [UInt8])] = [
            ("no key", []),
            ("keys that descend", page + varints(0, 1) + [1] + varints(1, 0)),
            ("one key twice", whole + varints(15, 0) + varints(4, 0) + varints(15, 0)),
            ("more shared than there is", varints(9, 1) + [1] + varints(1, 0)),
            ("a length beyond the end", varints(0, 1 << 40) + key),
            ("a varint that never ends", [UInt8](repeating: 0xFF, count: 40)),
            ("blocks without number", whole + varints(15, .max)),
            ("more blocks than there are", whole + varints(15, 4, 0, 1, 1, 1)),
            ("a block that is not there", whole + varints(15, 1, 3)),
            ("blocks that descend", whole + varints(15, 2, 2, .max)),
            ("a block twice", whole + varints(15, 2, 1, 0)),
            ("another block", whole + varints(15, 1, 1)),
            ("another count", whole + varints(.max, 0)),
        ]
        for (name, bytes) in pages {
            var segment = original
            segment.replacePage(bytes, firstKey: Array("all".utf8))
            try Self.expectHonesty(segment, disk, records, "\(name)")
        }
        let references: [(String, BlockReference)] = [
            ("a page behind the end", .init(offset: FileOffset(1 << 40), contentBytes: 5, rawBytes: 5)),
            ("a page no file reaches", .init(offset: FileOffset(UInt64.max), contentBytes: .max, rawBytes: .max)),
            ("a directory in the place of a page", try #require(original.footer.section(.names))),
            (
                "records in the place of a page",
                .init(offset: original.table.entries[0].block.offset, contentBytes: 9, rawBytes: 9)
            ),
        ]
        for (name, reference) in references {
            var segment = original
            segment.replaceDirectory { $0[0] = KeyDirectory.Page(reference: reference, firstKey: $0[0].firstKey) }
            try Self.expectHonesty(segment, disk, records, "\(name)")
        }
        var segment = original
        segment.replaceDirectory { $0[0] = KeyDirectory.Page(reference: $0[0].reference, firstKey: Array("zz".utf8)) }
        try Self.expectHonesty(segment, disk, records, "a page behind its keys")
        segment = original
        segment.replaceSection(.names, with: segment.add(varints(.max, .max, .max, .max), .names))
        try Self.expectHonesty(segment, disk, records, "a directory of numbers alone")
    }

    @Test func `A filter without bits, or with more than it holds, is not asked`() throws {
        let (disk, records) = try Self.disk()
        func filter(_ bitCount: UInt64, _ bytes: Int, _ fill: UInt8 = 0) -> [UInt8] {
            var filter: [UInt8] = []
            filter.appendLittleEndian(bitCount)
            return filter + [UInt8](repeating: fill, count: bytes)
        }
        let filters = [filter(0, 0), filter(0, 16), filter(.max, 16), filter(1 << 63, 16), [], [1]]
        for bytes in filters + [filter(128, 16)] {
            var segment = try CraftedSegment(on: disk)
            segment.replaceSection(.filter, with: segment.add(bytes, .filter))
            try Self.expectHonesty(segment, disk, records, "\(bytes)")
        }
    }

    @Test func `A footer that tells what cannot be is passed over, and nothing is lost`() throws {
        let (disk, records) = try Self.disk()
        let lies: [(String, (inout SealedFooter) -> Void)] = [
            ("another length", { $0.fileBytes = 0 }),
            ("ids the wrong way round", { ($0.firstCovered, $0.lastCovered) = ($0.lastCovered, $0.firstCovered) }),
            ("ids from zero", { $0.firstCovered = .zero }),
            ("ids without end", { $0.lastCovered = .maximum }),
            ("a table behind the end", { $0.sections[0].block.offset = FileOffset(UInt64.max) }),
            ("a directory of four gigabytes", { $0.sections[2].block.contentBytes = .max }),
            ("a filter in the header", { $0.sections[3].block.offset = FileOffset(1) }),
            ("one section twice", { $0.sections.append($0.sections[0]) }),
        ]
        for (name, lie) in lies {
            var segment = try CraftedSegment(on: disk)
            lie(&segment.footer)
            if segment.footer.fileBytes > 0 {
                let store = segment.footer.header.identity.store
                #expect(try SealedFooter.decode(segment.footer.encoded(), store: store, path: "") == nil, "\(name)")
            }
            try Self.expectHonesty(segment, disk, records, "\(name)")
        }
    }

    @Test func `A block of records that lies about itself is named, and the others are served`() throws {
        let (disk, records) = try Self.disk()
        let original = try CraftedSegment(on: disk)
        let last = original.table.entries[2]
        let raw = try original.raw(last.block, .records)
        let count = Int(last.summary.recordCount)
        let ids = last.summary.firstID...last.summary.lastID
        let stream = Compressor(level: 1).deflate(raw)
        var flipped = stream
        flipped[stream.count / 2] ^= 0x55
        var lengths = raw
        // The last column is that of the lengths: two bytes for 5,000 and some, the second of them 0x27.
        let place = try #require(
            lengths.indices.first { start in (0..<count).allSatisfy { lengths[start + 2 * $0 + 1] == 0x27 } }
        )
        lengths.replaceSubrange(place..<place + 2, with: [0xFF, 0x7F])
        var endless = raw
        endless.replaceSubrange(place..<place + 2 * count, with: [UInt8](repeating: 0xFF, count: 2 * count))
        var add: [(String, (inout CraftedSegment) -> BlockReference)] = [
            ("a stream with a flipped bit", { $0.add(raw, .records, count: count, ids: ids, stream: flipped) }),
            ("no stream", { $0.add(raw, .records, count: count, ids: ids, stream: []) }),
            ("half a stream", { $0.add(raw, .records, count: count, ids: ids, stream: Array(stream.dropLast(9))) }),
            ("bytes behind the stream", { $0.add(raw, .records, count: count, ids: ids, stream: stream + [0]) }),
            ("a record too many", { $0.add(raw, .records, count: count + 1, ids: ids) }),
            ("records without number", { $0.add(raw, .records, count: Int(UInt32.max), ids: ids) }),
            ("no record", { $0.add(raw, .records, count: 0, ids: ids) }),
            ("a length that is longer", { $0.add(lengths, .records, count: count, ids: ids) }),
            ("lengths that never end", { $0.add(endless, .records, count: count, ids: ids) }),
            ("a byte too few", { $0.add(Array(raw.dropLast()), .records, count: count, ids: ids) }),
            ("nothing inflated", { $0.add([], .records, count: count, ids: ids) }),
        ]
        for announced: UInt32 in [0, UInt32(raw.count) - 1, UInt32(raw.count) + 1, 1 << 29, 1 << 30, .max] {
            add.append(
                ("\(announced) bytes announced", { $0.add(raw, .records, count: count, ids: ids, rawBytes: announced) })
            )
        }
        for (name, crafted) in add {
            var segment = original
            segment.replaceBlock(2, with: crafted(&segment))
            try Self.expectHonesty(
                segment,
                disk,
                records,
                lost: ids.lowerBound.rawValue...ids.upperBound.rawValue,
                "\(name)"
            )
        }
    }
}

extension LogView {
    /// All that a query gives, going on behind every damaged range; and the ids it could not give, as far as a test has any.
    func readingPastDamage(_ query: LogQuery = LogQuery()) throws -> (records: [TestRecord], lost: Set<UInt64>) {
        var query = query
        var records: [TestRecord] = []
        var lost: Set<UInt64> = []
        while true {
            var scan = LogScan(self, query)
            do {
                while let matches = try scan.next() { records += matches.map { TestRecord($0) } }
                return (records, lost)
            } catch {
                guard case .corrupt(let ids, _) = error else { throw error }
                // A liar may have damage reach to the end of all numbers.
                if ids.lowerBound <= RecordID(100) {
                    lost.formUnion(ids.lowerBound.rawValue...min(ids.upperBound.rawValue, 100))
                }
                query.after = ids.upperBound
            }
        }
    }
}
