// Owns: the filter of a segment with many keys: cut into parts, so that a look-up reads one; what is damaged in one hides
// nothing and costs the others nothing.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct FilterPartsTests {
    private typealias Many = ManyRawSegments
    private static let count = 9_000

    private static var options: LogOptions {
        var options = LogOptions.small
        options.segmentBytes = 2 << 20
        options.blockBytes = 4 << 10
        options.reserveFiles = 0
        return options
    }

    /// A segment of nine thousand records with a key of their own each; sealed, or closed with its key file.
    private static func disk(isSealed: Bool) throws -> (disk: SimulatedDisk, result: [TestRecord]) {
        let filled = try diskWithLog(options) { log, writer in
            var records: [TestRecord] = []
            for first in stride(from: 0, to: count, by: 100) {
                records += try writer.commit(
                    (first..<first + 100).map { TestRecord(keys: ["all", "only-\($0)"], payload: [UInt8($0 % 251)]) },
                    at: 1
                )
            }
            try writer.roll()
            if isSealed { #expect(try log.sealOldest()) } else { #expect(try log.makeKeys()) }
            _ = try log.replenishSpares()
            try writer.rest()
            return records
        }
        filled.disk.restartProcess()
        return filled
    }

    private static func path(_ disk: SimulatedDisk, isSealed: Bool) throws -> String {
        let suffix = isSealed ? ".segment" : ".keys"
        return try #require(disk.logFiles.first { $0.hasSuffix(suffix) }.map { "\(storeDirectory.log)/\($0)" })
    }

    private static func footer(_ bytes: [UInt8], isSealed: Bool) throws -> SealedFooter {
        let length = try #require(SealedFooter.length(bytes))
        return try #require(
            try SealedFooter.decode(
                Array(bytes.suffix(length)),
                kind: isSealed ? .sealed : .keys,
                store: UniqueID(bytes: Array(bytes[16..<32])),
                path: ""
            )
        )
    }

    @Test func `A filter in parts knows all its keys, and few others`() {
        var filter = FilterParts(keyCount: 10_000)
        func key(_ number: Int) -> [UInt8] { Array("order-\(number)".utf8) }
        for number in 0..<10_000 { filter.insert(hash: key(number).withUnsafeBytes(KeyHash.hash)) }
        #expect(filter.parts.count == 4)
        #expect((0..<10_000).allSatisfy { key($0).withUnsafeBytes(filter.mayContain) })
        #expect((10_000..<20_000).count { key($0).withUnsafeBytes(filter.mayContain) } < 200)
        #expect(filter.parts.allSatisfy { $0.encoded().count == FilterParts.partBytes })
    }

    @Test(arguments: [true, false]) func `A key that is not there costs a page of the filter`(isSealed: Bool) throws {
        let (inner, records) = try Self.disk(isSealed: isSealed)
        let path = try Self.path(inner, isSealed: isSealed)
        let footer = try Self.footer(inner.bytes(path), isSealed: isSealed)
        let run = try #require(footer.filterParts)
        #expect(footer.section(.filter) == nil && run.count == 3 && run.first.bytes == 4_096)
        let disk = WatchedDisk(inner)
        let (log, _, _) = try openLog(disk, Self.options)
        let suffix = isSealed ? ".segment" : ".keys"
        let opened = disk.bytesRead(of: suffix)
        #expect(try log.view.records(Many.query("nobody")) == [])
        #expect(disk.bytesRead(of: suffix) - opened == 4_096)
        var none = LogScan(log.view, Many.query("nothing"))
        let count = try none.count()
        #expect(count == 0)
        // Both fall into the same part. That of a key file is asked for its blocks besides, since a raw segment may grow.
        if isSealed { #expect(disk.bytesRead(of: suffix) - opened == 4_096) }
        for index in stride(from: 0, to: Self.count, by: 97) {
            #expect(try log.view.records(Many.query("only-\(index)")) == [records[index]])
        }
        var all = LogScan(log.view, Many.query("all"))
        #expect(try all.count() == Self.count)
        #expect(try log.verify().isClean)
    }

    @Test(arguments: [true, false]) func `A part that is damaged hides nothing, and is told`(isSealed: Bool) throws {
        let (original, records) = try Self.disk(isSealed: isSealed)
        let path = try Self.path(original, isSealed: isSealed)
        let footer = try Self.footer(original.bytes(path), isSealed: isSealed)
        let run = try #require(footer.filterParts)
        for place in 0..<run.count {
            let disk = original.copy()
            let start = Int(run[place].offset.rawValue)
            try disk.patch(path, start..<start + run[place].bytes) { $0[2_000] ^= 0xFF }
            let told = try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory).log.verify()
            let (log, _, _) = try openLog(disk, Self.options)
            for index in stride(from: 0, to: Self.count, by: 301) {
                #expect(
                    try log.view.records(Many.query("only-\(index)")) == [records[index]],
                    "\(index), part \(place)"
                )
            }
            #expect(try log.view.records(Many.query("nobody")) == [])
            #expect(told.damage == [] && told.problems.contains { $0.contains("filterPart") }, "part \(place)")
        }
    }

    @Test(arguments: [true, false]) func `What the disk keeps back of an index hides nothing`(isSealed: Bool) throws {
        let (original, records) = try Self.disk(isSealed: isSealed)
        let path = try Self.path(original, isSealed: isSealed)
        let footer = try Self.footer(original.bytes(path), isSealed: isSealed)
        let run = try #require(footer.filterParts)
        // Where the blocks of a sealed segment lie cannot be told without its table.
        let kinds: [SealedBlockHeader.Kind] = isSealed ? [.names] : [.names, .blocks, .times]
        let sections = try kinds.map { try #require(footer.section($0)) }
        for block in [run[0], run[1]] + sections {
            let disk = original.copy()
            let start = Int(block.offset.rawValue)
            disk.makeUnreadable(start..<start + 1, of: path)
            let (log, _, _) = try openLog(disk, Self.options)
            for index in stride(from: 0, to: Self.count, by: 1_001) {
                #expect(
                    try log.view.records(Many.query("only-\(index)")) == [records[index]],
                    "\(index), \(block.offset)"
                )
            }
            var all = LogScan(log.view, Many.query("all"))
            #expect(try all.count() == Self.count)
        }
    }

    @Test func `A part of another size, or more of them than can be, is none`() throws {
        let (disk, _) = try Self.disk(isSealed: true)
        var footer = try Self.footer(disk.bytes(try Self.path(disk, isSealed: true)), isSealed: true)
        let place = try #require(footer.sections.firstIndex { $0.kind == SealedBlockHeader.Kind.filterPart.rawValue })
        let count = footer.filterParts?.count
        #expect(count == 3)
        let whole = footer
        footer.fileBytes += 1
        #expect(footer.filterParts.map(\.count) == nil)
        footer = whole
        footer.sections[place].block.contentBytes = 0
        #expect(footer.filterParts.map(\.count) == nil)
        footer = whole
        footer.sections[place].block.rawBytes -= 1
        #expect(footer.filterParts.map(\.count) == nil)
        footer = whole
        footer.fileBytes += 4_096 << 33
        #expect(footer.filterParts.map(\.count) == nil)
    }

    @Test(arguments: [true, false]) func `A part of another number than there are is not asked`(isSealed: Bool) throws {
        let (disk, records) = try Self.disk(isSealed: isSealed)
        let path = try Self.path(disk, isSealed: isSealed)
        let bytes = disk.bytes(path)
        var footer = try Self.footer(bytes, isSealed: isSealed)
        // The first part is no longer named: a key of it would be looked for in another, which does not know it.
        let run = try #require(footer.filterParts)
        let place = try #require(footer.sections.firstIndex { $0.kind == SealedBlockHeader.Kind.filterPart.rawValue })
        footer.sections[place].block = run[1]
        disk.replace(path, with: Array(bytes.dropLast(footer.bytes)) + footer.encoded())
        let told = try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory).log.verify()
        #expect(told.damage == [] && told.problems.contains { $0.contains("the index does not agree") })
        let (log, _, report) = try openLog(disk, Self.options)
        #expect(report.damage == [])
        for index in stride(from: 0, to: Self.count, by: 301) {
            #expect(try log.view.records(Many.query("only-\(index)")) == [records[index]], "\(index)")
        }
    }

    @Test func `A key file whose whole filter would be more than one block is made anew`() throws {
        let (disk, records) = try Self.disk(isSealed: false)
        let path = try Self.path(disk, isSealed: false)
        let bytes = disk.bytes(path)
        var footer = try Self.footer(bytes, isSealed: false)
        let place = try #require(footer.sections.firstIndex { $0.kind == SealedBlockHeader.Kind.filterPart.rawValue })
        footer.sections[place].kind = SealedBlockHeader.Kind.filter.rawValue
        disk.replace(path, with: Array(bytes.dropLast(footer.bytes)) + footer.encoded())
        let (log, _, _) = try openLog(disk, Self.options)
        #expect(Many.raw(log).first?.keys == nil)
        #expect(try log.view.records(Many.query("only-7")) == [records[7]])
        #expect(try log.makeKeys() && log.verify().isClean)
    }
}
