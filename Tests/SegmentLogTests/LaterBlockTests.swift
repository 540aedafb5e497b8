// Owns: sections and blocks of a later version in a sealed segment: told for what they are, never taken for damage, and
// passed over where nobody need know them.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct LaterBlockTests {
    private static var options: LogOptions {
        var options = LogOptions.small
        options.segmentBytes = 256 << 10
        return options
    }

    /// Two sealed segments of three blocks each, and an active one.
    private static func disk() throws -> (disk: SimulatedDisk, records: [TestRecord]) {
        let filled = try diskWithLog(options) { log, writer in
            var records: [TestRecord] = []
            for segment in 0..<2 {
                for index in 0..<30 {
                    let keys = ["all", index.isMultiple(of: 2) ? "even" : "odd"]
                    let payload = [UInt8](repeating: UInt8(index), count: 5_000)
                    records += try writer.commit([TestRecord(keys: keys, payload: payload)], at: Int64(segment))
                }
                try writer.roll()
                _ = try log.sealOldest()
                _ = try log.replenishSpares()
            }
            try writer.rest()
            return records
        }
        filled.disk.restartProcess()
        return (filled.disk, filled.result)
    }

    /// The same with a section of another kind in the first segment.
    private static func disk(section kind: UInt8, flags: UInt8) throws -> (disk: SimulatedDisk, records: [TestRecord]) {
        let (disk, records) = try disk()
        try add(section: kind, flags: flags, to: CraftedSegment.path, on: disk)
        return (disk, records)
    }

    private static func add(section kind: UInt8, flags: UInt8, to path: String, on disk: SimulatedDisk) throws {
        var segment = try CraftedSegment(on: disk, at: path)
        let content: [UInt8] = [1, 2, 3]
        let header = SealedBlockHeader(
            offset: FileOffset(segment.body.count),
            count: 1,
            rawBytes: 3,
            contentBytes: 3,
            contentCRC: Checksum.crc32(content),
            kind: kind,
            codec: Codec.stored.rawValue
        )
        segment.body += header.encoded(seed: segment.seed) + content
        let block = BlockReference(offset: header.offset, contentBytes: 3, rawBytes: 3)
        segment.footer.sections.append(SealedFooter.Section(kind: kind, flags: flags, block: block))
        try segment.write(to: disk)
    }

    @Test(arguments: [100, 200] as [UInt8])
    func `A section that a reader must know is refused by name, and not a byte is written`(_ kind: UInt8) throws {
        let (disk, _) = try Self.disk(section: kind, flags: 1)
        let before = disk.image
        let found = "a section of kind \(kind) that a reader must know"
        #expect(throws: LogError.unknownFormat(path: CraftedSegment.path, found: found)) {
            try openLog(disk, Self.options)
        }
        #expect(disk.image == before)
    }

    @Test(arguments: [100, 200] as [UInt8], [0, 2] as [UInt8])
    func `Any other is passed over; a segment with one that a writer must know is not merged`(
        _ kind: UInt8,
        flags: UInt8
    ) throws {
        let (disk, records) = try Self.disk(section: kind, flags: flags)
        let bytes = disk.bytes(CraftedSegment.path)
        let (log, _, report) = try openLog(disk, Self.options)
        #expect(report.notes == [] && report.damage == [])
        #expect(try log.view.records() == records)
        let problems = try log.verify().problems
        // Kinds from 128 on are nobody's business who does not know them.
        #expect(problems.contains { $0.contains("of kind \(kind)") } == (kind < 128))
        _ = try log.compact(.everything)
        #expect(log.statistics.sealedSegments == (flags == 2 ? 2 : 1))
        #expect((disk.bytes(CraftedSegment.path) == bytes) == (flags == 2))
        #expect(try log.view.records() == records)
    }

    @Test(arguments: [0, 2] as [UInt8])
    func `An input of a merge that a crash has left goes, but for one with a section that a writer must know`(
        flags: UInt8
    ) throws {
        let (disk, records) = try Self.disk()
        let second = storeDirectory.sealed(RecordID(31))
        let input = disk.copy()
        try Self.add(section: 200, flags: flags, to: second, on: input)
        do {
            let (log, writer, _) = try openLog(disk, Self.options)
            _ = try log.compact(.everything)
            try writer.rest()
        }
        disk.restartProcess()
        try disk.open(second, .createNew).write(input.bytes(second), at: FileOffset(0))
        let (log, _, _) = try openLog(disk, Self.options)
        #expect(log.statistics.sealedSegments == 1)
        #expect(try log.view.records() == records)
        #expect((disk.bytes(second) == input.bytes(second)) == (flags == 2))
    }

    private enum Unknown: CaseIterable { case codec, checksum }

    /// Gives a block's header another codec or checksum, with a checksum of its own that is right.
    private static func change(_ unknown: Unknown, at offset: FileOffset, on disk: SimulatedDisk) throws {
        let seed = try CraftedSegment(on: disk).seed
        let start = Int(offset.rawValue)
        try disk.patch(CraftedSegment.path, start..<start + SealedBlockHeader.bytes) { header in
            header[unknown == .codec ? 49 : 50] = 9
            let crc = Checksum.crc32(Array(header[8...]), from: seed)
            header.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: 4) }
        }
    }

    @Test func `Records in a block that a later version has packed are told as such, and the others are served`() throws
    {
        for unknown in Unknown.allCases {
            let (disk, records) = try Self.disk()
            let entry = try CraftedSegment(on: disk).table.entries[1]
            let ids = entry.summary.firstID...entry.summary.lastID
            try Self.change(unknown, at: entry.block.offset, on: disk)
            let bytes = disk.bytes(CraftedSegment.path)
            let (log, writer, report) = try openLog(disk, Self.options)
            #expect(report.damage == [] && log.damage == [])
            let error = try #require(throws: LogError.self) { try log.view.records() }
            guard case .later(ids, _) = error else { throw error }
            for record in records {
                guard !ids.contains(record) else { continue }
                #expect(try log.view.record(record.id).map { TestRecord($0) } == record)
            }
            // It is nobody's damage, also once it has been met.
            #expect(log.damage == [])
            let told = try log.verify()
            #expect(told.damage == [] && told.problems.contains { $0.contains("of a later version") })
            // What cannot be read cannot be written anew.
            _ = try? log.compact(.everything)
            #expect(disk.bytes(CraftedSegment.path) == bytes)
            #expect(try writer.commit([TestRecord()], at: 9)[0].id == RecordID(61))
        }
    }

    @Test func `Without an index that can be read every block is searched`() throws {
        for unknown in Unknown.allCases {
            for kind in [SealedBlockHeader.Kind.blocks, .times, .names, .filter] {
                let (disk, records) = try Self.disk()
                let section = try #require(try CraftedSegment(on: disk).footer.section(kind))
                try Self.change(unknown, at: section.offset, on: disk)
                let (log, _, report) = try openLog(disk, Self.options)
                #expect(report.damage == [])
                let query = LogQuery(keys: KeyExpression(alternatives: [[[Array("odd".utf8)]]]))
                #expect(try log.view.records(query) == records.filter { $0.keys.contains("odd") }, "\(kind)")
                #expect(try log.view.records() == records, "\(kind)")
                let told = try log.verify()
                #expect(told.damage == [] && told.problems.contains { $0.contains("of a later version") }, "\(kind)")
            }
        }
    }
}
