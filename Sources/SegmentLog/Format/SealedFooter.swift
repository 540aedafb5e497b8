// Owns: the last 160 bytes of a sealed segment: what it covers, where its index lies, and, in case the header is damaged,
// which segment this is.
//
//      0  8  magic           "EVFOOTER"
//      8  4  crc             CRC-32 of bytes 12 to 159
//     12  4  zero
//     16  8  file bytes      of the whole file, this footer included
//     24  8  record count
//     32  8  first covered   the ids this segment answers for; within them, an id that is not here does not exist
//     40  8  last covered
//     48  8  record bytes    of all bodies
//     56  8  first recorded at
//     64  8  last recorded at
//     72 48  three references to blocks, each offset (8), stream bytes (4), raw bytes (4):
//            block table, key directory, filter
//    120 16  store          this and what follows as in the file header
//    136 16  segment
//    152  2  version
//    154  2  features
//    156  4  zero

internal import Disk

struct SealedFooter: Equatable {
    struct Reference: Equatable {
        var offset = FileOffset(0)
        var streamBytes: UInt32 = 0
        var rawBytes: UInt32 = 0

        /// Whether the block lies between header and footer of a file.
        func lies(within fileBytes: UInt64) -> Bool {
            let bytes = UInt64(SealedBlockHeader.bytes) + UInt64(streamBytes)
            return offset >= FileOffset(FileHeader.bytes) && bytes <= fileBytes
                && offset.rawValue <= fileBytes - bytes
        }
    }

    static let bytes = 160
    private static let magic = Array("EVFOOTER".utf8)

    let identity: SegmentIdentity
    var version = FileHeader.version
    var features: UInt16 = 0
    var fileBytes: UInt64 = 0
    var recordCount: UInt64 = 0
    var firstCovered = RecordID.zero
    var lastCovered = RecordID.zero
    var recordBytes: UInt64 = 0
    var firstRecordedAt = RecordTime.minimum
    var lastRecordedAt = RecordTime.minimum
    var table = Reference()
    var directory = Reference()
    var filter = Reference()

    init(identity: SegmentIdentity) {
        self.identity = identity
    }

    /// What the blocks themselves tell, in place of a footer that is damaged.
    init(_ identity: SegmentIdentity, fileBytes: UInt64, covering: ClosedRange<RecordID>, blocks: BlockTable) {
        self.identity = identity
        self.fileBytes = fileBytes
        firstCovered = covering.lowerBound
        lastCovered = covering.upperBound
        recordCount = blocks.recordCount
        // The bounds of a block that could not be read are no times: the clock of the log must not start from them.
        let known = blocks.entries.map(\.summary).filter { !$0.isUnreadable }
        firstRecordedAt = known.first?.firstRecordedAt ?? .minimum
        lastRecordedAt = known.last?.lastRecordedAt ?? .minimum
    }

    func encoded() -> [UInt8] {
        var bytes = Self.magic
        bytes.appendLittleEndian(UInt64(0))
        bytes.appendLittleEndian(fileBytes)
        bytes.appendLittleEndian(recordCount)
        bytes.appendLittleEndian(firstCovered.rawValue)
        bytes.appendLittleEndian(lastCovered.rawValue)
        bytes.appendLittleEndian(recordBytes)
        bytes.appendLittleEndian(firstRecordedAt.rawValue)
        bytes.appendLittleEndian(lastRecordedAt.rawValue)
        for reference in [table, directory, filter] {
            bytes.appendLittleEndian(reference.offset.rawValue)
            bytes.appendLittleEndian(reference.streamBytes)
            bytes.appendLittleEndian(reference.rawBytes)
        }
        bytes += identity.store.bytes + identity.segment.bytes
        bytes.appendLittleEndian(version)
        bytes.appendLittleEndian(features)
        bytes.appendLittleEndian(UInt32(0))
        let crc = Checksum.crc32(Array(bytes[12...]))
        bytes.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: 8) }
        return bytes
    }

    /// Reads a footer; nil where it is damaged, or tells what cannot be.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.bytes, Array(bytes[0..<8]) == Self.magic,
            bytes.withUnsafeBytes({ $0.littleEndian(at: 8, as: UInt32.self) }) == Checksum.crc32(Array(bytes[12...]))
        else { return nil }
        identity = SegmentIdentity(
            store: UniqueID(bytes: Array(bytes[120..<136])),
            segment: UniqueID(bytes: Array(bytes[136..<152]))
        )
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(UnsafeRawBufferPointer(rebasing: buffer[16...]))
            fileBytes = reader.littleEndian(UInt64.self)
            recordCount = reader.littleEndian(UInt64.self)
            firstCovered = RecordID(reader.littleEndian(UInt64.self))
            lastCovered = RecordID(reader.littleEndian(UInt64.self))
            recordBytes = reader.littleEndian(UInt64.self)
            firstRecordedAt = RecordTime(reader.littleEndian(Int64.self))
            lastRecordedAt = RecordTime(reader.littleEndian(Int64.self))
            func reference() -> Reference {
                Reference(
                    offset: FileOffset(reader.littleEndian(UInt64.self)),
                    streamBytes: reader.littleEndian(UInt32.self),
                    rawBytes: reader.littleEndian(UInt32.self)
                )
            }
            table = reference()
            directory = reference()
            filter = reference()
            version = buffer.littleEndian(at: 152)
            features = buffer.littleEndian(at: 154)
        }
        // What a later version tells is not for this one to judge.
        guard version == FileHeader.version, features == 0 else { return }
        guard firstCovered > .zero, firstCovered <= lastCovered, lastCovered <= .greatest,
            [table, directory, filter].allSatisfy({ $0.lies(within: fileBytes) })
        else { return nil }
    }
}
