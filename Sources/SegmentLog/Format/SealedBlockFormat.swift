// Owns: the layout of a block in a sealed segment, or in a key file. Everything there between the header and the footer is
// a block, of records or of the index: a header with its own checksum, and its content, packed.
//
//      0  4  magic            "BLCK"
//      4  4  header crc       CRC-32, continued from the segment's identity, of bytes 8 to 55
//      8  8  offset           of this block in its file
//     16  8  first id         of its records; zero in an index block
//     24  8  last id
//     32  4  count            of records or of index entries
//     36  4  raw bytes        when unpacked
//     40  4  content bytes    as packed
//     44  4  content crc      checksum of the content as packed
//     48  1  kind             1 records, 2 keys, 3 names, 4 blocks, 5 filter, 6 times, 7 controls, 128 filter part;
//                           from 128 on: may be ignored
//     49  1  codec            0 stored, 1 one zlib stream
//     50  1  checksum         of the content, 1: CRC-32
//     51  5  zero
//     56     the content
//
// The checksum is over the packed bytes, so that damage is found before zlib sees it; zlib's own Adler-32 covers the
// inflated ones. A codec or a checksum that this version does not know is no damage: the block is of a later version.

internal import Disk

struct SealedBlockHeader: Equatable {
    enum Kind: UInt8, CaseIterable {
        case records = 1
        case keys = 2
        case names = 3
        case blocks = 4
        case filter = 5
        case times = 6
        case controls = 7
        case filterPart = 128

        /// No block of the kind inflates to more; a crafted length is refused before memory is taken for it. Records are
        /// at most what a block gathers and the largest command; the index is that of the largest segment.
        var maximumRawBytes: UInt32 {
            switch self {
            case .records: 513 << 20
            case .keys: 1 << 20
            case .filterPart: UInt32(FilterParts.partBytes)
            case .names, .blocks, .times: 64 << 20
            case .filter, .controls: 512 << 20
            }
        }
    }

    static let bytes = 56
    static let magic: UInt32 = 0x4B43_4C42
    /// A block of records is cut once their bodies reach 64 KiB, if not before, and a body has a byte at least.
    static let maximumRecords = 64 << 10
    /// Who does not know a kind of these loses nothing.
    static let firstIgnorableKind: UInt8 = 128

    let offset: FileOffset
    let firstID: RecordID
    let lastID: RecordID
    let count: UInt32
    let rawBytes: UInt32
    let contentBytes: UInt32
    let contentCRC: UInt32
    /// May be one that this version does not know.
    let kindByte: UInt8
    let codecByte: UInt8
    let checksumByte: UInt8

    /// Nil for one that this version does not know.
    var kind: Kind? { Kind(rawValue: kindByte) }

