// Owns: reading a sealed segment. Opening reads header and footer; table, directory, pages, filter and blocks are read
// when they are asked for, and kept in the cache.
//
// A damaged index never hides a record: where the filter, the directory or a page cannot be read, every block is
// searched; where the table or the footer cannot, the blocks are found by their own headers.

internal import Disk
import Synchronization

package final class SealedSegment: Segment {
    let file: any DiskFile
    let header: FileHeader
    let footer: SealedFooter
    /// Whether the footer could be read. Where not, `footer` says what the blocks themselves tell.
    let hasFooter: Bool
    private let seed: UInt32
    private let cache: BlockCache
    /// Set where the table on disk cannot be used: blocks as found by their headers.
    private let rebuiltTable = Mutex<BlockTable?>(nil)

    /// Opens a segment of the store. `nextBase` is the base of the segment behind it, which bounds what a segment with a
    /// damaged footer may have covered.
    init(
        _ file: any DiskFile, store: UniqueID, cache: BlockCache, nextBase: RecordID? = nil
    ) throws(LogError) {
        self.file = file
        self.cache = cache
        header = try FileHeader.read(file, kind: .sealed, store: store)
        seed = header.identity.seed
        let size = try onDisk { () throws(DiskError) in try file.size() }
        let footerOffset = max(Int(size) - SealedFooter.bytes, 0)
        let footerBytes = try onDisk { () throws(DiskError) in
            try file.bytes(at: FileOffset(footerOffset), count: SealedFooter.bytes)
        }
        if let footer = footerBytes.flatMap({ [seed] in SealedFooter($0, seed: seed) }),
            footer.fileBytes == size
        {
            self.footer = footer
            hasFooter = true
        } else {
            let found = try Self.findBlocks(file, size: size, header: header)
            var footer = SealedFooter()
            footer.fileBytes = size
            footer.firstCovered = header.base
            let lastFound = found.entries.last?.summary.lastID
            footer.lastCovered = nextBase.map { RecordID($0.rawValue - 1) } ?? lastFound ?? header.base
            footer.recordCount = found.entries.reduce(0) { $0 + UInt64($1.summary.recordCount) }
            footer.firstRecordedAt = found.entries.first?.summary.firstRecordedAt ?? .minimum
            footer.lastRecordedAt = found.entries.last?.summary.lastRecordedAt ?? .minimum
            self.footer = footer
            hasFooter = false
            rebuiltTable.withLock { $0 = found }
        }
    }

    package var path: String { file.path }
    package var base: RecordID { footer.firstCovered }
    package var lastID: RecordID? { footer.lastCovered }

    package func blockCount() throws(LogError) -> Int {
        try table().entries.count
    }

    package func summary(of block: Int) throws(LogError) -> BlockSummary {
        try table().entries[block].summary
    }

    package func block(_ index: Int) throws(LogError) -> Block {
        let entry = try table().entries[index]
        return try cache.value(cacheKey(entry.offset), bytes: \.memoryBytes) { () throws(LogError) in
            let reference = SealedFooter.Reference(
                offset: entry.offset, streamBytes: entry.streamBytes, rawBytes: entry.rawBytes)
            guard let found = try Self.inflate(file, reference, seed: seed, kind: .records),
                found.header.firstID == entry.summary.firstID, found.header.lastID == entry.summary.lastID,
                let block = RecordColumns.decode(found.raw, header: found.header)
            else {
                throw .corrupt(entry.summary.firstID...entry.summary.lastID, reason: "a block of \(path) is damaged")
            }
            return block
        }
    }

    package func blocks(holding key: [UInt8]) throws(LogError) -> BlockList {
        switch try entry(of: key) {
        case .absent: BlockList.none
        case .unknown: .unknown
        case .found(let entry): .some(entry.blocks)
        }
    }

    package func recordCount(holding key: [UInt8]) throws(LogError) -> Int? {
        switch try entry(of: key) {
        case .absent: 0
        case .unknown: nil
        case .found(let entry): entry.recordCount
        }
    }

    private enum Lookup {
        case absent
        case unknown
        case found(KeyEntry)
    }

    private func entry(of key: [UInt8]) throws(LogError) -> Lookup {
        guard hasFooter else { return .unknown }
        guard let filter = try part(footer.filter, .filter, KeyFilter.init) else { return .unknown }
        guard key.withUnsafeBytes(filter.mayContain) else { return .absent }
        guard let directory = try part(footer.directory, .directory, KeyDirectory.init) else { return .unknown }
        guard let page = directory.page(of: key) else { return .absent }
        guard let bytes: [UInt8] = try part(page.reference, .keys, { $0 }) else { return .unknown }
        var found: KeyEntry?
        let intact = KeyPage.forEach(bytes, blockCount: try blockCount()) { candidate, entry in
            if candidate == key { found = entry() }
            return found == nil
        }
        if let found { return .found(found) }
        return intact ? .absent : .unknown
    }

    /// Visits every key of the index in ascending order; false where a part of it is damaged.
    func forEachKey(_ visit: (_ key: [UInt8], _ entry: KeyEntry) -> Void) throws(LogError) -> Bool {
        guard hasFooter, let directory = try part(footer.directory, .directory, KeyDirectory.init) else { return false }
        let blockCount = try blockCount()
        for page in directory.pages {
            guard let bytes: [UInt8] = try part(page.reference, .keys, { $0 }),
                KeyPage.forEach(
                    bytes, blockCount: blockCount,
                    { key, entry in
                        visit(key, entry())
                        return true
                    })
            else { return false }
        }
        return true
    }

    private func table() throws(LogError) -> BlockTable {
        if let rebuilt = rebuiltTable.withLock({ $0 }) { return rebuilt }
        if let table = try part(footer.table, .table, BlockTable.init) { return table }
        let found = try Self.findBlocks(file, size: footer.fileBytes, header: header)
        rebuiltTable.withLock { $0 = found }
        return found
    }

    /// A part of the index, from the cache; nil where it is damaged.
    private func part<Value: Sendable>(
        _ reference: SealedFooter.Reference, _ kind: SealedBlockHeader.Kind, _ decode: ([UInt8]) -> Value?
    ) throws(LogError) -> Value? {
        let size = Int(reference.rawBytes) + 128
        return try cache.value(cacheKey(reference.offset), bytes: { $0 == nil ? 0 : size }) { () throws(LogError) in
            try Self.inflate(file, reference, seed: seed, kind: kind).flatMap { decode($0.raw) }
        }
    }

    private func cacheKey(_ offset: FileOffset) -> BlockCache.Key {
        BlockCache.Key(segment: header.identity.segment, offset: offset.rawValue)
    }

    private static func inflate(
        _ file: any DiskFile, _ reference: SealedFooter.Reference, seed: UInt32, kind: SealedBlockHeader.Kind
    ) throws(LogError) -> (header: SealedBlockHeader, raw: [UInt8])? {
        guard Int(reference.streamBytes) <= SealedBlockHeader.maximumRawBytes else { return nil }
        let bytes = try onDisk { () throws(DiskError) in
            try file.bytes(at: reference.offset, count: SealedBlockHeader.bytes + Int(reference.streamBytes))
        }
        guard let bytes, let found = SealedBlockHeader.inflate(bytes, at: reference.offset, seed: seed, kind: kind),
            found.header.rawBytes == reference.rawBytes
        else { return nil }
        return found
    }

    /// The table as the blocks themselves tell it, found by their headers wherever they stand. Times are read from the
    /// blocks; a block that cannot be read keeps its place with the widest bounds, so that a reader meets the damage.
    private static func findBlocks(
        _ file: any DiskFile, size: UInt64, header: FileHeader
    ) throws(LogError) -> BlockTable {
        let seed = header.identity.seed
        var table = BlockTable()
        var offset = FileOffset(FileHeader.bytes)
        while (offset + SealedBlockHeader.bytes).rawValue <= size {
            let bytes = try onDisk { () throws(DiskError) in
                try file.bytes(at: offset, count: SealedBlockHeader.bytes)
            }
            let block = bytes.flatMap { $0.withUnsafeBytes { SealedBlockHeader($0, at: offset, seed: seed) } }
            guard let block else {
                offset = offset + 1
                continue
            }
            if block.kind == .records {
                let reference = SealedFooter.Reference(
                    offset: offset, streamBytes: block.streamBytes, rawBytes: block.rawBytes)
                let records = try inflate(file, reference, seed: seed, kind: .records).flatMap {
                    RecordColumns.decode($0.raw, header: $0.header)
                }
                let times = records?.entries.map(\.time) ?? []
                let summary = BlockSummary(
                    firstID: block.firstID, lastID: block.lastID, recordCount: block.count,
                    minimumTime: times.min() ?? .minimum, maximumTime: times.max() ?? .maximum,
                    firstRecordedAt: records?.entries.first?.recordedAt ?? .minimum,
                    lastRecordedAt: records?.entries.last?.recordedAt ?? .maximum)
                table.entries.append(
                    BlockTable.Entry(
                        offset: offset, streamBytes: block.streamBytes, rawBytes: block.rawBytes, summary: summary))
            }
            offset = block.end
        }
        return table
    }
}
