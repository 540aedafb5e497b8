// Owns: writing a sealed segment: records go in, in the order of their ids; blocks, index and footer come out. Sealing
// and compaction both end here.
// Refuses to know: where the records come from, and what becomes of their source.

internal import Disk

/// Writes one sealed segment to a file that nobody reads yet. Not durable before `finish` has returned.
struct SealedWriter: ~Copyable {
    private var writer: BlockWriter
    private let blockBytes: Int
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
        self.blockBytes = blockBytes
        footer = SealedFooter(header: header)
        footer.firstCovered = covering.lowerBound
        footer.lastCovered = covering.upperBound
        writer = try BlockWriter(file, header: header, level: level)
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
        try writer.writeTable(table)
        try writeKeys()
        if !controls.isEmpty {
            footer.controlCount = UInt64(controls.count)
            try writer.writeSection(ControlRecord.encoded(controls), .controls, count: controls.count)
        }
        try writer.finish(footer)
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
        let written = try writer.write(
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
        guard let directory = try writer.writePages(of: postings, blockCount: table.entries.count) else { return }
        try writer.writeSection(directory.encoded(), .names, count: directory.pages.count)
        var filter = KeyFilter(keyCount: postings.keyCount)
        postings.forEachHash { filter.insert(hash: $0) }
        try writer.writeSection(filter.encoded(), .filter, count: postings.keyCount)
    }
}
