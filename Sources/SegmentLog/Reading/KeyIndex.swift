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

    init(file: any DiskFile, footer: SealedFooter, cache: BlockCache) {
        self.file = file
        self.footer = footer
        self.cache = cache
        seed = footer.header.identity.seed
    }

    enum Lookup {
        case absent
        case unknown
        case found(KeyEntry)
    }

    func entry(of key: [UInt8], blockCount: @autoclosure () throws(LogError) -> Int) throws(LogError) -> Lookup {
        switch try mayContain(key) {
        case nil: return .unknown
        case false?: return .absent
        case true?: break
        }
        guard let directory = try directory() else { return .unknown }
        guard let reference = directory.page(of: key) else { return .absent }
        guard let page = try page(reference, blockCount: try blockCount()) else { return .unknown }
        return key.withUnsafeBytes(page.entry).map { .found($0) } ?? .absent
    }

    /// False where the key is not there, true where it may be; nil where the filter cannot be read.
    private func mayContain(_ key: [UInt8]) throws(LogError) -> Bool? {
        let hash = key.withUnsafeBytes(KeyHash.hash)
        guard let section = footer.section(.filter) else { return true }
        let reference = footer.header.kind == .keys ? part(of: hash, from: section) : section
        return try part(reference, .filter, KeyFilter.init)?.mayContain(hash: hash)
    }

    /// The part of the filter of a key file that answers for a hash. Parts are of one size and stand one behind the other, from the section
    /// to the names.
    private func part(of hash: UInt64, from first: BlockReference) -> BlockReference? {
        guard let end = footer.section(.names)?.offset, end > first.offset,
            (end - first.offset).isMultiple(of: first.bytes)
        else { return nil }
        let index = FilterParts.part(of: hash, among: (end - first.offset) / first.bytes)
        return BlockReference(
            offset: first.offset + index * first.bytes,
            contentBytes: first.contentBytes,
            rawBytes: first.rawBytes
        )
    }

    private func page(_ page: BlockReference, blockCount: Int) throws(LogError) -> KeyPage? {
        try part(page, .keys) { KeyPage($0, blockCount: blockCount, recordCount: footer.recordCount) }
    }

    /// Visits every key of the index in ascending order; false where a part of it is damaged, or would not lead a reader to a
    /// key.
    func forEachKey(
        blockCount: Int,
        _ visit: (_ key: [UInt8], _ entry: KeyEntry) -> Void
    ) throws(LogError) -> Bool {
        guard footer.section(.filter) != nil, let directory = try directory() else {
            return false
        }
        // Of a large segment it is more than a small cache keeps.
        var filter: KeyFilter?
        if footer.header.kind != .keys {
            guard let whole = try passing(footer.section(.filter), .filter).flatMap(KeyFilter.init) else {
                return false
            }
            filter = whole
        }
        func mayContain(_ key: [UInt8]) throws(LogError) -> Bool? {
            guard let filter else { return try self.mayContain(key) }
            return key.withUnsafeBytes(filter.mayContain)
        }
        for page in (0..<directory.pageCount).lazy.map(directory.page) {
            guard let keys = try self.page(page, blockCount: blockCount) else { return false }
            var (isLedTo, failure): (Bool, LogError?) = (true, nil)
            keys.forEach { key, entry in
                visit(key, entry())
                do throws(LogError) {
                    guard directory.page(of: key) == page, try mayContain(key) == true else {
                        isLedTo = false
                        return false
                    }
                } catch {
                    failure = error
                }
                return failure == nil
            }
            if let failure { throw failure }
            guard isLedTo else { return false }
        }
        return true
    }

    /// The directory, past the cache; nil where it is damaged, or the disk will not give it back.
    func passingDirectory() throws(LogError) -> KeyDirectory? {
        try passing(footer.section(.names), .names).flatMap { KeyDirectory($0, of: footer) }
    }

    /// A page, past the cache; nil likewise.
    func passingPage(_ page: BlockReference, blockCount: Int) throws(LogError) -> KeyPage? {
        try passing(page, .keys).flatMap { KeyPage($0, blockCount: blockCount, recordCount: footer.recordCount) }
    }

    private func passing(
        _ block: BlockReference?,
        _ kind: SealedBlockHeader.Kind
    ) throws(LogError) -> [UInt8]? {
        do throws(LogError) {
            return try block?.unpacked(from: file, seed: seed, kind: kind).whole?.raw
        } catch {
            guard error.isUnreadableMedium else { throw error }
            return nil
        }
    }

    private func directory() throws(LogError) -> KeyDirectory? {
        try part(footer.section(.names), .names) { KeyDirectory($0, of: footer) }
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
        _ decode: ([UInt8]) -> Value?
    ) throws(LogError) -> Value? {
        guard let reference else { return nil }
        // Held as it was unpacked; with a directory goes where each of its entries begins.
        let size = Int(reference.rawBytes) * (kind == .names ? 3 : 2) / 2 + 128
        let key = BlockCache.Key(segment: footer.header.identity.segment, offset: reference.offset.rawValue)
        return try cache.value(key, bytes: { _ in size }) { () throws(LogError) -> Value? in
            try reference.unpacked(from: file, seed: seed, kind: kind).whole.flatMap { decode($0.raw) }
        }
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
