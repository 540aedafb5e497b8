// Owns: a raw file beside the sealed one that was made of it: it goes only where every byte of the other can be read.

import Disk
import DiskSimulation
import FaultSimulation
import Glibc
import Synchronization
import Testing

@testable import SegmentLog

@Suite struct KeptRawTests {
    private static let raw = storeDirectory.active(RecordID(1))
    private static let sealed = storeDirectory.sealed(RecordID(1))
    private static var options: LogOptions {
        var options = LogOptions.small
        options.segmentBytes = 256 << 10
        options.spareFiles = 0
        return options
    }

    /// A segment of three blocks, sealed and raw, as a crash behind the rename leaves them; and one of a record behind it.
    private static func disk() throws -> (disk: SimulatedDisk, records: [TestRecord]) {
        var bytes: [UInt8] = []
        let disk = SimulatedDisk()
        var records: [TestRecord] = []
        do {
            let (log, writer, _) = try openLog(disk, options)
            for index in 0..<30 {
                records += try writer.commit(
                    [TestRecord(keys: ["k\(index)"], payload: [UInt8](repeating: UInt8(index), count: 5_000))],
                    at: Int64(index)
                )
            }
            try writer.roll()
            bytes = disk.bytes(raw)
            _ = try log.sealOldest()
            _ = try log.replenishSpares()
            records += try writer.commit([TestRecord()], at: 40)
            try writer.rest()
        }
        disk.restartProcess()
        try disk.open(raw, .createOrTruncate).write(bytes, at: FileOffset(0))
        return (disk, records)
    }

    /// Two segments of ten records merged into one, and what the raw file of one of them held.
    private static func merged(
        raw base: UInt64 = 1
    ) throws -> (disk: SimulatedDisk, records: [TestRecord], raw: [UInt8]) {
        let disk = SimulatedDisk()
        var (raw, records): ([UInt8], [TestRecord]) = ([], [])
        do {
            let (log, writer, _) = try openLog(disk, options)
            for segment in 0..<2 {
                for index in 0..<10 {
                    records += try writer.commit([TestRecord(payload: noise(900, seed: index))], at: Int64(segment))
                }
                try writer.roll()
                if segment == Int(base / 10) { raw = disk.bytes(storeDirectory.active(RecordID(base))) }
                _ = try log.sealOldest()
                _ = try log.replenishSpares()
            }
            _ = try log.compact(.everything)
            try writer.rest()
        }
        disk.restartProcess()
        return (disk, records, raw)
    }

    @Test func `Where the sealed file is whole, the raw one is taken back`() throws {
        let (disk, records) = try Self.disk()
        let (log, _, report) = try openLog(disk, Self.options)
        #expect(report.notes == [] && report.damage == [])
        _ = try log.replenishSpares()
        #expect(!disk.logFiles.contains("00000000000000000001.active"))
        #expect(try log.view.records() == records)
    }

    @Test func `Where a byte of it is damaged the raw one takes its place, nothing is lost, and it is sealed again`()
        throws
    {
        let (disk, records) = try Self.disk()
        let segment = try CraftedSegment(on: disk)
        let file = disk.bytes(Self.sealed)
        func middle(_ block: BlockReference) -> Int { Int(block.offset.rawValue) + SealedBlockHeader.bytes + 5 }
        let places: [(String, Int)] =
            segment.table.entries.enumerated().map { ("block \($0)", middle($1.block)) }
            + segment.footer.sections.map { ("section \($0.kind)", middle($0.block)) }
            + [
                ("page", middle(segment.directory.pages[0].reference)),
                ("header of a block", Int(segment.table.entries[1].block.offset.rawValue) + 20),
                ("footer", file.count - 100),
            ]
        for (name, place) in places {
            let copy = disk.copy()
            copy.flip(bit: 3, at: place, of: Self.sealed)
            let damaged = copy.bytes(Self.sealed)
            let offline = try SegmentLog.openReadOnly(copy.copy(), directory: storeDirectory, options: Self.options)
            #expect(try offline.log.verify().findings.map(\.file) == [storeDirectory.name(of: Self.sealed)], "\(name)")
            do {
                let (log, writer, report) = try openLog(copy, Self.options)
                #expect(report.damage == [] && !report.notes.isEmpty, "\(name)")
                #expect(try log.view.records() == records, "\(name)")
                #expect(copy.quarantine == ["/store/quarantine/00000000000000000001.segment": damaged], "\(name)")
                #expect(try log.sealOldest(), "\(name)")
                _ = try log.replenishSpares()
                #expect(try log.view.records() == records && log.verify().isClean, "\(name)")
                try writer.rest()
            }
            copy.restartProcess()
            let (log, _, report) = try openLog(copy, Self.options)
            #expect(report.notes == [] && report.damage == [], "\(name)")
            #expect(try log.view.records() == records, "\(name)")
        }
    }

