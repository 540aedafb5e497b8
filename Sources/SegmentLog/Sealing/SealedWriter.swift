// Owns: writing a sealed segment: records go in, in the order of their ids, one by one or by whole blocks, and their keys when
// all are there; blocks, index and footer come out. Sealing and compaction both end here.
// Refuses to know: where the records and the keys come from, and what becomes of their source.

internal import Disk

/// Writes one sealed segment to a file that nobody reads yet. Not durable before `finish` has returned.
struct SealedWriter: ~Copyable {
    /// Of records in blocks that are being packed: what is larger is packed one at a time.
    private static let maximumPackingBytes = 8 << 20

    private var writer: BlockWriter
    private let blockBytes: Int
    private let level: Int
    private let crew: (any PackingCrew)?
    private var table = BlockTable()
    /// Blocks that have been cut, and are packed before they are written.
    private var packing: [(task: PackingTask, summary: BlockSummary, bytes: Int)] = []
    private var packingBytes = 0
    /// The number of the block that is being gathered.
    private var place: UInt32 = 0
    private var pending: [Record] = []
    private var pendingBytes = 0
    private var footer: SealedFooter

    /// Begins a segment that answers for all ids of `covering`.
    init(
        _ file: any DiskFile,
        header: FileHeader,
        covering: ClosedRange<RecordID>,
        level: Int,
        blockBytes: Int,
        crew: (any PackingCrew)? = nil
    ) throws(LogError) {
        self.blockBytes = blockBytes
        self.level = level
        self.crew = crew
        footer = SealedFooter(header: header)
        footer.firstCovered = covering.lowerBound
        footer.lastCovered = covering.upperBound
        writer = try BlockWriter(file, header: header, level: level)
    }

    /// Adds the next record; ids ascend. Returns the number of the block that it comes to lie in.
    @discardableResult
    mutating func add(_ record: Record) throws(LogError) -> UInt32 {
        let place = place
        take(record)
        if pendingBytes >= blockBytes { try cutBlock() }
        return place
    }

    /// Adds the records of a block, which stay together. Returns likewise.
    mutating func add(_ block: Block) throws(LogError) -> UInt32 {
        if !pending.isEmpty, pending.count + block.count > SealedBlockHeader.maximumRecords { try cutBlock() }
        let place = place
        for entry in block.entries.indices { take(Record(block, entry)) }
        if pendingBytes >= blockBytes { try cutBlock() }
        return place
    }

    /// Adds a block as it lies in another segment. Returns likewise. What its records weigh is added by `add(bodyBytes:)`.
    mutating func add(_ packed: PackedBlock) throws(LogError) -> UInt32 {
        if !pending.isEmpty { try cutBlock() }
        try settle(leaving: 0)
        let summary = packed.summary
        let ids = summary.firstID...summary.lastID
        precondition(
            ids.lowerBound >= footer.firstCovered && ids.upperBound <= footer.lastCovered,
            "a block lies in what is covered"
        )
        precondition(
            table.entries.last.map { $0.summary.lastID < ids.lowerBound } ?? true,
            "blocks come in the order of their ids"
        )
        note(
            summary.recordCount,
            times: (summary.minimumTime, summary.maximumTime),
            recordedAt: (summary.firstRecordedAt, summary.lastRecordedAt)
        )
        let count = Int(summary.recordCount)
        let written = try writer.write(packed.content, kind: .records, count: count, ids: ids)
        table.entries.append(BlockTable.Entry(block: written, summary: summary))
        defer { place += 1 }
        return place
    }

    /// The bodies of the records in blocks that were added as they lay somewhere have so many bytes.
    mutating func add(bodyBytes: UInt64) { footer.recordBytes += bodyBytes }

    private mutating func take(_ record: Record) {
        precondition(
            record.id >= footer.firstCovered && record.id <= footer.lastCovered,
            "a record lies in what is covered"
        )
        precondition(pending.last.map { $0.id < record.id } ?? true, "records come in the order of their ids")
        note(1, times: (record.time, record.time), recordedAt: (record.recordedAt, record.recordedAt))
        footer.recordBytes += UInt64(record.bodyBytes)
        pending.append(record)
        pendingBytes += record.bodyBytes
    }

    /// Has the footer cover so many records more.
    private mutating func note(
        _ count: UInt32,
        times: (least: RecordTime, greatest: RecordTime),
        recordedAt: (first: RecordTime, last: RecordTime)
    ) {
        if footer.recordCount == 0 {
            footer.firstRecordedAt = recordedAt.first
            (footer.leastTime, footer.greatestTime) = times
        }
        footer.lastRecordedAt = recordedAt.last
        footer.leastTime = min(footer.leastTime, times.least)
        footer.greatestTime = max(footer.greatestTime, times.greatest)
        footer.recordCount += UInt64(count)
    }

    /// Writes the index of all that has been added, by the keys and the numbers of blocks that have been returned, the store's own
    /// records and the footer, and makes the file durable. `pace` is called between pages; false where it said to stop.
    mutating func finish(
        _ keys: borrowing some SortedKeys & ~Copyable,
        controls: [ControlRecord] = [],
        pace: () -> Bool = { true }
    ) throws(LogError) -> Bool {
        if !pending.isEmpty { try cutBlock() }
        try settle(leaving: 0)
        try writer.writeTable(table)
        guard try writer.writeKeys(of: keys, blockCount: table.entries.count, pace: pace) else { return false }
        if !controls.isEmpty {
            footer.controlCount = UInt64(controls.count)
            try writer.writeSection(ControlRecord.encoded(controls), .controls, count: controls.count)
        }
        try writer.finish(footer)
        return true
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
        let task = PackingTask(pending, level: level)
        crew?.take(task)
        packing.append((task, summary, pendingBytes))
        packingBytes += pendingBytes
        place += 1
        pending.removeAll(keepingCapacity: true)
        pendingBytes = 0
        // Two for each thread: one that it packs, and one for when it has.
        try settle(leaving: 2 * (crew?.width ?? 0))
    }

    /// Writes the blocks that have been cut, in their order, but for the last so many, and fewer where they are large.
    private mutating func settle(leaving count: Int) throws(LogError) {
        while packing.count > count || packing.count > 1 && packingBytes > Self.maximumPackingBytes {
            // Rather than wait for a thread that packs the first, the writer packs one that nobody has begun.
            if !packing[0].task.isDone {
                let compressor = writer.compressor
                _ = packing.first { $0.task.run { _ in compressor } }
            }
            let (task, summary, bytes) = packing.removeFirst()
            packingBytes -= bytes
            let written = try writer.write(
                task.finish(crew),
                kind: .records,
                count: Int(summary.recordCount),
                ids: summary.firstID...summary.lastID
            )
            table.entries.append(BlockTable.Entry(block: written, summary: summary))
        }
    }
}
