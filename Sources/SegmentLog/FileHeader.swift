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
// later version keeps these 64 bytes.

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

struct FileHeader: Equatable {
    enum Kind: String, CaseIterable {
        case raw = "EVRAWSEG"
        case sealed = "EVSEALED"
    }

    static let bytes = 64
    static let version: UInt16 = 1

    let kind: Kind
    let identity: SegmentIdentity
    let base: RecordID

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

    /// Reads and checks the header of a file of the given store.
    static func read(_ file: any DiskFile, kind: Kind, store: UniqueID) throws(LogError) -> FileHeader {
        let path = file.path
        guard var bytes = try onDisk({ () throws(DiskError) in try file.bytes(at: FileOffset(0), count: Self.bytes) })
        else { throw .unreadable(path: path, reason: "the file is shorter than its header") }
        let (crc, version, features) = bytes.withUnsafeBytes {
            ($0.littleEndian(at: 12, as: UInt32.self), $0.littleEndian(at: 8, as: UInt16.self),
             $0.littleEndian(at: 10, as: UInt16.self))
        }
        bytes.replaceSubrange(12..<16, with: [0, 0, 0, 0])
        guard Checksum.crc32(bytes) == crc else { throw .unreadable(path: path, reason: "the file header is damaged") }
        guard Array(kind.rawValue.utf8) == Array(bytes[0..<8]) else {
            throw .unreadable(path: path, reason: "not a \(kind) segment")
        }
        guard version == Self.version else { throw .unknownFormat(path: path, found: "version \(version)") }
        guard features == 0 else { throw .unknownFormat(path: path, found: "feature bits \(features)") }
        let found = UniqueID(bytes: Array(bytes[16..<32]))
        guard found == store else { throw .unreadable(path: path, reason: "the segment belongs to another store") }
        return FileHeader(
            kind: kind,
            identity: SegmentIdentity(store: found, segment: UniqueID(bytes: Array(bytes[32..<48]))),
            base: RecordID(bytes.withUnsafeBytes { $0.littleEndian(at: 48) })
        )
    }
}
