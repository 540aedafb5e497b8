// Owns: the layout of a frame in a raw segment. The records of one group commit follow its header.
//
//      0  4  magic           "FRAM"
//      4  4  header crc      CRC-32, continued from the segment's identity, of bytes 8 to 55
//      8  8  offset          of this frame in its file
//     16  8  durable offset  all bytes of the file before it were durable when this frame was written
//     24  8  first id
//     32  8  recorded at
//     40  4  record count    of those that have an id of their own
//     44  4  body bytes
//     48  4  body crc        CRC-32 of the crc fields of all records, one after the other
//     52  4  control count   of the control records, which follow the others
//
// Frames begin at multiples of 8, the first at 8192; the bytes between them are zero. The header that follows the last
// frame is zero. A frame without records of either kind is a marker: it says only that what precedes it is durable.
//
// Because the identity of the segment and the offset are part of the checksum, bytes that a recycled file kept from its
// former life are never taken for a frame; because the body's checksum covers the records' checksums, a frame is never
// pieced together from two writes.

internal import Disk

struct FrameHeader: Equatable {
    static let bytes = 56
    static let alignment = 8
    static let magic: UInt32 = 0x4D41_5246
    /// Where the first frame of a file begins: header and copy have pages of their own, which are never written again.
    static let firstOffset = FileOffset(8192)
    /// No raw segment is longer: the places of its records are counted in 32 bits.
    static let maximumEnd = FileOffset(1 << 32 - 1)

    let offset: FileOffset
    let durableOffset: FileOffset
    let firstID: RecordID
    let recordedAt: RecordTime
    let recordCount: UInt32
    let bodyBytes: UInt32
    let bodyCRC: UInt32
    let controlCount: UInt32

    /// Where the next frame begins.
    var end: FileOffset {
        Self.aligned(offset + Self.bytes + Int(bodyBytes))
    }

    /// The id after the last of this frame.
    var nextID: RecordID {
        firstID.advanced(by: Int(recordCount))
    }

    /// A frame without records, which says that what precedes it is durable.
    static func marker(at offset: FileOffset, nextID: RecordID, recordedAt: RecordTime) -> FrameHeader {
        FrameHeader(
            offset: offset,
            durableOffset: offset,
            firstID: nextID,
            recordedAt: recordedAt,
            recordCount: 0,
            bodyBytes: 0,
            bodyCRC: 0
        )
    }

    /// The same frame at another place.
    func moved(to offset: FileOffset, durableOffset: FileOffset) -> FrameHeader {
        FrameHeader(
            offset: offset,
            durableOffset: durableOffset,
            firstID: firstID,
            recordedAt: recordedAt,
            recordCount: recordCount,
            bodyBytes: bodyBytes,
            bodyCRC: bodyCRC,
            controlCount: controlCount
        )
    }

    static func aligned(_ offset: FileOffset) -> FileOffset {
        FileOffset((offset.rawValue + UInt64(alignment - 1)) & ~UInt64(alignment - 1))
    }

    /// Whether these bytes are the whole body of the frame: all its records, each whole, in their order.
    func describes(_ body: [UInt8]) -> Bool {
        body.withUnsafeBytes { FrameWalk($0, of: self, at: offset + Self.bytes).isWhole }
    }

    /// The id before the first of those that come after the frame: what its control records stand behind.
    var lastID: RecordID { RecordID(nextID.rawValue - 1) }

    func encoded(_ identity: SegmentIdentity) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.bytes)
        bytes.appendLittleEndian(Self.magic)
        bytes.appendLittleEndian(UInt32(0))
        bytes.appendLittleEndian(offset.rawValue)
        bytes.appendLittleEndian(durableOffset.rawValue)
        bytes.appendLittleEndian(firstID.rawValue)
        bytes.appendLittleEndian(recordedAt.rawValue)
        bytes.appendLittleEndian(recordCount)
        bytes.appendLittleEndian(bodyBytes)
        bytes.appendLittleEndian(bodyCRC)
        bytes.appendLittleEndian(controlCount)
        let crc = Checksum.crc32(Array(bytes[8...]), from: identity.seed)
        bytes.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: 4) }
        return bytes
    }

    /// Reads the header that stands at `offset` of the file; nil where the bytes are not a header of this segment at
    /// this very place.
    init?(_ bytes: UnsafeRawBufferPointer, at offset: FileOffset, seed: UInt32) {
        guard bytes.count >= Self.bytes, bytes.littleEndian(at: 0, as: UInt32.self) == Self.magic else { return nil }
        let crc = Checksum.crc32(UnsafeRawBufferPointer(rebasing: bytes[8..<Self.bytes]), from: seed)
        guard bytes.littleEndian(at: 4, as: UInt32.self) == crc else { return nil }
        let found = FileOffset(bytes.littleEndian(at: 8, as: UInt64.self))
        guard found == offset else { return nil }
        self.init(
            offset: found,
            durableOffset: FileOffset(bytes.littleEndian(at: 16, as: UInt64.self)),
            firstID: RecordID(bytes.littleEndian(at: 24)),
            recordedAt: RecordTime(bytes.littleEndian(at: 32)),
            recordCount: bytes.littleEndian(at: 40),
            bodyBytes: bytes.littleEndian(at: 44),
            bodyCRC: bytes.littleEndian(at: 48),
            controlCount: bytes.littleEndian(at: 52)
        )
        guard firstID > .zero, firstID <= .greatest, durableOffset <= offset, end <= Self.maximumEnd else { return nil }
    }

    init(
        offset: FileOffset,
        durableOffset: FileOffset,
        firstID: RecordID,
        recordedAt: RecordTime,
        recordCount: UInt32,
        bodyBytes: UInt32,
        bodyCRC: UInt32,
        controlCount: UInt32 = 0
    ) {
        self.offset = offset
        self.durableOffset = durableOffset
        self.firstID = firstID
        self.recordedAt = recordedAt
        self.recordCount = recordCount
        self.bodyBytes = bodyBytes
        self.bodyCRC = bodyCRC
        self.controlCount = controlCount
    }
}