    @Test(arguments: [1, 11] as [UInt64])
    func `A raw file inside a wider sealed one is kept where that is damaged, and not put in its place`(
        base: UInt64
    ) throws {
        let path = storeDirectory.active(RecordID(base))
        let (disk, records, raw) = try Self.merged(raw: base)
        try disk.open(path, .createOrTruncate).write(raw, at: FileOffset(0))
        let block = try CraftedSegment(on: disk).table.entries[0].block
        disk.flip(bit: 1, at: Int(block.offset.rawValue) + 70, of: Self.sealed)
        let (log, _, report) = try openLog(disk, Self.options)
        _ = try log.replenishSpares()
        #expect(report.notes.contains { $0.contains("is kept") })
        #expect(disk.bytes(path) == raw && disk.quarantine.isEmpty)
        // What the sealed one still has is served.
        let found = try log.view.readingPastDamage()
        #expect(found.records == records.filter { !found.lost.contains($0.id.rawValue) } && !found.lost.isEmpty)
    }

    @Test func `A read that fails once does not put the raw file in the place of a wider sealed one`() throws {
        let (merged, records, raw) = try Self.merged()
        try merged.open(Self.raw, .createOrTruncate).write(raw, at: FileOffset(0))
        for number in 1...24 {
            let disk = WatchedDisk(merged.copy())
            let reads = Atomic(0)
            disk.watch { operation, path throws(DiskError) in
                guard operation == .read, path == Self.sealed else { return }
                if reads.add(1, ordering: .relaxed).newValue == number {
                    throw DiskError(.read, path: path, errno: EIO)
                }
            }
            // A record, an error, or a hole: whichever the read was for.
            _ = try openLog(disk, Self.options).log.view
            #expect(disk.simulated.quarantine.isEmpty, "read \(number)")
            let (log, _, report) = try openLog(disk.simulated, Self.options)
            #expect(report.damage == [] && report.notes == [], "read \(number)")
            #expect(try log.view.records() == records, "read \(number)")
        }
    }

    @Test func `A raw file that is damaged itself does not take the place of the sealed one`() throws {
        let (disk, records) = try Self.disk()
        let block = try CraftedSegment(on: disk).table.entries[2]
        disk.flip(bit: 3, at: Int(block.block.offset.rawValue) + SealedBlockHeader.bytes + 5, of: Self.sealed)
        disk.flip(bit: 0, at: 8_192 + FrameHeader.bytes + 200, of: Self.raw)
        let (log, _, report) = try openLog(disk, Self.options)
        #expect(report.notes.contains { $0.contains("is kept") } && disk.quarantine.isEmpty)
        #expect(disk.logFiles.contains("00000000000000000001.active"))
        let found = try log.view.readingPastDamage()
        let lost = block.summary.firstID...block.summary.lastID
        #expect(found.records == records.filter { !lost.contains($0) })
    }

