// Owns: looking a key up in the index that stands in a sealed segment, or in the key file of a raw one: filter, directory, one
// page. What is read of it is kept in the cache, and all of it is checked.
//
// A damaged index never hides a record: where the filter, the directory or a page cannot be read, nothing is ruled out.

internal import Disk

/// The index in one file, as its footer tells where it lies.
package struct KeyIndex: Sendable {
    let file: any DiskFile
    let footer: SealedFooter
    private let seed: UInt32
    private let cache: BlockCache
    /// Where the parts of the filter lie, told once: each look-up asks.
    private let parts: BlockRun?

    init(file: any DiskFile, footer: SealedFooter, cache: BlockCache) {
        self.file = file
        self.footer = footer
        self.cache = cache
        seed = footer.header.identity.seed
        parts = footer.filterParts
    }

    enum Lookup {
        case absent
        case unknown
        case found(KeyEntry)
    }

    /// What the index says of a key. `blockCount` is asked for where the filter does not rule it out, and is nil where the blocks
    /// are not those that the index names.
    func entry(of key: [UInt8], blockCount: () throws(LogError) -> Int?) throws(LogError) -> Lookup {
        switch try mayContain(key) {
        case nil: return .unknown
        case false?: return .absent
        case true?: break
        }
        guard let blockCount = try blockCount(), let directory = try directory() else { return .unknown }
        guard let reference = directory.page(of: key) else { return .absent }
        guard let page = try page(reference, blockCount: blockCount) else { return .unknown }
        return key.withUnsafeBytes(page.entry).map { .found($0) } ?? .absent
    }

    /// Has the disk fetch what of the filter says whether the key may be there, and does not wait for it. False where that is in
    /// memory, or there is no filter.
    func expect(_ key: [UInt8]) -> Bool {
        guard let block = filterBlock(of: key.withUnsafeBytes(KeyHash.hash)), !cache.holds(cacheKey(block)) else {
            return false
        }
        file.expect(at: block.offset, count: block.bytes)
        return true
    }

    /// False where the key is not there, true where it may be; nil where the filter cannot be read.
    private func mayContain(_ key: [UInt8]) throws(LogError) -> Bool? {
        let hash = key.withUnsafeBytes(KeyHash.hash)
        if let whole = footer.section(.filter) {
            return try part(whole, .filter) { KeyFilter($1) }?.mayContain(hash: hash)
        }
        guard hasFilter else { return true }
        guard let parts else { return nil }
        let place = FilterParts.part(of: hash, among: parts.count)
        return try part(parts[place], .filterPart, decode: Self.filter(of: parts))?.mayContain(hash: hash)
    }

    /// The block of the filter that such a hash is asked of; nil where there is none.
    private func filterBlock(of hash: UInt64) -> BlockReference? {
        footer.section(.filter) ?? parts.map { $0[FilterParts.part(of: hash, among: $0.count)] }
    }

    private var hasFilter: Bool { footer.section(.filter) != nil || footer.section(.filterPart) != nil }

    /// The filter, past the cache, of which it may be more than that keeps; nil where there is none, or a part of it is damaged.
    private func passingFilter() throws(LogError) -> FilterParts? {
        if let whole = footer.section(.filter) {
            return try passing(whole, .filter) { KeyFilter($1) }.map { FilterParts([$0]) }
        }
        guard let parts else { return nil }
        var filters: [KeyFilter] = []
        for place in 0..<parts.count {
            guard let filter = try passing(parts[place], .filterPart, decode: Self.filter(of: parts)) else {
                return nil
            }
            filters.append(filter)
        }
        return FilterParts(filters)
    }

    /// One of the parts: each says how many there are, and one of another number would be asked about keys that are not its own.
    private static func filter(of parts: BlockRun) -> (SealedBlockHeader, [UInt8]) -> KeyFilter? {
        { header, raw in header.count == parts.count ? KeyFilter(raw) : nil }
    }

    private func page(_ page: BlockReference, blockCount: Int) throws(LogError) -> KeyPage? {
        try part(page, .keys) { KeyPage($1, blockCount: blockCount, recordCount: footer.recordCount) }
    }

    /// Visits every key of the index in ascending order; false where a part of it is damaged, or would not lead a reader to a
    /// key.
    func forEachKey(
        blockCount: Int,
        _ visit: (_ key: [UInt8], _ entry: KeyEntry) -> Void
    ) throws(LogError) -> Bool {
        guard let directory = try directory() else { return false }
        let filter = try passingFilter()
        guard filter != nil || !hasFilter else { return false }
        for page in (0..<directory.pageCount).lazy.map(directory.page) {
            guard let keys = try self.page(page, blockCount: blockCount) else { return false }
            var isLedTo = true
            keys.forEach { key, entry in
                visit(key, entry())
                isLedTo = directory.page(of: key) == page && filter.map { key.withUnsafeBytes($0.mayContain) } ?? true
                return isLedTo
            }
            guard isLedTo else { return false }
        }
        return true
    }

    /// The directory, past the cache; nil where it is damaged, or the disk will not give it back.
    func passingDirectory() throws(LogError) -> KeyDirectory? {
        try passing(footer.section(.names), .names) { KeyDirectory($1, of: footer) }
    }

    /// A page, past the cache; nil likewise.
    func passingPage(_ page: BlockReference, blockCount: Int) throws(LogError) -> KeyPage? {
        try passing(page, .keys) { KeyPage($1, blockCount: blockCount, recordCount: footer.recordCount) }
    }

    private func passing<Value>(
        _ block: BlockReference?,
        _ kind: SealedBlockHeader.Kind,
        decode: (SealedBlockHeader, [UInt8]) -> Value?
    ) throws(LogError) -> Value? {
        do throws(LogError) {
            return try block?.unpacked(from: file, seed: seed, kind: kind).whole.flatMap(decode)
        } catch {
            guard error.isUnreadableMedium else { throw error }
            return nil
        }
    }

    private func directory() throws(LogError) -> KeyDirectory? {
        try part(footer.section(.names), .names) { KeyDirectory($1, of: footer) }
    }

    /// The content of the two sections of the block table; nil where they are damaged.
    func tableSections() throws(LogError) -> (blocks: [UInt8], times: [UInt8])? {
        guard let blocks = footer.section(.blocks), let times = footer.section(.times),
            let places = try blocks.unpacked(from: file, seed: seed, kind: .blocks).whole,
            let moments = try times.unpacked(from: file, seed: seed, kind: .times).whole
        else { return nil }
        return (places.raw, moments.raw)
    }

    /// A part of the index, from the cache; nil where there is none, or it is damaged.
    private func part<Value: Sendable>(
        _ reference: BlockReference?,
        _ kind: SealedBlockHeader.Kind,
        decode: (SealedBlockHeader, [UInt8]) -> Value?
    ) throws(LogError) -> Value? {
        guard let reference else { return nil }
        // Held as it was unpacked; with a directory goes where each of its entries begins.
        let size = Int(reference.rawBytes) * (kind == .names ? 3 : 2) / 2 + 128
        return try cache.value(cacheKey(reference), bytes: { _ in size }) { () throws(LogError) -> Value? in
            try reference.unpacked(from: file, seed: seed, kind: kind).whole.flatMap(decode)
        }
    }

    private func cacheKey(_ block: BlockReference) -> BlockCache.Key {
        BlockCache.Key(
            segment: footer.header.identity.segment,
            offset: block.offset.rawValue,
            file: footer.checksum
        )
    }

    /// What checking one block of it has come to.
    struct Part {
        let end: FileOffset
        let bytes: Int
        let problem: String?
    }

    /// Reads the next block of the index that stands at `offset` or behind it, past the cache, and checks it; the footer comes
    /// last. Nil behind that.
    func recheck(from offset: FileOffset) throws(LogError) -> Part? {
        let start = max(offset, FileOffset(footer.header.length))
        let footerOffset = FileOffset(footer.fileBytes - UInt64(footer.bytes))
        guard start <= footerOffset else { return nil }
        do throws(LogError) {
            if start == footerOffset { return try recheckFooter(at: footerOffset) }
            let head = try onDisk { () throws(DiskError) in
                try file.bytes(at: start, count: SealedBlockHeader.bytes)
            }
            let block = head.flatMap { $0.withUnsafeBytes { SealedBlockHeader($0, at: start, seed: seed) } }
            guard let block, block.end <= footerOffset else {
                let problem = "\(file.path): no block at offset \(start)"
                return Part(end: footerOffset, bytes: SealedBlockHeader.bytes, problem: problem)
            }
            // Records are not of the index, and of what this version does not know it cannot say more.
            guard let kind = block.kind, kind != .records else {
                return Part(end: block.end, bytes: SealedBlockHeader.bytes, problem: nil)
            }
            file.forget(at: start, count: block.end - start)
            let bytes = try onDisk { () throws(DiskError) in try file.bytes(at: start, count: block.end - start) }
            var problem: String?
            switch bytes.map({ SealedBlockHeader.unpack($0, at: start, seed: seed, kind: kind) }) {
            case .whole, .later: break
            case .damaged, nil: problem = "\(file.path): the \(kind) block at offset \(start) is damaged"
            }
            return Part(end: block.end, bytes: block.end - start, problem: problem)
        } catch {
            guard error.isUnreadableMedium else { throw error }
            return Part(end: footerOffset, bytes: SealedBlockHeader.bytes, problem: "\(error)")
        }
    }

    private func recheckFooter(at offset: FileOffset) throws(LogError) -> Part {
        file.forget(at: offset, count: footer.bytes)
        let (kind, store) = (footer.header.kind, footer.header.identity.store)
        let isIntact = try SealedFooter.read(file, size: footer.fileBytes, kind: kind, store: store) == footer
        let problem = isIntact ? nil : "the footer of \(file.path) is damaged"
        return Part(end: offset + 1, bytes: footer.bytes, problem: problem)
    }
}

extension BlockReference {
    /// Reads the block and unpacks it.
    func unpacked(
        from file: any DiskFile,
        seed: UInt32,
        kind: SealedBlockHeader.Kind
    ) throws(LogError) -> SealedBlockHeader.Content {
        let bytes = try onDisk { () throws(DiskError) in try file.bytes(at: offset, count: self.bytes) }
        guard let bytes else { return .damaged }
        let content = SealedBlockHeader.unpack(bytes, at: offset, seed: seed, kind: kind)
        if case .whole(let header, _) = content, header.rawBytes != rawBytes { return .damaged }
        return content
    }
}
