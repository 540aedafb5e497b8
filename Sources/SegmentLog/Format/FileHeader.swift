// Owns: the first 192 bytes of every file of the log, the same for raw and for sealed segments, and for the key files of
// raw ones.
//
//      0  8  magic         "EVRAWSEG", "EVSEALED" or "EVRAWKEY"
//      8  2  version       2
//     10  2  header bytes  192; a later version may have more, up to 4096
//     12  4  crc           CRC-32 of the whole header with this field zero
//     16 16  store         the store's unique id
//     32 16  segment       the segment's unique id, new whenever a raw file is used anew
//     48  8  base          the id of the first record that can stand in the file
//     56  8  file bytes    of a raw segment, as it was preallocated; zero in a sealed one, whose footer says it; in a
//                       key file that of its segment
//     64 12  features      three words: must know to read, must know to write, may ignore
//     76  1  checksum      1: CRC-32, of this header, of frames and of records
//     77  3  zero
//     80  8  created at    nanoseconds since the Unix epoch
//     88  4  writer        the version of evstore that made it
//     92  4  zero
//     96 16  origin        the raw segment that the last records came from; in a raw segment its own id
//    112 16  predecessor   the origin of the segment before this one; zero for none
//    128  8                the last id that was known when this one was begun; zero for none
//    136  4                the kind of the hash that follows, 0 for none; 4 bytes of zero
//    144 32                room for a hash of the predecessor
//    176 16  zero
//
// The checksum comes before the version is believed, so a flipped bit reads as damage, not as a future format. Every later
// version keeps the first 16 bytes. All else in a file can be read only with its identity, so the header stands in two
// places: a raw segment repeats it at 4096, a sealed one and a key file in their footers.

internal import Disk

/// What tells the bytes of one segment from those of every other: the seed of all checksums in its file.
package struct SegmentIdentity: Hashable, Sendable {
    package let store: UniqueID
    package let segment: UniqueID

    package init(store: UniqueID, segment: UniqueID) {
        self.store = store
        self.segment = segment
    }

    /// The CRC-32 of both ids, from which the checksums of frames and blocks continue.
    var seed: UInt32 {
        Checksum.crc32(store.bytes + segment.bytes)
    }
}

/// The segment before another one, as that one's header names it.
package struct Predecessor: Hashable, Sendable {
    /// Its origin.
    package let segment: UniqueID
    package let lastID: RecordID

    package init(segment: UniqueID, lastID: RecordID) {
        self.segment = segment
        self.lastID = lastID
    }

    static let none = Predecessor(segment: .zero, lastID: .zero)
}

