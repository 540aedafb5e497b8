// Owns: the index of a segment that was made of others: it says what an index of the records would, wherever it was merged from
// theirs, and wherever one of those could not be used.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct KeyMergeTests {
    private typealias Many = ManyRawSegments

    /// What becomes of the key files before the segments are sealed.
    enum KeyFiles: CaseIterable {
        case all, none, everyOther, damaged
    }

    @Test(arguments: KeyFiles.allCases, [4 << 10, 20 << 10, 64 << 10])
    func `An index merged from others is that of the records`(keyFiles: KeyFiles, blockBytes: Int) throws {
        var options = Many.options
        options.blockBytes = blockBytes
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk, options)
        let records = try Many.fill(writer, segments: 12, seed: UInt64(blockBytes), hasControls: true)
        if keyFiles != .none { try Many.makeKeys(log) }
        for (number, name) in disk.logFiles.filter({ $0.hasSuffix(".keys") }).enumerated() {
            let path = "\(storeDirectory.log)/\(name)"
            // In its pages of keys, which come before the filter.
            if keyFiles == .damaged { disk.flip(bit: 1, at: disk.bytes(path).count / 4, of: path) }
            if keyFiles == .everyOther, number.isMultiple(of: 2) {
                Many.raw(log).first { $0.path == path.replacing(".keys", with: ".active") }?.letGoOfKeys()
            }
        }
        while try log.sealOldest() {}
        #expect(try log.verify().isClean)
        try Many.check(log, records, "sealed")
        _ = try log.compact(.everything)
        #expect(log.view.segments.count == 2)
        #expect(try log.verify().isClean)
        try Many.check(log, records, "merged")
    }

    @Test func `A damaged page of keys does not go on into what its segment is merged into`() throws {
        let (disk, records) = try DamagedLog.disk()
        let (log, _, _) = try DamagedLog.open(disk)
        let segment = try #require(log.view.segments.first as? SealedSegment)
        let page = try #require(try segment.keyIndex()?.passingDirectory()?.page(0))
        disk.flip(bit: 3, at: Int(page.offset.rawValue) + SealedBlockHeader.bytes + 2, of: segment.path)
        #expect(try !log.verify().isClean)
        #expect(try log.compact(.everything).segmentsAfter == 1)
        #expect(try log.verify().isClean)
        #expect(try log.view.records() == records)
        for key in ["all", "even", "k3", "k9"] {
            #expect(try log.view.records(Many.query(key)) == records.filter { $0.keys.contains(key) })
        }
    }

    @Test func `What the disk will not give back of a key file does not hold up sealing`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk, Many.options)
        let records = try Many.fill(writer, segments: 4, seed: 8)
        try Many.makeKeys(log)
        let index = try #require(Many.raw(log)[1].keyIndex())
        let page = try #require(try index.passingDirectory()?.page(0))
        disk.makeUnreadable(Int(page.offset.rawValue)..<Int(page.offset.rawValue) + 1, of: index.file.path)
        while try log.sealOldest() {}
        #expect(Many.raw(log).count == 1)
        #expect(try log.compact(.everything).segmentsAfter == 1)
        #expect(try log.verify().isClean)
        try Many.check(log, records)
    }

    @Test func `A key file whose blocks another version has cut serves all the same`() throws {
        let filled = try diskWithLog(Many.options) { log, writer in
            let records = try Many.fill(writer, segments: 1, seed: 5)
            let raw = Many.raw(log)[0]
            // Two blocks each.
            let fine = try #require(try raw.listedTable()).entries
            var coarse = BlockTable()
            for first in stride(from: 0, to: fine.count, by: 2) {
                let pair = fine[first..<min(first + 2, fine.count)]
                var (block, summary) = (pair[first].block, pair[first].summary)
                for other in pair.dropFirst() {
                    block.contentBytes = UInt32(other.block.offset - block.offset) + other.block.contentBytes
                    block.rawBytes = block.contentBytes
                    summary.lastID = other.summary.lastID
                    summary.recordCount += other.summary.recordCount
                    summary.minimumTime = min(summary.minimumTime, other.summary.minimumTime)
                    summary.maximumTime = max(summary.maximumTime, other.summary.maximumTime)
                    summary.lastRecordedAt = other.summary.lastRecordedAt
                }
                coarse.entries.append(BlockTable.Entry(block: block, summary: summary))
            }
            #expect(coarse.entries.count > 1)
            var keys = Postings()
            for (number, entry) in coarse.entries.enumerated() {
                for id in entry.summary.firstID.rawValue...entry.summary.lastID.rawValue {
                    try raw.record(RecordID(id))?.withBody { keys.add($0, block: UInt32(number)) }
                }
            }
            let account = try #require(raw.account)
            let footer = SealedFooter(SealedFooter(header: raw.header.ofKeys), saying: account)
            let file = try log.disk.open(storeDirectory.keys(raw.base), .createNew)
            #expect(try KeyFileWriter.write(file, footer, coarse, keys, pace: { true }))
            return records
        }
        // Where its table is damaged the blocks have other numbers than it has them by, from the first question on.
        let damaged = filled.disk.copy()
        let table = FileHeader.bytes + SealedBlockHeader.bytes
        damaged.flip(bit: 3, at: table + 2, of: storeDirectory.keys(RecordID(1)))
        for number in [0, filled.result.count / 2, filled.result.count - 1] {
            let log = try openLog(damaged.copy(), Many.options).log
            let found = try log.view.records(Many.query("only-\(number)"))
            #expect(found == [filled.result[number]], "without its table")
        }
        let (log, _, _) = try openLog(filled.disk, Many.options)
        #expect(Many.raw(log)[0].keys != nil)
        #expect(try log.verify().isClean)
        try Many.check(log, filled.result, "raw")
        #expect(try log.sealOldest() && log.verify().isClean)
        try Many.check(log, filled.result, "sealed")
    }

    @Test func `A block that is joined of an indexed and a gathered one is named once`() throws {
        let disk = SimulatedDisk()
        var options = Many.options
        options.blockBytes = 64 << 10
        let (log, writer, _) = try openLog(disk, options)
        // A few records a segment, so that all of them come to lie in few blocks.
        let records = try (0..<30).flatMap { number in
            let more = try writer.commit(
                [TestRecord(keys: ["all", "k\(number % 3)"], payload: noise(5_000, seed: number))],
                at: Int64(number)
            )
            if number % 3 == 2 { try writer.roll() }
            return more
        }
        while try log.sealOldest() {}
        for segment in log.view.segments.compactMap({ $0 as? SealedSegment }).dropFirst(3).prefix(3) {
            let page = try #require(try segment.keyIndex()?.passingDirectory()?.page(0))
            disk.flip(bit: 3, at: Int(page.offset.rawValue) + SealedBlockHeader.bytes + 2, of: segment.path)
        }
        #expect(try log.compact(.everything).segmentsAfter == 1)
        #expect(try log.verify().isClean)
        #expect(try log.view.segments[0].blockCount() <= 3)
        for key in ["all", "k0", "k1", "k2"] {
            #expect(try log.view.records(Many.query(key)) == records.filter { $0.keys.contains(key) })
        }
    }

    @Test func `Blocks stay together, small ones are joined, and large ones cut`() throws {
        func blocks(_ bytes: Int) throws -> [UInt32] {
            var options = LogOptions.small
            options.segmentBytes = 256 << 10
            options.blockBytes = bytes
            let (log, writer, _) = try openLog(SimulatedDisk(), options)
            for number in 0..<200 {
                try writer.commit([TestRecord(keys: ["k"], payload: noise(1_000, seed: number))], at: Int64(number))
            }
            try writer.roll()
            let raw = try #require(log.view.segments.first)
            #expect(
                try (0..<(try raw.blockCount())).map { try raw.summary(of: $0).recordCount }.allSatisfy { $0 <= 21 }
            )
            try Many.makeKeys(log)
            while try log.sealOldest() {}
            let sealed = try #require(log.view.segments.first)
            return try (0..<(try sealed.blockCount())).map { try sealed.summary(of: $0).recordCount }
        }
        #expect(try blocks(20 << 10).dropLast().allSatisfy { $0 >= 15 && $0 <= 21 })
        #expect(try blocks(64 << 10).dropLast().allSatisfy { $0 >= 63 })
        #expect(try blocks(4 << 10).allSatisfy { $0 <= 5 })
    }
}
