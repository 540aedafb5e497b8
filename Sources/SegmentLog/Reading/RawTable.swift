// Owns: where the durable records of a raw segment lie, cut into blocks as those of a sealed one are, which can be made of
// whole blocks then. Of a closed segment the blocks are enough: the frames in them say where each record begins.

internal import Disk

/// The records of a raw segment by ordinal, and its blocks. Four bytes a record, until those are forgotten.
struct RawTable {
    /// Bytes of bodies that a block gathers.
    static let blockBytes = 20 << 10
    /// A block spans no more, unless it is of one record: bodies of a few bytes are outweighed by what stands around them.
    static let maximumSpan = 48 << 10

    struct RawBlock {
        var summary: BlockSummary
        let firstOrdinal: Int
        let start: UInt32
        var end: UInt32

        /// The ordinal of an id that lies in it: its ids are consecutive.
        func ordinal(of id: RecordID) -> Int {
            firstOrdinal + Int(id.rawValue - summary.firstID.rawValue)
        }
    }

    /// Offsets of the records in the file, by ordinal; none once they have been forgotten.
    private(set) var offsets: [UInt32] = []
    private(set) var recordCount = 0
    private(set) var blocks: [RawBlock] = []
    /// Bytes of the bodies in the last block.
    private var lastBodyBytes = 0
    /// Bytes of the records, headers included.
    private(set) var recordBytes = 0

    /// The commit time of the last record that can be read.
    var lastRecordedAt: RecordTime? {
        blocks.last { !$0.summary.isUnreadable }?.summary.lastRecordedAt
    }

    /// The block that an id lies in; nil where it is in none.
    func block(holding id: RecordID) -> Int? {
        var low = 0
        var high = blocks.count
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle].summary.lastID < id { low = middle + 1 } else { high = middle }
        }
        return low < blocks.count && blocks[low].summary.firstID <= id ? low : nil
    }

    /// The block that holds an ordinal; the block count where none does.
    func block(of ordinal: Int) -> Int {
        var low = 0
        var high = blocks.count
        while low < high {
            let middle = (low + high) / 2
            if ordinals(of: middle).upperBound <= ordinal { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Whether the places of records are known, and not only those of blocks.
    var knowsRecords: Bool { offsets.count == recordCount }

    /// Lets go of the places of records. Those of a table with holes are needed: no frame need vouch for them.
    mutating func forgetRecords() {
        if !hasHoles { offsets = [] }
    }

    /// Where consecutive records of a block end at the latest: where the next begins, or the block ends.
    func end(of ordinals: Range<Int>, in block: RawBlock) -> UInt32 {
        let next = ordinals.upperBound
        return next < block.firstOrdinal + Int(block.summary.recordCount) ? offsets[next] : block.end
    }

    func ordinals(of block: Int) -> Range<Int> {
        blocks[block].firstOrdinal..<blocks[block].firstOrdinal + Int(blocks[block].summary.recordCount)
    }

    /// Whether there are ids among the records that could not be read.
    private(set) var hasHoles = false

    /// Notes the records of a whole frame.
    mutating func add(_ walk: FrameWalk) {
        for place in walk.records {
            if let record = place.record { add(at: place.offset, record) }
        }
    }

    /// Notes ids that could not be read, as a block without records: whoever wants one of them comes to it and is told.
    mutating func addHole(_ ids: ClosedRange<RecordID>) {
        hasHoles = true
        let summary = BlockSummary(unreadable: ids)
        blocks.append(RawBlock(summary: summary, firstOrdinal: recordCount, start: 0, end: 0))
    }

    mutating func add(at offset: FileOffset, _ record: RawRecord) {
        add(at: offset, bytes: record.bytes, id: record.id, time: record.time, recordedAt: record.recordedAt)
    }

    /// Notes one record. Ids ascend; a gap between two begins a new block, so that no block spans a hole.
    mutating func add(
        at offset: FileOffset,
        bytes: Int,
        id: RecordID,
        time: RecordTime,
        recordedAt: RecordTime
    ) {
        let start = UInt32(offset.rawValue)
        let end = start + UInt32(bytes)
        recordBytes += bytes
        defer {
            offsets.append(start)
            recordCount += 1
        }
        if var last = blocks.last, !last.summary.isUnreadable, last.summary.lastID.next == id,
            lastBodyBytes < Self.blockBytes, Int(end - last.start) <= Self.maximumSpan
        {
            lastBodyBytes += bytes - RecordFormat.headerBytes
            last.summary.lastID = id
            last.summary.recordCount += 1
            last.summary.minimumTime = min(last.summary.minimumTime, time)
            last.summary.maximumTime = max(last.summary.maximumTime, time)
            last.summary.lastRecordedAt = recordedAt
            last.end = end
            blocks[blocks.count - 1] = last
        } else {
            let summary = BlockSummary(
                firstID: id,
                lastID: id,
                recordCount: 1,
                minimumTime: time,
                maximumTime: time,
                firstRecordedAt: recordedAt,
                lastRecordedAt: recordedAt
            )
            blocks.append(RawBlock(summary: summary, firstOrdinal: recordCount, start: start, end: end))
            lastBodyBytes = bytes - RecordFormat.headerBytes
        }
    }
}

extension RawTable {
    /// The table of a closed segment, as its key file tells it. `recordBytes` are those of all records.
    init(_ table: BlockTable, recordBytes: Int) {
        self.recordBytes = recordBytes
        blocks.reserveCapacity(table.entries.count)
        for entry in table.entries {
            let start = UInt32(entry.block.offset.rawValue)
            blocks.append(
                RawBlock(
                    summary: entry.summary,
                    firstOrdinal: recordCount,
                    start: start,
                    end: start + entry.block.contentBytes
                )
            )
            recordCount += Int(entry.summary.recordCount)
        }
    }

    /// The same for a key file.
    var listed: BlockTable {
        var table = BlockTable()
        table.entries = blocks.map { block in
            let place = BlockReference(
                offset: FileOffset(block.start),
                contentBytes: block.end - block.start,
                rawBytes: block.end - block.start
            )
            return BlockTable.Entry(block: place, summary: block.summary)
        }
        return table
    }
}
