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

    init?(_ bytes: [UInt8]) {
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
    }
}
