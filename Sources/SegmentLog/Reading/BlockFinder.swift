// Owns: finding the blocks of a sealed segment by their own headers, where the table that lists them is damaged.

internal import Disk

enum BlockFinder {
    /// The table as the blocks themselves tell it. Times are read from the blocks; a block that cannot be read keeps its
    /// place with the widest bounds, so that a reader meets the damage.
    static func find(in file: any DiskFile, header: FileHeader) throws(LogError) -> BlockTable {
        let seed = header.identity.seed
        var window = try FileWindow(file)
        var table = BlockTable()
        var position = FileOffset(FileHeader.bytes)
        while let place = try window.find(SealedBlockHeader.magic, from: position, alignment: 1),
            window.holds(SealedBlockHeader.bytes, at: place)
        {
            let found = try window.with(at: place, count: SealedBlockHeader.bytes) {
                SealedBlockHeader($0, at: place, seed: seed)
            }
            guard let block = found else {
                position = place + 1
                continue
            }
            position = block.end
            // A block that does not follow on was put there by somebody.
            guard block.kind == .records, block.firstID >= header.base,
                table.entries.last.map({ $0.summary.lastID < block.firstID }) ?? true
            else { continue }
            var records: Block?
            if window.holds(block.end - place, at: place) {
                records = try window.with(at: place, count: block.end - place) { bytes in
                    SealedBlockHeader.unpack(Array(bytes), at: place, seed: seed, kind: .records)
                }.whole.flatMap { RecordColumns.decode($0.raw, header: $0.header) }
            }
            table.entries.append(entry(of: block, records: records))
        }
        return table
    }

    /// Where the first block of a kind is, by its own header; nil where none is found.
    static func reference(
        _ kind: SealedBlockHeader.Kind,
        in file: any DiskFile,
        header: FileHeader
    ) throws(LogError) -> BlockReference? {
        let seed = header.identity.seed
        var window = try FileWindow(file)
        var position = FileOffset(header.length)
        while let place = try window.find(SealedBlockHeader.magic, from: position, alignment: 1),
            window.holds(SealedBlockHeader.bytes, at: place)
        {
            let found = try window.with(at: place, count: SealedBlockHeader.bytes) {
                SealedBlockHeader($0, at: place, seed: seed)
            }
            if let found, found.kind == kind {
                return BlockReference(offset: place, contentBytes: found.contentBytes, rawBytes: found.rawBytes)
            }
            position = found?.end ?? place + 1
        }
        return nil
    }

    private static func entry(of block: SealedBlockHeader, records: Block?) -> BlockTable.Entry {
        let times = records?.entries.map(\.time) ?? []
        return BlockTable.Entry(
            block: BlockReference(
                offset: block.offset,
                contentBytes: block.contentBytes,
                rawBytes: block.rawBytes
            ),
            summary: BlockSummary(
                firstID: block.firstID,
                lastID: block.lastID,
                recordCount: block.count,
                minimumTime: times.min() ?? .minimum,
                maximumTime: times.max() ?? .maximum,
                firstRecordedAt: records?.entries.first?.recordedAt ?? .minimum,
                lastRecordedAt: records?.entries.last?.recordedAt ?? .maximum
            )
        )
    }

    /// The table with an entry for all ids of `covering` that no block was found for, so that a reader who comes to them
    /// is told. Nobody can say which of them there were.
    static func filled(_ table: BlockTable, covering: ClosedRange<RecordID>) -> BlockTable {
        var filled = BlockTable()
        var expected = covering.lowerBound
        for entry in table.entries {
            if expected < entry.summary.firstID {
                filled.entries.append(hole(from: expected, to: entry.summary.firstID))
            }
            filled.entries.append(entry)
            expected = entry.summary.lastID.next
        }
        if expected <= covering.upperBound { filled.entries.append(hole(from: expected, to: covering.upperBound.next)) }
        return filled
    }

    private static func hole(from first: RecordID, to next: RecordID) -> BlockTable.Entry {
        BlockTable.Entry(
            block: BlockReference(),
            summary: BlockSummary(unreadable: first...RecordID(next.rawValue - 1))
        )
    }
}
