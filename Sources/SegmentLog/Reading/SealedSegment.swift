// Owns: reading a sealed segment. Opening reads header and footer. The block table is read when it is first needed and
// stays: about a three-hundredth of the records' bytes. Directory, pages, filter and blocks are kept in the cache.
//
// A damaged index never hides a record: where the filter, the directory or a page cannot be read, every block is
// searched; where the table or the footer cannot, the blocks are found by their own headers.

package import Disk
import Synchronization

package final class SealedSegment: Segment {
    let file: any DiskFile
    let header: FileHeader
    let footer: SealedFooter
    /// Whether the footer could be read. Where not, `footer` says what the blocks themselves tell.
    let hasFooter: Bool
    /// Ids that this segment should answer for and cannot, as far as opening has told: none where the footer is whole.
    package let damage: [ClosedRange<RecordID>]
    private let seed: UInt32
    private let cache: BlockCache
    private let register: DamageRegister
    private let known = Mutex<KnownBlocks?>(nil)

    private struct KnownBlocks {
        let table: BlockTable
        /// Whether all blocks are there. If not, the numbers by which the index names blocks mean others now.
        let isComplete: Bool
    }

    /// Opens a segment of the store; nil where neither header nor footer tells which it is. `nextBase` is the base of the
    /// segment behind it, which bounds what a segment with a damaged footer has covered.
    package init?(
        _ file: any DiskFile,
        store: UniqueID,
        cache: BlockCache,
        register: DamageRegister,
        nextBase: RecordID? = nil
    ) throws(LogError) {
        self.file = file
        self.cache = cache
        self.register = register
        let size = try onDisk { () throws(DiskError) in try file.size() }
        let footer = try Self.footer(file, size: size, store: store)
        guard
            let header = try FileHeader.read(file, kind: .sealed, store: store)
                ?? footer.map({ FileHeader(kind: .sealed, identity: $0.identity, base: $0.firstCovered) })
        else { return nil }
        self.header = header
        seed = header.identity.seed
        if let footer, footer.identity == header.identity {
            self.footer = footer
            hasFooter = true
            damage = []
        } else {
            let found = try BlockFinder.find(in: file, header: header)
            let lastFound = found.entries.last?.summary.lastID ?? header.base
            let covering = header.base...max(lastFound, nextBase.map { RecordID($0.rawValue - 1) } ?? lastFound)
            let table = BlockFinder.filled(found, covering: covering)
            self.footer = SealedFooter(header.identity, fileBytes: size, covering: covering, blocks: found)
            hasFooter = false
            damage = table.entries.map(\.summary).filter(\.isUnreadable).map { $0.firstID...$0.lastID }
            known.withLock { $0 = KnownBlocks(table: table, isComplete: false) }
        }
    }

    private static func footer(
        _ file: any DiskFile,
        size: UInt64,
        store: UniqueID
    ) throws(LogError) -> SealedFooter? {
        guard size >= UInt64(FileHeader.bytes + SealedFooter.bytes) else { return nil }
        let bytes = try onDisk { () throws(DiskError) in
            try file.bytes(at: FileOffset(size - UInt64(SealedFooter.bytes)), count: SealedFooter.bytes)
        }
        guard let footer = bytes.flatMap({ SealedFooter($0) }), footer.fileBytes == size else { return nil }
        try FileHeader.check(
            version: footer.version,
            features: footer.features,
            store: footer.identity.store,
            is: store,
            path: file.path
        )
        return footer
    }

    package var path: String { file.path }
    package var id: UniqueID { header.identity.segment }
    package var base: RecordID { footer.firstCovered }
    package var lastID: RecordID? { footer.lastCovered }

    package var hasIndexAtHand: Bool { true }

    package func blockCount() throws(LogError) -> Int {
        try table().entries.count
    }

    package func summary(of block: Int) throws(LogError) -> BlockSummary {
        try table().entries[block].summary
    }

    package func block(_ index: Int) throws(LogError) -> Block {
        let entry = try table().entries[index]
        let block = try cache.value(cacheKey(entry.offset), bytes: \.memoryBytes) { () throws(LogError) -> Block? in
            try passingBlock(index)
        }
        guard let block else { preconditionFailure("what cannot be loaded throws") }
        return block
    }

    package func passingBlock(_ index: Int) throws(LogError) -> Block {
        let entry = try table().entries[index]
        if let reason = register.reason(against: place(of: entry)) { throw damaged(entry, reason) }
        return try load(entry)
    }

    package func transferBlock(_ index: Int, to bytes: inout [UInt8]) throws(LogError) {
        let entry = try table().entries[index]
        if let reason = register.reason(against: place(of: entry)) { throw damaged(entry, reason) }
        let (start, length) = (bytes.count, SealedBlockHeader.bytes + Int(entry.streamBytes))
        try checked(entry) { () throws(LogError) -> Void? in
            guard try onDisk({ () throws(DiskError) in try file.append(length, at: entry.offset, to: &bytes) })
            else { return nil }
            let isWhole = bytes.withUnsafeMutableBytes { bytes in
                let block = UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
                return TransferBlock.replace(block, of: entry, seed: seed)
            }
            if isWhole { return () }
            bytes.removeLast(length)
            return nil
        }
    }

    /// Whether a block of it has turned out damaged since it was opened.
    var isSuspect: Bool { register.holds(segment: header.identity.segment) }

    package func recheck(_ index: Int) throws(LogError) -> Int {
        let entry = try table().entries[index]
        let length = SealedBlockHeader.bytes + Int(entry.streamBytes)
        file.forget(at: entry.offset, count: length)
        _ = try load(entry)
        register.clear(place(of: entry))
        return length
    }

    /// Reads the next block of the index that stands at `offset` or behind it, past the cache, and checks it; the footer comes
    /// last. Nil behind that, and where there is no footer to tell where the index is.
    func recheckIndex(from offset: FileOffset) throws(LogError) -> (end: FileOffset, bytes: Int, problem: String?)? {
        guard hasFooter else { return nil }
        let start = max(offset, FileOffset(FileHeader.bytes))
        let footerOffset = FileOffset(footer.fileBytes - UInt64(SealedFooter.bytes))
        guard start <= footerOffset else { return nil }
        do throws(LogError) {
            if start == footerOffset {
                file.forget(at: footerOffset, count: SealedFooter.bytes)
                let isIntact = try Self.footer(file, size: footer.fileBytes, store: header.identity.store) == footer
                return (start + 1, SealedFooter.bytes, isIntact ? nil : "the footer of \(path) is damaged")
            }
            let head = try onDisk { () throws(DiskError) in
                try file.bytes(at: start, count: SealedBlockHeader.bytes)
            }
            let block = head.flatMap { $0.withUnsafeBytes { SealedBlockHeader($0, at: start, seed: seed) } }
            guard let block, block.end <= footerOffset else {
                return (footerOffset, SealedBlockHeader.bytes, "\(path): no block at offset \(start)")
            }
            guard block.kind != .records else { return (block.end, SealedBlockHeader.bytes, nil) }
            file.forget(at: start, count: block.end - start)
            let bytes = try onDisk { () throws(DiskError) in try file.bytes(at: start, count: block.end - start) }
            let whole = bytes.flatMap { SealedBlockHeader.inflate($0, at: start, seed: seed, kind: block.kind) }
            let problem = whole == nil ? "\(path): the \(block.kind) block at offset \(start) is damaged" : nil
            return (block.end, block.end - start, problem)
        } catch {
            guard error.isUnreadableMedium else { throw error }
            return (footerOffset, SealedBlockHeader.bytes, "\(error)")
        }
    }

    /// Reads a block from the disk; where it is damaged, that is noted and thrown.
    private func load(_ entry: BlockTable.Entry) throws(LogError) -> Block {
        let reference = SealedFooter.Reference(
            offset: entry.offset,
            streamBytes: entry.streamBytes,
            rawBytes: entry.rawBytes
        )
        return try checked(entry) { () throws(LogError) in
            guard let found = try Self.inflate(file, reference, seed: seed, kind: .records),
                let block = RecordColumns.decode(found.raw, header: found.header),
                block.isDescribed(by: entry.summary)
            else { return nil }
            return block
        }
    }

    /// What `read` makes of a block; where it is damaged, that is noted and thrown.
    private func checked<Value>(
        _ entry: BlockTable.Entry,
        _ read: () throws(LogError) -> Value?
    ) throws(LogError) -> Value {
        var reason = "a block of \(path) is damaged"
        do throws(LogError) {
            if let value = try read() { return value }
        } catch {
            guard error.isUnreadableMedium else { throw error }
            reason = "\(error)"
        }
        throw damaged(entry, reason)
    }

    private func damaged(_ entry: BlockTable.Entry, _ reason: String) -> LogError {
        register.note(place(of: entry), entry.summary.firstID...entry.summary.lastID, reason: reason)
    }

    private func place(of entry: BlockTable.Entry) -> DamageRegister.Place {
        // Holes of a table that was put together from what was found have no offset; their first id tells them apart.
        let isHole = entry.streamBytes == 0
        return DamageRegister.Place(
            segment: header.identity.segment,
            offset: isHole ? UInt64.max - entry.summary.firstID.rawValue : entry.offset.rawValue
        )
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
        guard try blocks().isComplete else { return .unknown }
        guard let filter = try part(footer.filter, .filter, KeyFilter.init) else { return .unknown }
        guard key.withUnsafeBytes(filter.mayContain) else { return .absent }
        guard let directory = try directory() else { return .unknown }
        guard let page = directory.page(of: key) else { return .absent }
        guard let page = try self.page(page) else { return .unknown }
        return key.withUnsafeBytes(page.entry).map { .found($0) } ?? .absent
    }

    private func page(_ page: KeyDirectory.Page) throws(LogError) -> KeyPage? {
        let blockCount = try blockCount()
        return try part(page.reference, .keys) { KeyPage($0, blockCount: blockCount) }
    }

    /// Visits every key of the index in ascending order; false where a part of it is damaged, or would not lead a reader to a
    /// key.
    func forEachKey(_ visit: (_ key: [UInt8], _ entry: KeyEntry) -> Void) throws(LogError) -> Bool {
        guard hasFooter, let filter = try part(footer.filter, .filter, KeyFilter.init), let directory = try directory()
        else { return false }
        for page in directory.pages {
            guard let keys = try self.page(page) else { return false }
            var isLedTo = true
            keys.forEach { key, entry in
                visit(key, entry())
                isLedTo =
                    directory.page(of: key)?.reference == page.reference && key.withUnsafeBytes(filter.mayContain)
                return isLedTo
            }
            guard isLedTo else { return false }
        }
        return true
    }

    private func directory() throws(LogError) -> KeyDirectory? {
        try part(footer.directory, .directory) { KeyDirectory($0, of: footer) }
    }

    private func table() throws(LogError) -> BlockTable {
        try blocks().table
    }

    private func blocks() throws(LogError) -> KnownBlocks {
        if let known = known.withLock({ $0 }) { return known }
        let blocks: KnownBlocks
        let listed = try Self.inflate(file, footer.table, seed: seed, kind: .table).flatMap {
            BlockTable($0.raw, of: footer)
        }
        if let listed {
            blocks = KnownBlocks(table: listed, isComplete: true)
        } else {
            let found = try BlockFinder.find(in: file, header: header)
            let isComplete = found.recordCount == footer.recordCount
            let covering = footer.firstCovered...footer.lastCovered
            blocks = KnownBlocks(
                table: isComplete ? found : BlockFinder.filled(found, covering: covering),
                isComplete: isComplete
            )
        }
        known.withLock { $0 = blocks }
        return blocks
    }

    /// A part of the index, from the cache; nil where it is damaged.
    private func part<Value: Sendable>(
        _ reference: SealedFooter.Reference,
        _ kind: SealedBlockHeader.Kind,
        _ decode: ([UInt8]) -> Value?
    ) throws(LogError) -> Value? {
        // A directory's keys are arrays of their own; everything else is held as it was inflated.
        let size = Int(reference.rawBytes) * (kind == .directory ? 5 : 1) + 128
        return try cache.value(cacheKey(reference.offset), bytes: { _ in size }) { () throws(LogError) -> Value? in
            try Self.inflate(file, reference, seed: seed, kind: kind).flatMap { decode($0.raw) }
        }
    }

    private func cacheKey(_ offset: FileOffset) -> BlockCache.Key {
        BlockCache.Key(segment: header.identity.segment, offset: offset.rawValue)
    }

    private static func inflate(
        _ file: any DiskFile,
        _ reference: SealedFooter.Reference,
        seed: UInt32,
        kind: SealedBlockHeader.Kind
    ) throws(LogError) -> (header: SealedBlockHeader, raw: [UInt8])? {
        let bytes = try onDisk { () throws(DiskError) in
            try file.bytes(at: reference.offset, count: SealedBlockHeader.bytes + Int(reference.streamBytes))
        }
        guard let bytes, let found = SealedBlockHeader.inflate(bytes, at: reference.offset, seed: seed, kind: kind),
            found.header.rawBytes == reference.rawBytes
        else { return nil }
        return found
    }
}
