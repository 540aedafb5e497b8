// Owns: the layout of a block in a sealed segment. Everything in a sealed file between the header and the footer is a
// block, of records or of the index: a header with its own checksum, and one zlib stream.
//
//      0  4  magic            "BLCK"
//      4  4  header crc       CRC-32, continued from the segment's identity, of bytes 8 to 55
//      8  8  offset           of this block in its file
//     16  8  first id         of its records; zero in an index block
//     24  8  last id
//     32  4  count            of records or of index entries
//     36  4  raw bytes        after inflation
//     40  4  stream bytes     of the zlib stream
//     44  4  stream crc       CRC-32 of the zlib stream
//     48  1  kind             1 records, 2 keys, 3 key directory, 4 block table, 5 filter
//     49  7  zero
//     56     the zlib stream
//
// The checksum is over the compressed bytes, so that damage is found before zlib sees it; zlib's own Adler-32 covers
// the inflated ones.

internal import Disk

struct SealedBlockHeader: Equatable {
    enum Kind: UInt8 {
        case records = 1
        case keys = 2
        case directory = 3
        case table = 4
        case filter = 5

        /// No block of the kind inflates to more; a crafted length is refused before memory is taken for it. Records are
        /// at most what a block gathers and the largest command; the index is that of the largest segment.
        var maximumRawBytes: UInt32 {
            switch self {
            case .records: 513 << 20
            case .keys: 1 << 20
            case .directory, .table: 64 << 20
            case .filter: 512 << 20
            }
        }
    }

    static let bytes = 56
    static let magic: UInt32 = 0x4B43_4C42
    /// A block of records is cut once their bodies reach 64 KiB, if not before, and a body has a byte at least.
    static let maximumRecords = 64 << 10

    let offset: FileOffset
    let firstID: RecordID
    let lastID: RecordID
    let count: UInt32
    let rawBytes: UInt32
    let streamBytes: UInt32
    let streamCRC: UInt32
    let kind: Kind

    var end: FileOffset {
        offset + Self.bytes + Int(streamBytes)
    }

    func encoded(seed: UInt32) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.bytes)
        bytes.appendLittleEndian(Self.magic)
        bytes.appendLittleEndian(UInt32(0))
        bytes.appendLittleEndian(offset.rawValue)
        bytes.appendLittleEndian(firstID.rawValue)
        bytes.appendLittleEndian(lastID.rawValue)
        bytes.appendLittleEndian(count)
        bytes.appendLittleEndian(rawBytes)
        bytes.appendLittleEndian(streamBytes)
        bytes.appendLittleEndian(streamCRC)
        bytes.append(kind.rawValue)
        bytes.append(contentsOf: repeatElement(0, count: 7))
        let crc = Checksum.crc32(Array(bytes[8...]), from: seed)
        bytes.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: 4) }
        return bytes
    }

    init(
        offset: FileOffset,
        firstID: RecordID,
        lastID: RecordID,
        count: UInt32,
        rawBytes: UInt32,
        streamBytes: UInt32,
        streamCRC: UInt32,
        kind: Kind
    ) {
        self.offset = offset
        self.firstID = firstID
        self.lastID = lastID
        self.count = count
        self.rawBytes = rawBytes
        self.streamBytes = streamBytes
        self.streamCRC = streamCRC
        self.kind = kind
    }

    /// Reads the header that stands at `offset`; nil where the bytes are no header of this segment at this place.
    init?(_ bytes: UnsafeRawBufferPointer, at offset: FileOffset, seed: UInt32) {
        guard bytes.count >= Self.bytes, bytes.littleEndian(at: 0, as: UInt32.self) == Self.magic else { return nil }
        let crc = Checksum.crc32(UnsafeRawBufferPointer(rebasing: bytes[8..<Self.bytes]), from: seed)
        guard bytes.littleEndian(at: 4, as: UInt32.self) == crc,
            bytes.littleEndian(at: 8, as: UInt64.self) == offset.rawValue,
            let kind = Kind(rawValue: bytes[48]), bytes[49..<Self.bytes].allSatisfy({ $0 == 0 })
        else { return nil }
        self.init(
            offset: offset,
            firstID: RecordID(bytes.littleEndian(at: 16)),
            lastID: RecordID(bytes.littleEndian(at: 24)),
            count: bytes.littleEndian(at: 32),
            rawBytes: bytes.littleEndian(at: 36),
            streamBytes: bytes.littleEndian(at: 40),
            streamCRC: bytes.littleEndian(at: 44),
            kind: kind
        )
        guard rawBytes <= kind.maximumRawBytes, Int(rawBytes) <= Int(streamBytes) * Compression.maximumRatio
        else { return nil }
        if kind == .records {
            guard firstID > .zero, firstID <= lastID, lastID <= .greatest, count > 0, count <= Self.maximumRecords
            else { return nil }
        }
    }

    /// Inflates the block that fills `bytes`, header and stream; nil where anything of it is damaged.
    static func inflate(
        _ bytes: [UInt8],
        at offset: FileOffset,
        seed: UInt32,
        kind: Kind
    ) -> (header: SealedBlockHeader, raw: [UInt8])? {
        bytes.withUnsafeBytes { buffer in
            guard let header = SealedBlockHeader(buffer, at: offset, seed: seed), header.kind == kind,
                Int(header.streamBytes) == buffer.count - Self.bytes
            else { return nil }
            let stream = UnsafeRawBufferPointer(rebasing: buffer[Self.bytes...])
            guard Checksum.crc32(stream) == header.streamCRC,
                let raw = Compression.inflate(stream, count: Int(header.rawBytes))
            else { return nil }
            return (header, raw)
        }
    }
}

extension RecordColumns {
    /// The records of an inflated block.
    static func decode(_ raw: [UInt8], header: SealedBlockHeader) -> Block? {
        decode(raw, ids: header.firstID...header.lastID, count: Int(header.count))
    }
}