package struct FileHeader: Equatable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        case raw = "EVRAWSEG"
        case sealed = "EVSEALED"
        /// The key file of a raw segment, which has the segment's identity, and all else of its header.
        case keys = "EVRAWKEY"
    }

    static let bytes = 192
    private static let maximumBytes = 4096
    /// Where a raw segment has it once more: on a page of its own, which no damage to the first one reaches.
    static let copyOffset = FileOffset(4096)

    let kind: Kind
    let identity: SegmentIdentity
    let base: RecordID
    /// Of a raw segment, and in its key file; zero in a sealed one.
    let fileBytes: UInt64
    let createdAt: RecordTime
    let origin: UniqueID
    let predecessor: Predecessor
    let features: FeatureBits
    /// Of the header itself, in bytes: what follows begins behind it.
    private(set) var length = FileHeader.bytes

    package init(
        kind: Kind,
        identity: SegmentIdentity,
        base: RecordID,
        fileBytes: UInt64 = 0,
        createdAt: RecordTime = RecordTime(0),
        origin: UniqueID? = nil,
        predecessor: Predecessor? = nil,
        features: FeatureBits = FeatureBits()
    ) {
        self.kind = kind
        self.identity = identity
        self.base = base
        self.fileBytes = fileBytes
        self.createdAt = createdAt
        self.origin = origin ?? identity.segment
        self.predecessor = predecessor ?? .none
        self.features = features
    }

    /// The header of the key file that belongs to the raw segment with this one.
    var ofKeys: FileHeader {
        FileHeader(
            kind: .keys,
            identity: identity,
            base: base,
            fileBytes: fileBytes,
            createdAt: createdAt,
            origin: origin,
            predecessor: predecessor
        )
    }

    package func encoded() -> [UInt8] {
        var bytes = Array(kind.rawValue.utf8)
        bytes.reserveCapacity(Self.bytes)
        bytes.appendLittleEndian(FormatVersion.current)
        bytes.appendLittleEndian(UInt16(Self.bytes))
        bytes.appendLittleEndian(UInt32(0))
        bytes += identity.store.bytes + identity.segment.bytes
        bytes.appendLittleEndian(base.rawValue)
        bytes.appendLittleEndian(fileBytes)
        features.append(to: &bytes)
        bytes += [ChecksumKind.crc32.rawValue, 0, 0, 0]
        bytes.appendLittleEndian(createdAt.rawValue)
        bytes.appendLittleEndian(FormatVersion.writer)
        bytes.appendLittleEndian(UInt32(0))
        bytes += origin.bytes + predecessor.segment.bytes
        bytes.appendLittleEndian(predecessor.lastID.rawValue)
        bytes += [UInt8](repeating: 0, count: Self.bytes - bytes.count)
        let crc = Checksum.crc32(bytes)
        bytes.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: 12) }
        return bytes
    }

    /// Reads the header that stands at `offset`; nil where it is damaged. A whole header that does not belong here is an
    /// error: such a file is a mistake of somebody's, not of the disk, and is left for them to look at.
    static func read(
        _ file: any DiskFile,
        at offset: FileOffset = FileOffset(0),
        kind: Kind,
        store: UniqueID
    ) throws(LogError) -> FileHeader? {
        var bytes = try onDisk { () throws(DiskError) in try file.prefix(at: offset, count: Self.bytes) }
        if let length = length(bytes), length > bytes.count {
            bytes = try onDisk { () throws(DiskError) in try file.prefix(at: offset, count: length) }
        }
        return try decode(bytes, kind: kind, store: store, path: file.path)
    }

    /// How long the header is that begins the bytes, by its own word; nil where that cannot be.
    static func length(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= Self.firstVersionBytes else { return nil }
        let (version, length) = bytes.withUnsafeBytes {
            ($0.littleEndian(at: 8, as: UInt16.self), Int($0.littleEndian(at: 10, as: UInt16.self)))
        }
        if version == 1 { return Self.firstVersionBytes }
        return (Self.bytes...Self.maximumBytes).contains(length) ? length : nil
    }

    /// Version 1 is refused by name, not taken for damage.
    private static let firstVersionBytes = 64

    /// Reads the header that begins the bytes.
    static func decode(
        _ bytes: [UInt8],
        kind: Kind,
        store: UniqueID,
        path: String
    ) throws(LogError) -> FileHeader? {
        guard let length = length(bytes), length <= bytes.count else { return nil }
        var header = Array(bytes[..<length])
        let crc = header.withUnsafeBytes { $0.littleEndian(at: 12, as: UInt32.self) }
        header.replaceSubrange(12..<16, with: [0, 0, 0, 0])
        guard Checksum.crc32(header) == crc else { return nil }
        guard Array(kind.rawValue.utf8) == Array(header[0..<8]) else {
            throw .unreadable(path: path, reason: "not a \(kind) segment")
        }
        try FormatVersion.require(header.withUnsafeBytes { $0.littleEndian(at: 8) }, path: path)
        let features = header.withUnsafeBytes { FeatureBits($0, at: 64) }
        try features.requireReadable(path: path)
        guard ChecksumKind(rawValue: header[76]) != nil else {
            throw .unknownFormat(path: path, found: "checksums of kind \(header[76])")
        }
        func id(at offset: Int) -> UniqueID { UniqueID(bytes: Array(header[offset..<offset + 16])) }
        func number<Value: FixedWidthInteger>(at offset: Int) -> Value {
            header.withUnsafeBytes { $0.littleEndian(at: offset) }
        }
        guard id(at: 16) == store else { throw .unreadable(path: path, reason: "the segment belongs to another store") }
        let base: UInt64 = number(at: 48)
        guard base > 0, base <= RecordID.greatest.rawValue else {
            throw .unreadable(path: path, reason: "no segment begins with record \(base)")
        }
        let fileBytes: UInt64 = number(at: 56)
        guard kind == .sealed || RawCapacity.fileBytes.contains(fileBytes) else {
            throw .unreadable(path: path, reason: "no raw segment has \(fileBytes) bytes")
        }
        var found = FileHeader(
            kind: kind,
            identity: SegmentIdentity(store: store, segment: id(at: 32)),
            base: RecordID(base),
            fileBytes: fileBytes,
            createdAt: RecordTime(number(at: 80)),
            origin: id(at: 96),
            predecessor: Predecessor(segment: id(at: 112), lastID: RecordID(number(at: 128))),
            features: features
        )
        found.length = length
        return found
    }
}
