// Owns: writing a sealed segment: records go in, in the order of their ids; blocks, index and footer come out. Sealing
// and compaction both end here.
// Refuses to know: where the records come from, and what becomes of their source.

internal import Disk

/// Writes one sealed segment to a file that nobody reads yet. Not durable before `finish` has returned.
struct SealedWriter {
    private let file: any DiskFile
    private let header: FileHeader
    /// Bytes that are written before they are synced. An append's own sync waits for what the disk has been given before, so
    /// that is never much.
    private static let syncBytes = 4 << 20

    private let compressor: Compressor
    private var synced = FileOffset(0)
    private let blockBytes: Int
    private let seed: UInt32
    private var position = FileOffset(FileHeader.bytes)
    private var table = BlockTable()
    private var postings = Postings()
    private var pending: [Record] = []
    private var pendingBytes = 0
    private var footer: SealedFooter

    /// Begins a segment that answers for all ids of `covering`.
    init(
        _ file: any DiskFile,
        header: FileHeader,
        covering: ClosedRange<RecordID>,
        level: Int,
        blockBytes: Int
    ) throws(LogError) {
        self.file = file
        self.blockBytes = blockBytes
        self.header = header
        compressor = Compressor(level: level)
        seed = header.identity.seed
        footer = SealedFooter(header: header)
        footer.firstCovered = covering.lowerBound
        footer.lastCovered = covering.upperBound
        try onDisk { () throws(DiskError) in try file.write(header.encoded(), at: FileOffset(0)) }
    }

    /// Adds the next record; ids ascend.
    mutating func add(_ record: Record) throws(LogError) {
        precondition(
            record.id >= footer.firstCovered && record.id <= footer.lastCovered,
            "a record lies in what is covered"
        )
        precondition(pending.last.map { $0.id < record.id } ?? true, "records come in the order of their ids")
        record.withBody { postings.add($0, block: UInt32(table.entries.count)) }
        if footer.recordCount == 0 {
            footer.firstRecordedAt = record.recordedAt
            (footer.leastTime, footer.greatestTime) = (record.time, record.time)
        }
        footer.lastRecordedAt = record.recordedAt
        footer.leastTime = min(footer.leastTime, record.time)
        footer.greatestTime = max(footer.greatestTime, record.time)
        footer.recordCount += 1
        footer.recordBytes += UInt64(record.bodyBytes)
        pending.append(record)
        pendingBytes += record.bodyBytes
        if pendingBytes >= blockBytes { try cutBlock() }
    }

    /// Writes the store's own records, index and footer, and makes the file durable.
    mutating func finish(controls: [ControlRecord] = []) throws(LogError) {
        if !pending.isEmpty { try cutBlock() }
        let (blocks, times) = table.encoded()
        try writeSection(blocks, .blocks, count: table.entries.count)
        try writeSection(times, .times, count: table.entries.count)
        try writeKeys()
        if !controls.isEmpty {
            footer.controlCount = UInt64(controls.count)
            try writeSection(ControlRecord.encoded(controls), .controls, count: controls.count)
        }
        footer.fileBytes = (position + SealedFooter.bytes(sections: footer.sections.count)).rawValue
        let bytes = footer.encoded()
        try onDisk { () throws(DiskError) in
            try file.write(bytes, at: position)
            try file.sync()
        }
    }

    private mutating func writeSection(_ raw: [UInt8], _ kind: SealedBlockHeader.Kind, count: Int) throws(LogError) {
        let block = try write(raw, kind: kind, count: count)
        footer.sections.append(SealedFooter.Section(kind: kind.rawValue, block: block))
    }

    private mutating func cutBlock() throws(LogError) {
        let first = pending[0]
        let last = pending[pending.count - 1]
        let summary = BlockSummary(
            firstID: first.id,
            lastID: last.id,
            recordCount: UInt32(pending.count),
            minimumTime: pending.map(\.time).min() ?? first.time,
            maximumTime: pending.map(\.time).max() ?? first.time,
            firstRecordedAt: first.recordedAt,
            lastRecordedAt: last.recordedAt
        )
        let written = try write(
            RecordColumns.encode(pending),
            kind: .records,
            count: pending.count,
            ids: first.id...last.id
        )
        table.entries.append(BlockTable.Entry(block: written, summary: summary))
        pending.removeAll(keepingCapacity: true)
        pendingBytes = 0
    }

    private mutating func writeKeys() throws(LogError) {
        var filter = KeyFilter(keyCount: postings.keyCount)
        var finished: [KeyPageBuilder] = []
        var page = KeyPageBuilder()
        postings.forEachSorted { key, blocks, records in
            filter.insert(key)
            page.add(key, blocks: blocks, records: records, blockCount: table.entries.count)
            if page.isFull {
                finished.append(page)
                page = KeyPageBuilder()
            }
        }
        if page.entryCount > 0 { finished.append(page) }
        var directory = KeyDirectory()
        for page in finished {
            let written = try write(page.bytes, kind: .keys, count: page.entryCount)
            directory.pages.append(KeyDirectory.Page(reference: written, firstKey: page.firstKey))
        }
        try writeSection(directory.encoded(), .names, count: directory.pages.count)
        try writeSection(filter.encoded(), .filter, count: postings.keyCount)
    }

    private mutating func write(
        _ raw: [UInt8],
        kind: SealedBlockHeader.Kind,
        count: Int,
        ids: ClosedRange<RecordID>? = nil
    ) throws(LogError) -> BlockReference {
        let (block, bytes) = SealedBlockHeader.packed(
            raw,
            kind: kind,
            at: position,
            count: count,
            ids: ids,
            seed: seed,
            compressor
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
}