    @Test func `A raw file of another past does not take the place of a damaged sealed one`() throws {
        let (disk, records) = try Self.disk()
        // The same ids, and another segment.
        let header = try #require(
            try FileHeader.decode(
                disk.bytes(Self.sealed),
                kind: .sealed,
                store: UniqueID(bytes: Array(disk.bytes(Self.sealed)[16..<32])),
                path: Self.sealed
            )
        )
        let other = SimulatedDisk()
        try other.createDirectory("/store")
        let store = StoreFile(store: header.identity.store, created: .minimum)
        try other.createDirectory("/store/log")
        try other.replaceFile(Manifest.name, in: "/store", with: Manifest.initial(header.identity.store))
        try other.replaceFile(StoreFile.name, in: "/store", with: store.encoded())
        do {
            let (_, writer, _) = try openLog(other, Self.options)
            for index in 0..<30 { try writer.commit([TestRecord(payload: [9])], at: Int64(index)) }
            try writer.roll()
        }
        let block = try CraftedSegment(on: disk).table.entries[1]
        disk.flip(bit: 3, at: Int(block.block.offset.rawValue) + SealedBlockHeader.bytes + 5, of: Self.sealed)
        let raw = try #require(
            other.logFiles.first { other.bytes("/store/log/\($0)").count > 0 && $0.hasSuffix(".active") }
        )
        try disk.open(Self.raw, .createOrTruncate).write(other.bytes("/store/log/\(raw)"), at: FileOffset(0))
        let (log, _, report) = try openLog(disk, Self.options)
        #expect(report.notes.contains { $0.contains("is kept") } && disk.quarantine.isEmpty)
        let lost = block.summary.firstID...block.summary.lastID
        #expect(try log.view.readingPastDamage().records == records.filter { !lost.contains($0) })
    }

    @Test(arguments: [49, 50])
    func `Where a later version has sealed it the raw file is kept, and the records are that version's`(
        _ field: Int
    ) throws {
        let (disk, records) = try Self.disk()
        let segment = try CraftedSegment(on: disk)
        let entry = segment.table.entries[1]
        let start = Int(entry.block.offset.rawValue)
        // Its codec, or its checksum.
        try disk.patch(Self.sealed, start..<start + SealedBlockHeader.bytes) { header in
            header[field] = 9
            let crc = Checksum.crc32(Array(header[8...]), from: segment.seed)
            header.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: 4) }
        }
        let (raw, sealed) = (disk.bytes(Self.raw), disk.bytes(Self.sealed))
        let (log, _, report) = try openLog(disk, Self.options)
        _ = try log.replenishSpares()
        #expect(report.notes.contains { $0.contains("is kept") && $0.contains("of a later version") })
        #expect(disk.bytes(Self.raw) == raw && disk.bytes(Self.sealed) == sealed && disk.quarantine.isEmpty)
        guard case .later(let ids, _)? = #expect(throws: LogError.self, performing: { try log.view.records() }) else {
            return #expect(Bool(false), "it is not told for what it is")
        }
        #expect(ids == entry.summary.firstID...entry.summary.lastID)
        #expect(try log.view.record(RecordID(30)).map { TestRecord($0) } == records[29])
    }

    /// A section of a kind that only a later version knows.
    private static func addSection(flags: UInt8, on disk: SimulatedDisk) throws {
        var segment = try CraftedSegment(on: disk)
        let block = segment.footer.sections[0].block
        segment.footer.sections.append(SealedFooter.Section(kind: 99, flags: flags, block: block))
        try segment.write(to: disk)
    }

    @Test func `Where this version must not read the sealed file, both are left and not a byte is written`() throws {
        let (disk, _) = try Self.disk()
        try Self.addSection(flags: SealedFooter.Section.mustRead, on: disk)
        let before = disk.image
        let error = try #require(throws: LogError.self) { try openLog(disk, Self.options) }
        guard case .unknownFormat(Self.sealed, _) = error else { throw error }
        #expect(disk.image == before)
    }

    @Test(arguments: [false, true])
    func `What only a later version may write goes into the quarantine where it is damaged, and nowhere else`(
        isDamaged: Bool
    ) throws {
        let (disk, records) = try Self.disk()
        try Self.addSection(flags: SealedFooter.Section.mustWrite, on: disk)
        let block = try CraftedSegment(on: disk).table.entries[1]
        if isDamaged { disk.flip(bit: 3, at: Int(block.block.offset.rawValue) + 70, of: Self.sealed) }
        let (raw, sealed) = (disk.bytes(Self.raw), disk.bytes(Self.sealed))
        let (log, _, report) = try openLog(disk, Self.options)
        _ = try log.replenishSpares()
        // Where all of the sealed one can be read the raw one has nothing that the log needs.
        #expect(disk.bytes(Self.sealed) == (isDamaged ? [] : sealed) && report.notes.isEmpty == !isDamaged)
        #expect(disk.quarantine.values.elementsEqual(isDamaged ? [sealed] : []))
        #expect((disk.bytes(Self.raw) == raw) == isDamaged)
        #expect(try log.view.records() == records)
        _ = try log.compact(.everything)
        #expect(isDamaged || disk.bytes(Self.sealed) == sealed)
    }
}
