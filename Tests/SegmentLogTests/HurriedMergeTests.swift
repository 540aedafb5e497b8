// Owns: merging where there is no time to recompress: blocks go as they are, the merged segment says what one that was made of the
// records would, damage goes nowhere, and it is recompressed when there is time.

import Disk
import DiskSimulation
import FaultSimulation
import Synchronization
import Testing

@testable import SegmentLog

@Suite struct HurriedMergeTests {
    private typealias Many = ManyRawSegments

    private static var options: LogOptions {
        var options = Many.options
        (options.blockBytes, options.compactedBytes, options.sealingLevel) = (4 << 10, 1 << 20, 1)
        return options
    }

    private static func filled() throws -> (disk: SimulatedDisk, log: SegmentLog, records: [TestRecord]) {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk, options)
        let records = try Many.fill(writer, segments: 12, seed: 5, hasControls: true)
        try Many.makeKeys(log)
        while try log.sealOldest(hurriedly: true) {}
        return (disk, log, records)
    }

    private static func sealed(_ log: SegmentLog) -> [SealedSegment] {
        log.view.segments.compactMap { $0 as? SealedSegment }
    }

    /// The blocks of all segments, in order.
    private static func blocks(_ segments: [SealedSegment]) throws -> [PackedBlock] {
        try segments.flatMap { segment in try (0..<segment.blockCount()).map { try segment.packedBlock($0) } }
    }

    @Test func `Blocks go as they are, and all else is as in any merged segment`() throws {
        let (_, log, records) = try Self.filled()
        let inputs = Self.sealed(log)
        let before = try Self.blocks(inputs)
        let report = try log.compact(.hurried)
        #expect(report.segmentsBefore == 12 && report.segmentsAfter < 12)
        let merged = Self.sealed(log)
        let after = try Self.blocks(merged)
        #expect(before.count == after.count && zip(before, after).allSatisfy { $0.isSame(as: $1) })
        #expect(merged.reduce(0) { $0 + $1.footer.recordBytes } == inputs.reduce(0) { $0 + $1.footer.recordBytes })
        #expect(merged.reduce(0) { $0 + $1.footer.recordCount } == UInt64(records.count))
        #expect(try log.verify().isClean)
        try Many.check(log, records)
        // Footers say of times and moments what the records do.
        for segment in merged {
            let ids = segment.footer.firstCovered.rawValue...segment.footer.lastCovered.rawValue
            let own = records.enumerated().filter { ids.contains(UInt64($0.offset) + 1) }.map(\.element)
            #expect(segment.footer.leastTime == own.compactMap(\.time).min())
            #expect(segment.footer.greatestTime == own.compactMap(\.time).max())
        }
    }

    @Test func `Only so many merges are made as are asked for`() throws {
        let (_, log, records) = try Self.filled()
        let one = try log.compact(.hurried, most: 1)
        #expect(one.segmentsAfter < 12)
        let again = try log.compact(.hurried)
        #expect(again.segmentsAfter <= one.segmentsAfter)
        try Many.check(log, records)
    }

    @Test func `What was merged in a hurry is recompressed when there is time, once`() throws {
        let (_, log, records) = try Self.filled()
        _ = try log.compact(.hurried)
        #expect(try Self.sealed(log).allSatisfy { try $0.effort() == 0 })
        let large = Self.sealed(log).count { $0.footer.recordBytes >= UInt64(log.options.compactedBytes) / 2 }
        try #require(large > 0)
        let report = try log.compact(.background)
        #expect(report.bytesAfter < report.bytesBefore)
        let recompressed = try Self.sealed(log).count { try $0.effort() == 3 }
        #expect(recompressed >= large)
        let names = Self.sealed(log).map(\.id)
        _ = try log.compact(.background)
        #expect(Self.sealed(log).map(\.id) == names)
        #expect(try log.verify().isClean)
        try Many.check(log, records)
    }

    @Test func `A level says of itself what its stream does`() throws {
        for level in 1...9 {
            let content = PackedContent(noise(20_000, seed: level), Compressor(level: level))
            #expect(content.codec == .zlib && content.effort == Compressor.effort(ofLevel: level))
        }
        #expect(PackedContent([1, 2, 3], Compressor(level: 9)).effort == nil)
    }

    @Test func `A damaged block is not merged, and those before and behind it are`() throws {
        let (disk, log, records) = try Self.filled()
        let segment = Self.sealed(log)[1]
        let entry = try #require(try segment.listedTable()).entries[0]
        disk.flip(bit: 2, at: Int(entry.block.offset.rawValue) + SealedBlockHeader.bytes + 3, of: segment.path)
        #expect(throws: LogError.self) { try log.compact(.hurried) }
        // Now that it is known, the others are.
        let report = try log.compact(.hurried)
        #expect(report.segmentsAfter < 12)
        #expect(Self.sealed(log).contains { $0 === segment })
        let lost = entry.summary.firstID.rawValue...entry.summary.lastID.rawValue
        var query = LogQuery()
        query.skipsDamage = true
        let readable = records.enumerated().filter { !lost.contains(UInt64($0.offset) + 1) }.map(\.element)
        #expect(try log.view.records(query) == readable)
    }

    @Test func `What is written and cannot be read back leaves the inputs where they are`() throws {
        let (disk, log, records) = try Self.filled()
        let watched = WatchedDisk(disk)
        disk.restartProcess()
        let opened = try openLog(watched, Self.options).log
        let before = disk.logFiles
        // A bit of the merged file, once it has been synced and before it is read back.
        let flipped = Flag()
        watched.watch { operation, path in
            guard operation == .read, path.hasSuffix(".tmp"), flipped.set() else { return }
            // In its first block of records, which nothing reads but the comparison.
            disk.flip(bit: 1, at: FileHeader.bytes + SealedBlockHeader.bytes + 20, of: path)
        }
        #expect(throws: LogError.self) { try opened.compact(.hurried) }
        watched.watch(nil)
        #expect(disk.logFiles == before)
        #expect(try opened.view.records() == records)
        _ = log
    }
}

/// Something that is set once.
private final class Flag: Sendable {
    private let isSet = Atomic(false)
    func set() -> Bool { !isSet.exchange(true, ordering: .sequentiallyConsistent) }
}
