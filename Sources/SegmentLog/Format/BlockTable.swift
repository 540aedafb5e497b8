// Owns: the id→offset index and the time index of a sealed segment: two sections with one entry for each block of records, so
// that an id or a time leads to a block by bisection. The key file of a raw segment has the same two: there a block is a run
// of records with consecutive ids, content bytes and raw bytes are both those from its first record to the end of its last,
// headers of frames in between included.
//
// blocks (kind 4), 40 bytes an entry:       times (kind 6), 32 bytes an entry:
//
//      0  8  offset                              0  8  least time
//      8  4  content bytes                       8  8  greatest time
//     12  4  raw bytes                          16  8  first recorded at
//     16  4  record count                       24  8  last recorded at
//     20  4  zero
//     24  8  first id
//     32  8  last id

internal import Disk

struct BlockTable: Sendable {
    struct Entry: Equatable, Sendable {
        let block: BlockReference
        let summary: BlockSummary
    }

    static let placeBytes = 40
    static let timeBytes = 32

    var entries: [Entry] = []

    /// What the table costs in memory, for the shelf's budget.
    var memoryBytes: Int { entries.capacity * MemoryLayout<Entry>.stride }

    var recordCount: UInt64 { entries.reduce(0) { $0 + UInt64($1.summary.recordCount) } }

    /// The first entry whose last id is not below `id`; the count where there is none.
    func firstEntry(reaching id: RecordID) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].summary.lastID < id { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The content of the two sections.
    func encoded() -> (blocks: [UInt8], times: [UInt8]) {
        var (blocks, times): ([UInt8], [UInt8]) = ([], [])
        blocks.reserveCapacity(entries.count * Self.placeBytes)
        times.reserveCapacity(entries.count * Self.timeBytes)
        for entry in entries {
            let summary = entry.summary
            blocks.appendLittleEndian(entry.block.offset.rawValue)
            blocks.appendLittleEndian(entry.block.contentBytes)
            blocks.appendLittleEndian(entry.block.rawBytes)
            blocks.appendLittleEndian(summary.recordCount)
            blocks.appendLittleEndian(UInt32(0))
            blocks.appendLittleEndian(summary.firstID.rawValue)
            blocks.appendLittleEndian(summary.lastID.rawValue)
            for time in [
                summary.minimumTime, summary.maximumTime, summary.firstRecordedAt, summary.lastRecordedAt,
            ] {
                times.appendLittleEndian(time.rawValue)
            }
        }
        return (blocks, times)
    }

    init() {}

    /// Reads the table of a segment; nil where it does not describe one as its footer does: blocks in the order of their
    /// ids, one behind the other in the file, with as many records.
    init?(blocks: [UInt8], times: [UInt8], of footer: SealedFooter) {
        guard let entries = Self.entries(blocks, times),
            entries.allSatisfy({ $0.isPossible(in: footer) && $0.block.lies(within: footer.fileBytes) }),
            zip(entries, entries.dropFirst()).allSatisfy({
                $0.block.offset + $0.block.bytes <= $1.block.offset && $0.summary.lastID < $1.summary.firstID
            })
        else { return nil }
        self.entries = entries
        guard recordCount == footer.recordCount else { return nil }
    }

    /// Reads the table in the key file of a raw segment; nil where it does not describe all that is covered, without a gap, each
    /// block behind the one before it and within the frames.
    init?(ofRaw blocks: [UInt8], times: [UInt8], of footer: SealedFooter) {
        guard let entries = Self.entries(blocks, times), let first = entries.first, let last = entries.last,
            first.summary.firstID == footer.firstCovered, last.summary.lastID == footer.lastCovered,
            entries.allSatisfy({ $0.isPossible(in: footer) && $0.isWithinFrames(of: footer.header) }),
            zip(entries, entries.dropFirst()).allSatisfy({
                $0.endInRaw <= $1.block.offset.rawValue && $0.summary.lastID.next == $1.summary.firstID
            })
        else { return nil }
        self.entries = entries
    }

    private static func entries(_ blocks: [UInt8], _ times: [UInt8]) -> [Entry]? {
        let count = blocks.count / placeBytes
        guard blocks.count == count * placeBytes, times.count == count * timeBytes else { return nil }
        return blocks.withUnsafeBytes { blocks in
            times.withUnsafeBytes { times in (0..<count).map { Entry(blocks, times, at: $0) } }
        }
    }
}

extension BlockTable.Entry {
    /// The header and the codec of the whole block of records in `bytes`; nil where it is not this one: not at this place of this
    /// segment, or of other records, or damaged. Of its times nothing is known before it is inflated.
    func header(of bytes: UnsafeRawBufferPointer, seed: UInt32) -> (header: SealedBlockHeader, codec: Codec)? {
        guard let header = SealedBlockHeader(bytes, at: block.offset, seed: seed), header.kind == .records,
            header.firstID == summary.firstID, header.lastID == summary.lastID,
            header.count == summary.recordCount, header.rawBytes == block.rawBytes,
            Int(header.contentBytes) == bytes.count - SealedBlockHeader.bytes,
            ChecksumKind(rawValue: header.checksumByte) == .crc32, let codec = Codec(rawValue: header.codecByte)
        else { return nil }
        let content = UnsafeRawBufferPointer(rebasing: bytes[SealedBlockHeader.bytes...])
        return Checksum.crc32(content) == header.contentCRC ? (header, codec) : nil
    }
}

extension BlockTable.Entry {
    fileprivate init(_ blocks: UnsafeRawBufferPointer, _ times: UnsafeRawBufferPointer, at index: Int) {
        let (place, time) = (index * BlockTable.placeBytes, index * BlockTable.timeBytes)
        self.init(
            block: BlockReference(
                offset: FileOffset(blocks.littleEndian(at: place, as: UInt64.self)),
                contentBytes: blocks.littleEndian(at: place + 8),
                rawBytes: blocks.littleEndian(at: place + 12)
            ),
            summary: BlockSummary(
                firstID: RecordID(blocks.littleEndian(at: place + 24, as: UInt64.self)),
                lastID: RecordID(blocks.littleEndian(at: place + 32, as: UInt64.self)),
                recordCount: blocks.littleEndian(at: place + 16),
                minimumTime: RecordTime(times.littleEndian(at: time, as: Int64.self)),
                maximumTime: RecordTime(times.littleEndian(at: time + 8, as: Int64.self)),
                firstRecordedAt: RecordTime(times.littleEndian(at: time + 16, as: Int64.self)),
                lastRecordedAt: RecordTime(times.littleEndian(at: time + 24, as: Int64.self))
            )
        )
    }

    fileprivate func isPossible(in footer: SealedFooter) -> Bool {
        summary.firstID >= footer.firstCovered && summary.firstID <= summary.lastID
            && summary.lastID <= footer.lastCovered
    }

    /// Where a block of a raw segment ends, which has no header of its own.
    fileprivate var endInRaw: UInt64 { block.offset.rawValue &+ UInt64(block.contentBytes) }

    fileprivate func isWithinFrames(of header: FileHeader) -> Bool {
        let ids = summary.lastID.rawValue - summary.firstID.rawValue
        return block.offset > FrameHeader.firstOffset && block.offset < FrameHeader.maximumEnd
            && endInRaw <= RawTrailer.offset(in: header.fileBytes).rawValue && block.rawBytes == block.contentBytes
            && UInt64(summary.recordCount) == ids + 1 && summary.recordCount <= SealedBlockHeader.maximumRecords
            && UInt64(block.contentBytes) > UInt64(summary.recordCount) * UInt64(RecordFormat.headerBytes)
    }
}
