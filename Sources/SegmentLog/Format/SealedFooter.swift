// Owns: the end of a sealed segment, and of a key file: the header once more, in case the first one is damaged, what the segment covers, and a
// directory of its sections. It is read from behind: the last 16 bytes say how long it is.
//
//      0   n  the file header, as it stands at the beginning; n is its header bytes, 192
//      n   8  file bytes      of the whole file, this footer included
//    n+8   8  record count
//   n+16   8  first covered   the ids this segment answers for; within them, an id that is not here does not exist
//   n+24   8  last covered
//   n+32   8  record bytes    of all bodies
//   n+40   8  first recorded at
//   n+48   8  last recorded at
//   n+56   8  least time
//   n+64   8  greatest time
//   n+72   8  control count
//   n+80   4  section count
//   n+84   4  zero
//   n+88      sections, 32 bytes each:
//               0  1  kind           as in the block's header
//               1  1  flags          bit 0: must be known to read, bit 1: must be known to write
//               2  6  zero
//               8  8  offset         of its block
//              16  4  content bytes
//              20  4  raw bytes
//              24  8  zero
//  end-16   4  footer bytes
//  end-12   4  crc             CRC-32 of the footer's bytes before this field
//   end-8   8  magic           "EVFOOTER"

internal import Disk

/// Where a block lies.
struct BlockReference: Equatable, Sendable {
    var offset = FileOffset(0)
    var contentBytes: UInt32 = 0
    var rawBytes: UInt32 = 0

    /// Of the whole block.
    var bytes: Int { SealedBlockHeader.bytes + Int(contentBytes) }

    /// Whether the block lies between header and footer of a file.
    func lies(within fileBytes: UInt64) -> Bool {
        let bytes = UInt64(bytes)
        return offset >= FileOffset(FileHeader.bytes) && bytes <= fileBytes && offset.rawValue <= fileBytes - bytes
    }
}

/// Blocks of one size, one behind the other.
struct BlockRun: Sendable {
    let first: BlockReference
    let count: Int

    subscript(place: Int) -> BlockReference {
        var block = first
        block.offset = first.offset + place * first.bytes
        return block
    }
}

struct SealedFooter: Equatable, Sendable {
    struct Section: Equatable, Sendable {
        static let bytes = 32
        static let mustRead: UInt8 = 1
        static let mustWrite: UInt8 = 2

        var kind: UInt8
        var flags: UInt8 = 0
        var block: BlockReference
    }

    static let summaryBytes = 88
    static let tailBytes = 16
    static let magic = Array("EVFOOTER".utf8)
    /// No footer is longer.
    static let maximumBytes = 64 << 10

    let header: FileHeader
    var fileBytes: UInt64 = 0
    var recordCount: UInt64 = 0
    var firstCovered = RecordID.zero
    var lastCovered = RecordID.zero
    var recordBytes: UInt64 = 0
    var firstRecordedAt = RecordTime.minimum
    var lastRecordedAt = RecordTime.minimum
    var leastTime = RecordTime.minimum
    var greatestTime = RecordTime.minimum
    var controlCount: UInt64 = 0
    var sections: [Section] = []
    /// Of the footer itself, as it was read.
    private(set) var bytes = 0
    private(set) var checksum: UInt32 = 0

    init(header: FileHeader) {
        self.header = header
    }

    /// What the blocks themselves tell, in place of a footer that is damaged.
    init(_ header: FileHeader, fileBytes: UInt64, covering: ClosedRange<RecordID>, blocks: BlockTable) {
        self.header = header
        self.fileBytes = fileBytes
        firstCovered = covering.lowerBound
        lastCovered = covering.upperBound
        recordCount = blocks.recordCount
        // The bounds of a block that could not be read are no times: the clock of the log must not start from them.
        let known = blocks.entries.map(\.summary).filter { !$0.isUnreadable }
        firstRecordedAt = known.first?.firstRecordedAt ?? .minimum
        lastRecordedAt = known.last?.lastRecordedAt ?? .minimum
        leastTime = known.map(\.minimumTime).min() ?? .minimum
        greatestTime = known.map(\.maximumTime).max() ?? .minimum
    }

    /// Where a section lies; nil where the segment has none of that kind.
    func section(_ kind: SealedBlockHeader.Kind) -> BlockReference? {
        sections.first { $0.kind == kind.rawValue }?.block
    }

    /// The blocks of one size that stand one behind the other from a section to the next, or to the footer; nil where there is no
    /// such section, or what it begins cannot be such a run.
    func run(_ kind: SealedBlockHeader.Kind) -> BlockRun? {
        guard let first = section(kind) else { return nil }
        let behind = sections.map(\.block.offset).filter { $0 > first.offset }.min()
        let size = (behind ?? FileOffset(fileBytes - UInt64(bytes))) - first.offset
        guard size > 0, size.isMultiple(of: first.bytes) else { return nil }
        return BlockRun(first: first, count: size / first.bytes)
    }

    /// The parts of the filter; nil where it is not in parts, or they cannot be.
    var filterParts: BlockRun? {
        guard let run = run(.filterPart), run.first.contentBytes == FilterParts.partBytes,
            run.first.rawBytes == FilterParts.partBytes, UInt32(exactly: run.count) != nil
        else { return nil }
        return run
    }

    /// Whether this version may write the segment anew, and remove it.
    var canWrite: Bool {
        header.features.canWrite
            && sections.allSatisfy {
                SealedBlockHeader.Kind(rawValue: $0.kind) != nil || $0.flags & Section.mustWrite == 0
            }
    }

    /// Refuses a section that must be known and is not.
    func requireReadable(path: String) throws(LogError) {
        for section in sections where SealedBlockHeader.Kind(rawValue: section.kind) == nil {
            guard section.flags & Section.mustRead == 0 else {
                throw .unknownFormat(path: path, found: "a section of kind \(section.kind) that a reader must know")
            }
        }
    }

