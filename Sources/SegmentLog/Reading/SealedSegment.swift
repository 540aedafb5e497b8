// Owns: reading a sealed segment. Opening reads header and footer. The block table is read when it is needed, and stays as long as
// there is room on the shelf; directory, pages, filter and blocks are kept in the cache.
//
// A damaged index never hides a record: where the filter, the directory or a page cannot be read, every block is
// searched; where the table or the footer cannot, the blocks are found by their own headers.

package import Disk
import Synchronization

package final class SealedSegment: Segment, TableOwner {
    let file: any DiskFile
    package let header: FileHeader
    let footer: SealedFooter
    /// Whether the footer could be read. Where not, `footer` says what the blocks themselves tell.
    let hasFooter: Bool
    /// Ids that this segment should answer for and cannot, as far as opening has told: none where the footer is whole.
    package let damage: [ClosedRange<RecordID>]
    private let seed: UInt32
    private let index: KeyIndex
    private let cache: BlockCache
    private let register: DamageRegister
    private let known = Mutex<KnownBlocks?>(nil)
    private let isTableUsed = Atomic(false)
    private let numberings = Atomic(0)
    private static let unknownEffort = -2
    private let knownEffort = Atomic(unknownEffort)
    private let hasSpoiledKeys = Atomic(false)

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
        let footer = try SealedFooter.read(file, size: size, kind: .sealed, store: store)
        guard let header = try FileHeader.read(file, kind: .sealed, store: store) ?? footer?.header else { return nil }
        self.header = header
        seed = header.identity.seed
        if let footer, footer.header == header {
            self.footer = footer
            index = KeyIndex(file: file, footer: footer, cache: cache)
            hasFooter = true
            damage = []
        } else {
            let found = try BlockFinder.find(in: file, header: header)
            let lastFound = found.entries.last?.summary.lastID ?? header.base
            let covering = header.base...max(lastFound, nextBase.map { RecordID($0.rawValue - 1) } ?? lastFound)
            let table = BlockFinder.filled(found, covering: covering)
            let rebuilt = SealedFooter(header, fileBytes: size, covering: covering, blocks: found)
            self.footer = rebuilt
            index = KeyIndex(file: file, footer: rebuilt, cache: cache)
            hasFooter = false
            damage = table.entries.map(\.summary).filter(\.isUnreadable).map { $0.firstID...$0.lastID }
            known.withLock { $0 = KnownBlocks(table: table, isComplete: false) }
        }
    }

    package var path: String { file.path }
    package var id: UniqueID { header.identity.segment }
    package var base: RecordID { footer.firstCovered }
    package var lastID: RecordID? { footer.lastCovered }

    package var hasIndexAtHand: Bool { true }

    /// It changes where the table had to be read once more, and was damaged by then.
    package var numbering: Int { numberings.load(ordering: .acquiring) }

    package func blockCount() throws(LogError) -> Int {
        try table().entries.count
    }

    package func summary(of block: Int) throws(LogError) -> BlockSummary {
        try entry(block).summary
    }

    package func block(_ index: Int) throws(LogError) -> Block {
        try block(try entry(index))
    }

    package func record(_ id: RecordID) throws(LogError) -> Record? {
        let table = try table()
        let index = table.firstEntry(reaching: id)
        return index < table.entries.count ? try block(table.entries[index]).record(id) : nil
    }

    package func passingBlock(_ index: Int) throws(LogError) -> Block {
        try passingBlock(try entry(index))
    }

    private func block(_ entry: BlockTable.Entry) throws(LogError) -> Block {
        let block = try cache.value(cacheKey(entry.block.offset), bytes: \.memoryBytes) {
            () throws(LogError) -> Block? in
            try passingBlock(entry)
        }
        guard let block else { preconditionFailure("what cannot be loaded throws") }
        return block
    }

    private func passingBlock(_ entry: BlockTable.Entry) throws(LogError) -> Block {
        if let reason = register.reason(against: place(of: entry)) { throw damaged(entry, reason) }
        return try load(entry)
    }

    package func transferBlock(_ index: Int, to bytes: inout [UInt8]) throws(LogError) {
        let entry = try entry(index)
        if let reason = register.reason(against: place(of: entry)) { throw damaged(entry, reason) }
        let (start, length) = (bytes.count, entry.block.bytes)
        try checked(entry) { () throws(LogError) -> Void? in
            guard try onDisk({ () throws(DiskError) in try file.append(length, at: entry.block.offset, to: &bytes) })
            else { return nil }
            if let known = later(Array(bytes[start..<start + SealedBlockHeader.bytes]), entry) {
                bytes.removeLast(length)
                throw known
            }
            let isWhole = bytes.withUnsafeMutableBytes { bytes in
                let block = UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
                return TransferBlock.replace(block, of: entry, seed: seed)
            }
            if isWhole { return () }
            bytes.removeLast(length)
            return nil
        }
    }

    /// A block as it lies there, its checksum looked at.
    func packedBlock(_ index: Int) throws(LogError) -> PackedBlock {
        let entry = try entry(index)
        if let reason = register.reason(against: place(of: entry)) { throw damaged(entry, reason) }
        return try checked(entry) { () throws(LogError) in
            let read = try onDisk { () throws(DiskError) in
                try file.bytes(at: entry.block.offset, count: entry.block.bytes)
            }
            guard let bytes = read else { return nil }
            if let known = later(Array(bytes.prefix(SealedBlockHeader.bytes)), entry) { throw known }
            return bytes.withUnsafeBytes { entry.header(of: $0, seed: seed) }.map { header, codec in
                PackedBlock(
                    content: PackedContent(
                        Array(bytes[SealedBlockHeader.bytes...]),
                        codec,
                        crc: header.contentCRC,
                        rawBytes: header.rawBytes
                    ),
                    summary: entry.summary
                )
            }
        }
    }

    /// How hard its first block was packed, and so all of them, most likely: 0 to 3; nil where that cannot be told.
    func effort() throws(LogError) -> Int? {
        let known = knownEffort.load(ordering: .relaxed)
        guard known == Self.unknownEffort else { return known < 0 ? nil : known }
        do throws(LogError) {
            let effort = try blockCount() > 0 ? packedBlock(0).content.effort : nil
            knownEffort.store(effort ?? -1, ordering: .relaxed)
            return effort
        } catch {
            guard error.unreadableIDs != nil else { throw error }
            return nil
        }
    }

    /// What to say of a block of records whose header tells that a later version has packed it; nil where it does not.
    private func later(_ head: [UInt8], _ entry: BlockTable.Entry) -> LogError? {
        guard let header = head.withUnsafeBytes({ SealedBlockHeader($0, at: entry.block.offset, seed: seed) }),
            Codec(rawValue: header.codecByte) == nil || ChecksumKind(rawValue: header.checksumByte) == nil
        else { return nil }
        let reason = "codec \(header.codecByte), checksum of kind \(header.checksumByte)"
        return .later(entry.summary.firstID...entry.summary.lastID, reason: reason)
    }

    package func controls() throws(LogError) -> [ControlRecord] {
        let section =
            try hasFooter ? footer.section(.controls) : BlockFinder.reference(.controls, in: file, header: header)
        guard let section else { return [] }
        switch try section.unpacked(from: file, seed: seed, kind: .controls) {
        case .whole(let header, let raw):
            guard let records = ControlRecord.decode(raw, count: Int(header.count)) else { break }
            return records
        case .later(let what): throw .unknownFormat(path: path, found: what)
        case .damaged: break
        }
        throw .unreadable(path: path, reason: "the store's own records in it are damaged")
    }

    /// Whether every byte of it can be read, of records and of the index: it can stand for what it was made of.
    func isWhole() throws(LogError) -> Bool {
        guard hasFooter, try blocks().isComplete else { return false }
        do throws(LogError) {
            for index in 0..<(try blockCount()) { _ = try recheck(index) }
        } catch {
            guard case .corrupt = error else { throw error }
            return false
        }
        var offset = FileOffset(0)
        while let part = try recheckIndex(from: offset) {
            if part.problem != nil { return false }
            offset = part.end
        }
        return true
    }

    /// Whether a block of it has turned out damaged since it was opened.
    var isSuspect: Bool { register.holds(segment: header.identity.segment) }

    package func recheck(_ index: Int) throws(LogError) -> Int {
        let entry = try entry(index)
        file.forget(at: entry.block.offset, count: entry.block.bytes)
        _ = try load(entry)
        register.clear(place(of: entry))
        return entry.block.bytes
    }

    /// Reads the next block of the index that stands at `offset` or behind it, past the cache, and checks it; the footer comes
    /// last. Nil behind that, and where there is no footer to tell where the index is.
    func recheckIndex(from offset: FileOffset) throws(LogError) -> KeyIndex.Part? {
        hasFooter ? try index.recheck(from: offset) : nil
    }

    /// Reads a block from the disk; where it is damaged, that is noted and thrown.
    private func load(_ entry: BlockTable.Entry) throws(LogError) -> Block {
        try checked(entry) { () throws(LogError) in
            switch try entry.block.unpacked(from: file, seed: seed, kind: .records) {
            case .whole(let header, let raw):
                guard let block = RecordColumns.decode(raw, header: header), block.isDescribed(by: entry.summary)
                else { return nil }
                return block
            case .later(let what): throw .later(entry.summary.firstID...entry.summary.lastID, reason: what)
            case .damaged: return nil
            }
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
        let isHole = entry.block.contentBytes == 0
        return DamageRegister.Place(
            segment: header.identity.segment,
            offset: isHole ? UInt64.max - entry.summary.firstID.rawValue : entry.block.offset.rawValue
        )
    }

    package var bodyBytes: Int { Int(clamping: footer.recordBytes) }

    package func keyIndex() throws(LogError) -> KeyIndex? {
        guard hasFooter, !hasSpoiledKeys.load(ordering: .relaxed), try blocks().isComplete else { return nil }
        return index
    }

    package func letGoOfKeys() { hasSpoiledKeys.store(true, ordering: .relaxed) }

    package func expect(_ key: [UInt8]) -> Bool { hasFooter && index.expect(key) }

    package func blocks(holding key: [UInt8], for work: Work?) throws(LogError) -> BlockList {
        switch try entry(of: key) {
        case .absent: BlockList.none
        case .unknown: .unknown
        case .found(let entry): .some(entry.blocks)
        }
    }

    package func recordCount(holding key: [UInt8], for work: Work?) throws(LogError) -> Int? {
        switch try entry(of: key) {
        case .absent: 0
        case .unknown: nil
        case .found(let entry): entry.recordCount
        }
    }

    private func entry(of key: [UInt8]) throws(LogError) -> KeyIndex.Lookup {
        do throws(LogError) {
            // The table is the larger part of what a look-up reads, and without need where the filter rules the key out.
            return try index.entry(of: key) { () throws(LogError) in
                let blocks = try blocks()
                return blocks.isComplete ? blocks.table.entries.count : nil
            }
        } catch {
            guard error.isUnreadableMedium else { throw error }
            return .unknown
        }
    }

    /// Visits every key of the index in ascending order; false where a part of it is damaged, or would not lead a reader to a
    /// key.
    func forEachKey(_ visit: (_ key: [UInt8], _ entry: KeyEntry) -> Void) throws(LogError) -> Bool {
        guard hasFooter else { return false }
        return try index.forEachKey(blockCount: try blockCount(), visit)
    }

    private func table() throws(LogError) -> BlockTable {
        try blocks().table
    }

    /// The entry of a block; blocks may have other numbers than when they were chosen.
    private func entry(_ index: Int) throws(LogError) -> BlockTable.Entry {
        let entries = try table().entries
        guard entries.indices.contains(index) else {
            throw .corrupt(footer.firstCovered...footer.lastCovered, reason: "the table of \(path) is damaged")
        }
        return entries[index]
    }

    func letGoOfTable() -> Bool {
        if isTableUsed.exchange(false, ordering: .relaxed) { return false }
        known.withLock { $0 = nil }
        return true
    }

    private func blocks() throws(LogError) -> KnownBlocks {
        if let known = known.withLock({ $0 }) {
            if !isTableUsed.load(ordering: .relaxed) { isTableUsed.store(true, ordering: .relaxed) }
            return known
        }
        let blocks: KnownBlocks
        let listed = try listedTable()
        let isListed = listed != nil
        if let listed {
            blocks = KnownBlocks(table: listed, isComplete: true)
        } else {
            let found = try BlockFinder.find(in: file, header: header)
            let isComplete = found.recordCount == footer.recordCount
            numberings.add(1, ordering: .releasing)
            let covering = footer.firstCovered...footer.lastCovered
            blocks = KnownBlocks(
                table: isComplete ? found : BlockFinder.filled(found, covering: covering),
                isComplete: isComplete
            )
        }
        let isFirst = known.withLock { known in
            guard known == nil else { return false }
            known = blocks
            return true
        }
        // What was put together from the blocks takes long to be found again.
        if isFirst, isListed { cache.tables.add(self, bytes: blocks.table.memoryBytes) }
        return blocks
    }

    /// The table as its sections tell it; nil where they are damaged, or do not describe this segment.
    func listedTable() throws(LogError) -> BlockTable? {
        guard hasFooter, let sections = try index.tableSections() else { return nil }
        return BlockTable(blocks: sections.blocks, times: sections.times, of: footer)
    }

    private func cacheKey(_ offset: FileOffset) -> BlockCache.Key {
        BlockCache.Key(segment: header.identity.segment, offset: offset.rawValue)
    }
}
