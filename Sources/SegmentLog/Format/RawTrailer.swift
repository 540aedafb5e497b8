// Owns: the last page of a raw segment. It is zero while the segment is open; closing it puts a trailer there, so that a
// start and a reader know what the segment holds without walking it.
//
//      0  8  magic          "EVCLOSED"
//      8  4  crc            CRC-32, continued from the seed, of bytes 12 to 127
//     12  4  zero
//     16  8  offset         of this trailer in its file
//     24  8  end            where the next frame would have begun
//     32  8  first id
//     40  8  last id
//     48  8  record count
//     56  8  control count  of control records
//     64  8  record bytes   of all event records, their headers included
//     72  8  first recorded at
//     80  8  last recorded at
//     88  8  least time
//     96  8  greatest time
//    104 24  zero
//
// It is written after the last frame has been synced, so it proves, as a marker does, that all frames were durable.

internal import Disk

/// What a closed raw segment says of itself.
struct RawTrailer: Equatable {
    static let bytes = 128
    /// The trailer has a page of its own, out of the reach of damage to the frames.
    static let pageBytes = 4096
    private static let magic = Array("EVCLOSED".utf8)

    var end: FileOffset
    var firstID: RecordID
    var lastID: RecordID
    var recordCount: UInt64
    var controlCount: UInt64
    /// Of all event records, headers included.
    var recordBytes: UInt64
    var firstRecordedAt: RecordTime
    var lastRecordedAt: RecordTime
    var leastTime: RecordTime
    var greatestTime: RecordTime

    /// Where the trailer's page begins; frames end before it.
    static func offset(in fileBytes: UInt64) -> FileOffset {
        FileOffset(fileBytes - UInt64(pageBytes))
    }

    func encoded(_ identity: SegmentIdentity, fileBytes: UInt64) -> [UInt8] {
        var bytes = Self.magic
        bytes.reserveCapacity(Self.bytes)
        bytes.appendLittleEndian(UInt64(0))
        bytes.appendLittleEndian(Self.offset(in: fileBytes).rawValue)
        bytes.appendLittleEndian(end.rawValue)
        bytes.appendLittleEndian(firstID.rawValue)
        bytes.appendLittleEndian(lastID.rawValue)
        bytes.appendLittleEndian(recordCount)
        bytes.appendLittleEndian(controlCount)
        bytes.appendLittleEndian(recordBytes)
        for time in [firstRecordedAt, lastRecordedAt, leastTime, greatestTime] {
            bytes.appendLittleEndian(time.rawValue)
        }
        bytes += [UInt8](repeating: 0, count: Self.bytes - bytes.count)
        let crc = Checksum.crc32(Array(bytes[12...]), from: identity.seed)
        bytes.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: 8) }
        return bytes
    }

    /// Whether the page may hold the beginning of a trailer that was cut off: its last field is not there yet.
    static func isBegun(in page: [UInt8]) -> Bool {
        page.first == magic[0] && page.dropFirst(96).allSatisfy { $0 == 0 }
    }

    /// Reads the trailer that stands in the last page of a file; nil where there is none that can be true.
    init?(_ bytes: [UInt8], of header: FileHeader) {
        guard bytes.count >= Self.bytes, Array(bytes[..<8]) == Self.magic else { return nil }
        let crc = Checksum.crc32(Array(bytes[12..<Self.bytes]), from: header.identity.seed)
        var fields: [UInt64] = []
        let found: UInt32 = bytes.withUnsafeBytes { buffer in
            fields = stride(from: 16, to: 104, by: 8).map { buffer.littleEndian(at: $0) }
            return buffer.littleEndian(at: 8)
        }
        guard found == crc, fields[0] == Self.offset(in: header.fileBytes).rawValue else { return nil }
        func time(_ field: Int) -> RecordTime { RecordTime(Int64(bitPattern: fields[field])) }
        self.init(
            end: FileOffset(fields[1]),
            firstID: RecordID(fields[2]),
            lastID: RecordID(fields[3]),
            recordCount: fields[4],
            controlCount: fields[5],
            recordBytes: fields[6],
            firstRecordedAt: time(7),
            lastRecordedAt: time(8),
            leastTime: time(9),
            greatestTime: time(10)
        )
        guard firstID == header.base, firstID <= lastID, lastID <= .greatest,
            recordCount == lastID.rawValue - firstID.rawValue + 1, end > FrameHeader.firstOffset,
            end <= Self.offset(in: header.fileBytes), recordBytes <= UInt64(end - FrameHeader.firstOffset),
            recordCount <= recordBytes / UInt64(RecordFormat.headerBytes + 1)
        else { return nil }
    }

    init(
        end: FileOffset,
        firstID: RecordID,
        lastID: RecordID,
        recordCount: UInt64,
        controlCount: UInt64,
        recordBytes: UInt64,
        firstRecordedAt: RecordTime,
        lastRecordedAt: RecordTime,
        leastTime: RecordTime,
        greatestTime: RecordTime
    ) {
        self.end = end
        self.firstID = firstID
        self.lastID = lastID
        self.recordCount = recordCount
        self.controlCount = controlCount
        self.recordBytes = recordBytes
        self.firstRecordedAt = firstRecordedAt
        self.lastRecordedAt = lastRecordedAt
        self.leastTime = leastTime
        self.greatestTime = greatestTime
    }
}