    func encoded() -> [UInt8] {
        var bytes = header.encoded()
        for number in [fileBytes, recordCount, firstCovered.rawValue, lastCovered.rawValue, recordBytes] {
            bytes.appendLittleEndian(number)
        }
        for time in [firstRecordedAt, lastRecordedAt, leastTime, greatestTime] {
            bytes.appendLittleEndian(time.rawValue)
        }
        bytes.appendLittleEndian(controlCount)
        bytes.appendLittleEndian(UInt32(sections.count))
        bytes.appendLittleEndian(UInt32(0))
        for section in sections {
            bytes += [section.kind, section.flags, 0, 0, 0, 0, 0, 0]
            bytes.appendLittleEndian(section.block.offset.rawValue)
            bytes.appendLittleEndian(section.block.contentBytes)
            bytes.appendLittleEndian(section.block.rawBytes)
            bytes.appendLittleEndian(UInt64(0))
        }
        bytes.appendLittleEndian(UInt32(bytes.count + Self.tailBytes))
        bytes.appendLittleEndian(Checksum.crc32(bytes))
        return bytes + Self.magic
    }

    /// How long a footer with so many sections is.
    static func bytes(sections: Int) -> Int {
        FileHeader.bytes + summaryBytes + sections * Section.bytes + tailBytes
    }

    /// How long the footer is that ends these bytes, by its own word; nil where none does.
    static func length(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= tailBytes, Array(bytes.suffix(8)) == magic else { return nil }
        let length = bytes.withUnsafeBytes { Int($0.littleEndian(at: bytes.count - tailBytes, as: UInt32.self)) }
        return (Self.bytes(sections: 0)...maximumBytes).contains(length) ? length : nil
    }

    /// Bytes at the end of a file that hold its footer, as a rule.
    private static let guess = 1024

    /// Reads the footer at the end of a file; nil where it is damaged, or of a file of another size.
    static func read(
        _ file: any DiskFile,
        size: UInt64,
        kind: FileHeader.Kind,
        store: UniqueID
    ) throws(LogError) -> SealedFooter? {
        func end(_ count: Int) throws(LogError) -> [UInt8] {
            let count = min(count, Int(clamping: size))
            return try onDisk { () throws(DiskError) in
                try file.prefix(at: FileOffset(size - UInt64(count)), count: count)
            }
        }
        var bytes = try end(guess)
        guard let length = length(bytes) else { return nil }
        if length > bytes.count { bytes = try end(length) }
        guard length <= bytes.count else { return nil }
        let footer = try decode(Array(bytes.suffix(length)), kind: kind, store: store, path: file.path)
        return footer?.fileBytes == size ? footer : nil
    }

    /// Reads the footer that fills the bytes; nil where it is damaged, or tells what cannot be. Throws where it belongs to
    /// another store or a later version.
    static func decode(
        _ bytes: [UInt8],
        kind: FileHeader.Kind = .sealed,
        store: UniqueID,
        path: String
    ) throws(LogError) -> SealedFooter? {
        guard length(bytes) == bytes.count else { return nil }
        let crc = bytes.withUnsafeBytes { $0.littleEndian(at: bytes.count - 12, as: UInt32.self) }
        guard Checksum.crc32(Array(bytes.dropLast(12))) == crc,
            let header = try FileHeader.decode(bytes, kind: kind, store: store, path: path),
            let start = FileHeader.length(bytes)
        else { return nil }
        var footer = SealedFooter(header: header)
        (footer.bytes, footer.checksum) = (bytes.count, crc)
        guard footer.read(Array(bytes[start..<bytes.count - tailBytes])), footer.isPossible else { return nil }
        try footer.requireReadable(path: path)
        return footer
    }

    /// Reads all between the header and the tail.
    private mutating func read(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            fileBytes = reader.littleEndian(UInt64.self)
            recordCount = reader.littleEndian(UInt64.self)
            firstCovered = RecordID(reader.littleEndian(UInt64.self))
            lastCovered = RecordID(reader.littleEndian(UInt64.self))
            recordBytes = reader.littleEndian(UInt64.self)
            firstRecordedAt = RecordTime(reader.littleEndian(Int64.self))
            lastRecordedAt = RecordTime(reader.littleEndian(Int64.self))
            leastTime = RecordTime(reader.littleEndian(Int64.self))
            greatestTime = RecordTime(reader.littleEndian(Int64.self))
            controlCount = reader.littleEndian(UInt64.self)
            let count = Int(reader.littleEndian(UInt32.self))
            _ = reader.littleEndian(UInt32.self)
            guard !reader.failed, reader.remaining == count * Section.bytes else { return false }
            for _ in 0..<count {
                let head = reader.littleEndian(UInt64.self)
                let block = BlockReference(
                    offset: FileOffset(reader.littleEndian(UInt64.self)),
                    contentBytes: reader.littleEndian(UInt32.self),
                    rawBytes: reader.littleEndian(UInt32.self)
                )
                _ = reader.littleEndian(UInt64.self)
                sections.append(
                    Section(
                        kind: UInt8(truncatingIfNeeded: head),
                        flags: UInt8(truncatingIfNeeded: head >> 8),
                        block: block
                    )
                )
            }
            return !reader.failed
        }
    }

    private var isPossible: Bool {
        firstCovered > .zero && firstCovered <= lastCovered && lastCovered <= .greatest
            && recordCount <= lastCovered.rawValue - firstCovered.rawValue + 1 && recordBytes <= 1 << 48
            && sections.allSatisfy { $0.block.lies(within: fileBytes) }
            && Set(sections.map(\.kind)).count == sections.count
    }
}
