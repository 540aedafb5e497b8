// Owns: sealed segments that lie, with checksums that are right: what an attacker writes, not what a disk does.

import Disk
import DiskSimulation
import Testing

@testable import SegmentLog

/// A sealed segment taken apart, to be put together again with other blocks behind the old ones.
struct CraftedSegment {
    static let path = storeDirectory.sealed(RecordID(1))

    /// Everything before the footer.
    var body: [UInt8]
    var footer: SealedFooter
    let table: BlockTable
    let directory: KeyDirectory
    let seed: UInt32

    /// Takes the first segment on a disk apart, which is intact.
    init(on disk: SimulatedDisk) throws {
        let bytes = disk.bytes(Self.path)
        let footer = try #require(SealedFooter(Array(bytes.suffix(SealedFooter.bytes))))
        let seed = footer.identity.seed
        self.footer = footer
        self.seed = seed
        body = Array(bytes.dropLast(SealedFooter.bytes))
        func raw(_ reference: SealedFooter.Reference, _ kind: SealedBlockHeader.Kind) -> [UInt8]? {
            let start = Int(reference.offset.rawValue)
            let block = Array(bytes[start..<start + SealedBlockHeader.bytes + Int(reference.streamBytes)])
            return SealedBlockHeader.inflate(block, at: reference.offset, seed: seed, kind: kind)?.raw
        }
        table = try #require(raw(footer.table, .table).flatMap { BlockTable($0, of: footer) })
        directory = try #require(raw(footer.directory, .directory).flatMap { KeyDirectory($0, of: footer) })
    }

    /// The bytes of the inflated block that stands at a reference.
    func raw(_ reference: SealedFooter.Reference, _ kind: SealedBlockHeader.Kind) throws -> [UInt8] {
        let start = Int(reference.offset.rawValue)
        let block = Array(body[start..<start + SealedBlockHeader.bytes + Int(reference.streamBytes)])
        return try #require(SealedBlockHeader.inflate(block, at: reference.offset, seed: seed, kind: kind)).raw
    }

    /// Adds a block behind the others. What is given in place of the truth goes into its header.
    mutating func add(
        _ raw: [UInt8],
        _ kind: SealedBlockHeader.Kind,
        count: Int = 0,
        ids: ClosedRange<RecordID> = RecordID.zero...RecordID.zero,
        rawBytes: UInt32? = nil,
        stream: [UInt8]? = nil,
        streamBytes: UInt32? = nil
    ) -> SealedFooter.Reference {
        let stream = stream ?? Compressor(level: 1).deflate(raw)
        let header = SealedBlockHeader(
            offset: FileOffset(body.count),
            firstID: ids.lowerBound,
            lastID: ids.upperBound,
            count: UInt32(count),
            rawBytes: rawBytes ?? UInt32(raw.count),
            streamBytes: streamBytes ?? UInt32(stream.count),
            streamCRC: Checksum.crc32(stream),
            kind: kind
        )
        body += header.encoded(seed: seed) + stream
        return SealedFooter.Reference(
            offset: header.offset,
            streamBytes: header.streamBytes,
            rawBytes: header.rawBytes
        )
    }

    mutating func replaceTable(_ edit: (inout [BlockTable.Entry]) -> Void) {
        var copy = table
        edit(&copy.entries)
        footer.table = add(copy.encoded(), .table, count: copy.entries.count)
    }

    mutating func replaceDirectory(_ edit: (inout [KeyDirectory.Page]) -> Void) {
        var copy = directory
        edit(&copy.pages)
        footer.directory = add(copy.encoded(), .directory, count: copy.pages.count)
    }

    /// Puts another page in the place of all.
    mutating func replacePage(_ page: [UInt8], firstKey: [UInt8]? = nil) {
        let reference = add(page, .keys)
        let first = directory.pages[0].firstKey
        replaceDirectory { $0 = [KeyDirectory.Page(reference: reference, firstKey: firstKey ?? first)] }
    }

    /// Puts another block of records in the place of one.
    mutating func replaceBlock(_ index: Int, with reference: SealedFooter.Reference) {
        replaceTable { entries in
            entries = entries.enumerated().map { position, entry in
                guard position == index else { return entry }
                return BlockTable.Entry(
                    offset: reference.offset,
                    streamBytes: reference.streamBytes,
                    rawBytes: reference.rawBytes,
                    summary: entry.summary
                )
            }
            entries.sort { $0.offset < $1.offset }
        }
    }

    func write(to disk: SimulatedDisk) throws {
        var footer = footer
        footer.fileBytes = footer.fileBytes == 0 ? 0 : UInt64(body.count + SealedFooter.bytes)
        let file = try disk.open(Self.path, .createOrTruncate)
        try file.write(body + footer.encoded(), at: FileOffset(0))
        try file.sync()
    }
}

extension BlockTable.Entry {
    /// The same with something else said of it.
    func saying(
        offset: FileOffset? = nil,
        streamBytes: UInt32? = nil,
        rawBytes: UInt32? = nil,
        _ edit: (inout BlockSummary) -> Void = { _ in }
    ) -> BlockTable.Entry {
        var summary = summary
        edit(&summary)
        return BlockTable.Entry(
            offset: offset ?? self.offset,
            streamBytes: streamBytes ?? self.streamBytes,
            rawBytes: rawBytes ?? self.rawBytes,
            summary: summary
        )
    }
}
