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

    /// Where it was found.
    private let path: String

    /// Takes a segment on a disk apart, which is intact; the first, where no other is named.
    init(on disk: SimulatedDisk, at path: String = Self.path) throws {
        self.path = path
        let bytes = disk.bytes(path)
        let store = UniqueID(bytes: Array(bytes[16..<32]))
        let length = try #require(SealedFooter.length(bytes))
        let footer = try #require(try SealedFooter.decode(Array(bytes.suffix(length)), store: store, path: path))
        let seed = footer.header.identity.seed
        self.footer = footer
        self.seed = seed
        body = Array(bytes.dropLast(length))
        func raw(_ kind: SealedBlockHeader.Kind) throws -> [UInt8] {
            let reference = try #require(footer.section(kind))
            let start = Int(reference.offset.rawValue)
            let block = Array(bytes[start..<start + reference.bytes])
            return try #require(SealedBlockHeader.unpack(block, at: reference.offset, seed: seed, kind: kind).whole).raw
        }
        table = try #require(BlockTable(blocks: try raw(.blocks), times: try raw(.times), of: footer))
        directory = try #require(KeyDirectory(try raw(.names), of: footer))
    }

    /// The bytes of the unpacked block that stands at a reference.
    func raw(_ reference: BlockReference, _ kind: SealedBlockHeader.Kind) throws -> [UInt8] {
        let start = Int(reference.offset.rawValue)
        let block = Array(body[start..<start + reference.bytes])
        return try #require(SealedBlockHeader.unpack(block, at: reference.offset, seed: seed, kind: kind).whole).raw
    }

    /// Adds a block behind the others. What is given in place of the truth goes into its header.
    mutating func add(
        _ raw: [UInt8],
        _ kind: SealedBlockHeader.Kind,
        count: Int = 0,
        ids: ClosedRange<RecordID> = RecordID.zero...RecordID.zero,
        rawBytes: UInt32? = nil,
        stream: [UInt8]? = nil,
        contentBytes: UInt32? = nil
    ) -> BlockReference {
        let stream = stream ?? Compressor(level: 1).deflate(raw)
        let header = SealedBlockHeader(
            offset: FileOffset(body.count),
            firstID: ids.lowerBound,
            lastID: ids.upperBound,
            count: UInt32(count),
            rawBytes: rawBytes ?? UInt32(raw.count),
            contentBytes: contentBytes ?? UInt32(stream.count),
            contentCRC: Checksum.crc32(stream),
            kind: kind.rawValue
        )
        body += header.encoded(seed: seed) + stream
        return BlockReference(offset: header.offset, contentBytes: header.contentBytes, rawBytes: header.rawBytes)
    }

    /// Has the footer name another block for a section, or none.
    mutating func replaceSection(_ kind: SealedBlockHeader.Kind, with block: BlockReference?) {
        footer.sections.removeAll { $0.kind == kind.rawValue }
        if let block { footer.sections.append(SealedFooter.Section(kind: kind.rawValue, block: block)) }
    }

    mutating func replaceTable(_ edit: (inout [BlockTable.Entry]) -> Void) {
        var copy = table
        edit(&copy.entries)
        let (blocks, times) = copy.encoded()
        replaceSection(.blocks, with: add(blocks, .blocks, count: copy.entries.count))
        replaceSection(.times, with: add(times, .times, count: copy.entries.count))
    }

    mutating func replaceDirectory(_ edit: (inout [KeyDirectory.Page]) -> Void) {
        var copy = KeyDirectory()
        var pages = directory.pages
        edit(&pages)
        for page in pages { copy.append(page) }
        replaceSection(.names, with: add(copy.bytes, .names, count: copy.pageCount))
    }

    /// Puts another page in the place of all.
    mutating func replacePage(_ page: [UInt8], firstKey: [UInt8]? = nil) {
        let reference = add(page, .keys)
        let first = directory.pages[0].firstKey
        replaceDirectory { $0 = [KeyDirectory.Page(reference: reference, firstKey: firstKey ?? first)] }
    }

    /// Puts another block of records in the place of one.
    mutating func replaceBlock(_ index: Int, with reference: BlockReference) {
        replaceTable { entries in
            entries = entries.enumerated().map { position, entry in
                guard position == index else { return entry }
                return BlockTable.Entry(block: reference, summary: entry.summary)
            }
            entries.sort { $0.block.offset < $1.block.offset }
        }
    }

    func write(to disk: SimulatedDisk) throws {
        var footer = footer
        let length = SealedFooter.bytes(sections: footer.sections.count)
        footer.fileBytes = footer.fileBytes == 0 ? 0 : UInt64(body.count + length)
        let file = try disk.open(path, .createOrTruncate)
        try file.write(body + footer.encoded(), at: FileOffset(0))
        try file.sync()
    }
}

extension BlockTable.Entry {
    /// The same with something else said of it.
    func saying(
        offset: FileOffset? = nil,
        contentBytes: UInt32? = nil,
        rawBytes: UInt32? = nil,
        _ edit: (inout BlockSummary) -> Void = { _ in }
    ) -> BlockTable.Entry {
        var (block, summary) = (block, summary)
        edit(&summary)
        block.offset = offset ?? block.offset
        block.contentBytes = contentBytes ?? block.contentBytes
        block.rawBytes = rawBytes ?? block.rawBytes
        return BlockTable.Entry(block: block, summary: summary)
    }
}

extension KeyDirectory {
    /// All pages that it names.
    var pages: [Page] {
        (0..<pageCount).map { withEntry($0) { Page(reference: $0, firstKey: Array($1)) } }
    }
}
