// Owns: the id→offset index and the time index of a sealed segment: one entry of 72 bytes a block, so that an id or a
// time leads to a block by bisection.
//
//      0  8  offset
//      8  4  stream bytes
//     12  4  record count
//     16  8  first id           24  8  last id
//     32  8  least time         40  8  greatest time
//     48  8  first recorded at  56  8  last recorded at
//     64  4  raw bytes          68  4  zero

internal import Disk

struct BlockTable: Sendable {
    struct Entry: Equatable, Sendable {
        let offset: FileOffset
        let streamBytes: UInt32
        let rawBytes: UInt32
        let summary: BlockSummary
    }

    static let entryBytes = 72

    var entries: [Entry] = []

    var recordCount: UInt64 { entries.reduce(0) { $0 + UInt64($1.summary.recordCount) } }

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entries.count * Self.entryBytes)
        for entry in entries {
            bytes.appendLittleEndian(entry.offset.rawValue)
            bytes.appendLittleEndian(entry.streamBytes)
            bytes.appendLittleEndian(entry.summary.recordCount)
            bytes.appendLittleEndian(entry.summary.firstID.rawValue)
            bytes.appendLittleEndian(entry.summary.lastID.rawValue)
            bytes.appendLittleEndian(entry.summary.minimumTime.rawValue)
            bytes.appendLittleEndian(entry.summary.maximumTime.rawValue)
            bytes.appendLittleEndian(entry.summary.firstRecordedAt.rawValue)
            bytes.appendLittleEndian(entry.summary.lastRecordedAt.rawValue)
            bytes.appendLittleEndian(entry.rawBytes)
            bytes.appendLittleEndian(UInt32(0))
        }
        return bytes
    }

    init() {}

    /// Reads the table of a segment; nil where it does not describe one as its footer does: blocks in the order of their
    /// ids, one behind the other in the file, with as many records.
    init?(_ bytes: [UInt8], of footer: SealedFooter) {
        guard bytes.count.isMultiple(of: Self.entryBytes) else { return nil }
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            while reader.remaining > 0 {
                let offset = FileOffset(reader.littleEndian(UInt64.self))
                let streamBytes = reader.littleEndian(UInt32.self)
                let recordCount = reader.littleEndian(UInt32.self)
                let summary = BlockSummary(
                    firstID: RecordID(reader.littleEndian(UInt64.self)),
                    lastID: RecordID(reader.littleEndian(UInt64.self)),
                    recordCount: recordCount,
                    minimumTime: RecordTime(reader.littleEndian(Int64.self)),
                    maximumTime: RecordTime(reader.littleEndian(Int64.self)),
                    firstRecordedAt: RecordTime(reader.littleEndian(Int64.self)),
                    lastRecordedAt: RecordTime(reader.littleEndian(Int64.self))
                )
                let rawBytes = reader.littleEndian(UInt32.self)
                _ = reader.littleEndian(UInt32.self)
                entries.append(
                    Entry(offset: offset, streamBytes: streamBytes, rawBytes: rawBytes, summary: summary)
                )
            }
        }
        guard entries.allSatisfy({ $0.isPossible(in: footer) }),
            zip(entries, entries.dropFirst()).allSatisfy({
                $0.end <= $1.offset && $0.summary.lastID < $1.summary.firstID
            }),
            recordCount == footer.recordCount
        else { return nil }
    }
}

extension BlockTable.Entry {
    fileprivate var reference: SealedFooter.Reference {
        SealedFooter.Reference(offset: offset, streamBytes: streamBytes, rawBytes: rawBytes)
    }

    fileprivate var end: FileOffset {
        offset + SealedBlockHeader.bytes + Int(streamBytes)
    }

    fileprivate func isPossible(in footer: SealedFooter) -> Bool {
        reference.lies(within: footer.fileBytes) && summary.firstID >= footer.firstCovered
            && summary.firstID <= summary.lastID && summary.lastID <= footer.lastCovered
    }
}