    var end: FileOffset {
        offset + Self.bytes + Int(contentBytes)
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
        bytes.appendLittleEndian(contentBytes)
        bytes.appendLittleEndian(contentCRC)
        bytes += [kindByte, codecByte, checksumByte, 0, 0, 0, 0, 0]
        let crc = Checksum.crc32(Array(bytes[8...]), from: seed)
        bytes.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: 4) }
        return bytes
    }

    init(
        offset: FileOffset,
        firstID: RecordID = .zero,
        lastID: RecordID = .zero,
        count: UInt32,
        rawBytes: UInt32,
        contentBytes: UInt32,
        contentCRC: UInt32,
        kind: UInt8,
        codec: UInt8 = Codec.zlib.rawValue,
        checksum: UInt8 = ChecksumKind.crc32.rawValue
    ) {
        self.offset = offset
        self.firstID = firstID
        self.lastID = lastID
        self.count = count
        self.rawBytes = rawBytes
        self.contentBytes = contentBytes
        self.contentCRC = contentCRC
        kindByte = kind
        codecByte = codec
        checksumByte = checksum
    }

    /// Reads the header that stands at `offset`; nil where the bytes are no header of this segment at this place.
    init?(_ bytes: UnsafeRawBufferPointer, at offset: FileOffset, seed: UInt32) {
        guard bytes.count >= Self.bytes, bytes.littleEndian(at: 0, as: UInt32.self) == Self.magic else { return nil }
        let crc = Checksum.crc32(UnsafeRawBufferPointer(rebasing: bytes[8..<Self.bytes]), from: seed)
        guard bytes.littleEndian(at: 4, as: UInt32.self) == crc,
            bytes.littleEndian(at: 8, as: UInt64.self) == offset.rawValue
        else { return nil }
        self.init(
            offset: offset,
            firstID: RecordID(bytes.littleEndian(at: 16)),
            lastID: RecordID(bytes.littleEndian(at: 24)),
            count: bytes.littleEndian(at: 32),
            rawBytes: bytes.littleEndian(at: 36),
            contentBytes: bytes.littleEndian(at: 40),
            contentCRC: bytes.littleEndian(at: 44),
            kind: bytes[48],
            codec: bytes[49],
            checksum: bytes[50]
        )
        guard isPossible else { return nil }
    }

    private var isPossible: Bool {
        switch Codec(rawValue: codecByte) {
        case .stored: guard rawBytes == contentBytes else { return false }
        case .zlib: guard Int(rawBytes) <= Int(contentBytes) * Compression.maximumRatio else { return false }
        case nil: break
        }
        guard let kind else { return true }
        guard rawBytes <= kind.maximumRawBytes else { return false }
        guard kind == .records else { return true }
        return firstID > .zero && firstID <= lastID && lastID <= .greatest && count > 0 && count <= Self.maximumRecords
    }

    /// What a block turns out to be.
    enum Content {
        case whole(header: SealedBlockHeader, raw: [UInt8])
        case damaged
        /// It uses something that this version does not know, in words.
        case later(String)

        /// The header and the unpacked bytes; nil where there is nothing that can be read.
        var whole: (header: SealedBlockHeader, raw: [UInt8])? {
            if case .whole(let header, let raw) = self { (header, raw) } else { nil }
        }
    }

    /// Unpacks the block that fills `bytes`, header and content.
    static func unpack(_ bytes: [UInt8], at offset: FileOffset, seed: UInt32, kind: Kind) -> Content {
        bytes.withUnsafeBytes { buffer in
            guard let header = SealedBlockHeader(buffer, at: offset, seed: seed), header.kind == kind,
                Int(header.contentBytes) == buffer.count - Self.bytes
            else { return .damaged }
            let content = UnsafeRawBufferPointer(rebasing: buffer[Self.bytes...])
            guard ChecksumKind(rawValue: header.checksumByte) != nil else {
                return .later("a checksum of kind \(header.checksumByte)")
            }
            guard Checksum.crc32(content) == header.contentCRC else { return .damaged }
            switch Codec(rawValue: header.codecByte) {
            case .stored: return .whole(header: header, raw: Array(content))
            case .zlib:
                guard let raw = Compression.inflate(content, count: Int(header.rawBytes)) else { return .damaged }
                return .whole(header: header, raw: raw)
            case nil: return .later("codec \(header.codecByte)")
            }
        }
    }

    /// A whole block, header and content, at its place in the file.
    static func packed(
        _ content: PackedContent,
        kind: Kind,
        at offset: FileOffset,
        count: Int,
        ids: ClosedRange<RecordID>?,
        seed: UInt32
    ) -> (header: SealedBlockHeader, bytes: [UInt8]) {
        let header = SealedBlockHeader(
            offset: offset,
            firstID: ids?.lowerBound ?? .zero,
            lastID: ids?.upperBound ?? .zero,
            count: UInt32(count),
            rawBytes: content.rawBytes,
            contentBytes: UInt32(content.bytes.count),
            contentCRC: content.crc,
            kind: kind.rawValue,
            codec: content.codec.rawValue
        )
        return (header, header.encoded(seed: seed) + content.bytes)
    }
}

extension RecordColumns {
    /// The records of an unpacked block.
    static func decode(_ raw: [UInt8], header: SealedBlockHeader) -> Block? {
        decode(raw, ids: header.firstID...header.lastID, count: Int(header.count))
    }
}
