// Owns: putting blocks one behind the other into a file that nobody reads yet, and syncing it piece by piece: an append's own
// sync waits for what the disk has been given before, so that is never much.

internal import Disk

struct BlockWriter {
    /// Bytes that are written before they are synced.
    private static let syncBytes = 4 << 20

    let file: any DiskFile
    private let seed: UInt32
    let compressor: Compressor
    private var synced = FileOffset(0)
    /// Where the next block goes.
    private(set) var position: FileOffset
    /// What has been written, for the footer.
    private(set) var sections: [SealedFooter.Section] = []

    /// Begins a file with its header.
    init(_ file: any DiskFile, header: FileHeader, level: Int) throws(LogError) {
        self.file = file
        compressor = Compressor(level: level)
        seed = header.identity.seed
        position = FileOffset(FileHeader.bytes)
        try onDisk { () throws(DiskError) in try file.write(header.encoded(), at: FileOffset(0)) }
    }

    /// Writes one block.
    mutating func write(
        _ content: PackedContent,
        kind: SealedBlockHeader.Kind,
        count: Int,
        ids: ClosedRange<RecordID>? = nil
    ) throws(LogError) -> BlockReference {
        let (block, bytes) = SealedBlockHeader.packed(
            content,
            kind: kind,
            at: position,
            count: count,
            ids: ids,
            seed: seed
        )
        try onDisk { () throws(DiskError) in
            try file.write(bytes, at: position)
            if block.end - synced >= Self.syncBytes {
                try file.sync()
                synced = block.end
            }
        }
        let reference = BlockReference(
            offset: position,
            contentBytes: block.contentBytes,
            rawBytes: block.rawBytes
        )
        position = block.end
        return reference
    }

    mutating func writeSection(_ raw: [UInt8], _ kind: SealedBlockHeader.Kind, count: Int) throws(LogError) {
        note(kind, at: try write(PackedContent(raw, compressor), kind: kind, count: count))
    }

    private mutating func note(_ kind: SealedBlockHeader.Kind, at block: BlockReference) {
        sections.append(SealedFooter.Section(kind: kind.rawValue, block: block))
    }

    mutating func writeTable(_ table: BlockTable) throws(LogError) {
        let (blocks, times) = table.encoded()
        try writeSection(blocks, .blocks, count: table.entries.count)
        try writeSection(times, .times, count: table.entries.count)
    }

    /// Writes the index over keys: pages, directory, filter. `pace` is called between pages; false where it said to stop.
    mutating func writeKeys(
        of keys: borrowing some SortedKeys & ~Copyable,
        blockCount: Int,
        pace: () -> Bool
    ) throws(LogError) -> Bool {
        guard let (directory, hashes) = try writePages(of: keys, blockCount: blockCount, pace: pace) else {
            return false
        }
        try writeSection(directory.bytes, .names, count: directory.pageCount)
        if hashes.count <= FilterParts.keysPerPart {
            var filter = KeyFilter(keyCount: hashes.count)
            for hash in hashes { filter.insert(hash: hash) }
            try writeSection(filter.encoded(), .filter, count: hashes.count)
            return true
        }
        var filter = FilterParts(keyCount: hashes.count)
        for hash in hashes { filter.insert(hash: hash) }
        for (index, part) in filter.parts.enumerated() {
            let written = try write(PackedContent(part.encoded(), nil), kind: .filterPart, count: filter.parts.count)
            if index == 0 { note(.filterPart, at: written) }
        }
        return true
    }

    private mutating func writePages(
        of keys: borrowing some SortedKeys & ~Copyable,
        blockCount: Int,
        pace: () -> Bool
    ) throws(LogError) -> (directory: KeyDirectory, hashes: [UInt64])? {
        var directory = KeyDirectory()
        var hashes: [UInt64] = []
        var page = KeyPageBuilder()
        var goesOn = true
        func finish(_ writer: inout BlockWriter) throws(LogError) {
            let written = try writer.write(
                PackedContent(page.bytes, writer.compressor),
                kind: .keys,
                count: page.entryCount
            )
            directory.append(KeyDirectory.Page(reference: written, firstKey: page.firstKey))
            page.clear()
            goesOn = pace()
        }
        try keys.forEachSorted { visit throws(LogError) in
            guard goesOn else { return }
            hashes.append(visit.hash)
            page.add(visit.key, blocks: visit.blocks, records: visit.records, blockCount: blockCount)
            if page.isFull { try finish(&self) }
        }
        if goesOn, page.entryCount > 0 { try finish(&self) }
        return goesOn ? (directory, hashes) : nil
    }

    /// Writes the footer, which is told how long the file is and what is in it, and makes the file durable.
    mutating func finish(_ footer: SealedFooter) throws(LogError) {
        var footer = footer
        footer.sections = sections
        footer.fileBytes = (position + SealedFooter.bytes(sections: sections.count)).rawValue
        let bytes = footer.encoded()
        try onDisk { () throws(DiskError) in
            try file.write(bytes, at: position)
            try file.sync()
        }
    }
}
