// Owns: the first 64 bytes of every file of the log, the same for raw and for sealed segments.
//
//      0  8  magic        "EVRAWSEG" or "EVSEALED"
//      8  2  version      1
//     10  2  features     bits a reader must know; none are defined
//     12  4  crc          CRC-32 of the 64 bytes with this field zero
//     16 16  store        the store's unique id
//     32 16  segment      the segment's unique id, new whenever a raw file is used anew
//     48  8  base         the id of the first record that can stand in the file
//     56  8  zero
//
// The checksum comes before the version is believed, so a flipped bit reads as damage, not as a future format. Every
// later version keeps these 64 bytes. All else in a file can be read only with its identity, so the identity stands in
// two places: a raw segment repeats the header at 4096, a sealed one tells the same in its footer.

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

package struct FileHeader: Equatable {
    package enum Kind: String, CaseIterable {
        case raw = "EVRAWSEG"
        case sealed = "EVSEALED"
    }

    static let bytes = 64
    /// Where a raw segment has it once more: on a page of its own, which no damage to the first one reaches.
    static let copyOffset = FileOffset(4096)
    static let version: UInt16 = 1

    let kind: Kind
    let identity: SegmentIdentity
    let base: RecordID

    package init(kind: Kind, identity: SegmentIdentity, base: RecordID) {
        self.kind = kind
        self.identity = identity
        self.base = base
    }

    func encoded() -> [UInt8] {
        var bytes = Array(kind.rawValue.utf8)
        bytes.appendLittleEndian(Self.version)
        bytes.appendLittleEndian(UInt16(0))
        bytes.appendLittleEndian(UInt32(0))
        bytes += identity.store.bytes + identity.segment.bytes
        bytes.appendLittleEndian(base.rawValue)
        bytes.appendLittleEndian(UInt64(0))
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
        let found = try onDisk { () throws(DiskError) in try file.bytes(at: offset, count: Self.bytes) }
        guard var bytes = found else { return nil }
        let crc = bytes.withUnsafeBytes { $0.littleEndian(at: 12, as: UInt32.self) }
        bytes.replaceSubrange(12..<16, with: [0, 0, 0, 0])
        guard Checksum.crc32(bytes) == crc else { return nil }
        let (version, features, base) = bytes.withUnsafeBytes {
            (
                $0.littleEndian(at: 8, as: UInt16.self), $0.littleEndian(at: 10, as: UInt16.self),
                $0.littleEndian(at: 48, as: UInt64.self)
            )
        }
        guard Array(kind.rawValue.utf8) == Array(bytes[0..<8]) else {
            throw .unreadable(path: file.path, reason: "not a \(kind) segment")
        }
        let identity = SegmentIdentity(
            store: UniqueID(bytes: Array(bytes[16..<32])),
            segment: UniqueID(bytes: Array(bytes[32..<48]))
        )
        try check(version: version, features: features, store: identity.store, is: store, path: file.path)
        guard base > 0, base <= RecordID.greatest.rawValue else {
            throw .unreadable(path: file.path, reason: "no segment begins with record \(base)")
        }
        return FileHeader(kind: kind, identity: identity, base: RecordID(base))
    }

    /// Refuses what this version does not know and what another store wrote.
    static func check(
        version: UInt16,
        features: UInt16,
        store found: UniqueID,
        is store: UniqueID,
        path: String
    ) throws(LogError) {
        guard version == Self.version else { throw .unknownFormat(path: path, found: "version \(version)") }
        guard features == 0 else { throw .unknownFormat(path: path, found: "feature bits \(features)") }
        guard found == store else { throw .unreadable(path: path, reason: "the segment belongs to another store") }
    }
}
