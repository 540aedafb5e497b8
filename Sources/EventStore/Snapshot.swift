// Owns: the form of a snapshot file: the state of a projection after a certain event, checksummed and compressed.
//
//      0  8  magic             "EVSNAPSH"
//      8  2  version           1
//     10  2  features          zero
//     12  4  crc               CRC-32 of all bytes of the file after this field
//     16 16  store             the store's unique id
//     32 16  reducer           the content hash of the reducer, little-endian
//     48  8  position          the state stands for all events up to this id
//     56  8  last event        that reached the reducer; zero for none
//     64  8  events processed
//     72  8  greatest timestamp of them
//     80  4  raw bytes         of the state's JSON
//     84     the state's JSON as one zlib stream

package import Disk
package import EventModel
import EventRecords
package import Reducers
package import SegmentLog

/// The state of a projection at an event id.
package struct Snapshot: Sendable, Equatable {
    package let hash: ContentHash
    package let position: EventID
    package let state: FoldState
    package let stateJSON: [UInt8]

    static let version: UInt16 = 1
    static let magic = Array("EVSNAPSH".utf8)
    package func encoded(store: UniqueID) -> [UInt8] {
        var bytes = Self.magic
        bytes.append(Self.version)
        bytes.append(UInt16(0))
        bytes.append(UInt32(0))
        bytes += store.bytes
        bytes.append(hash.value)
        bytes.append(position.rawValue)
        bytes.append(state.lastEvent?.rawValue ?? 0)
        bytes.append(state.eventsProcessed)
        bytes.append(state.maximumTimestamp.nanoseconds)
        bytes.append(UInt32(stateJSON.count))
        bytes += Compressor(level: 6).deflate(stateJSON)
        let crc = Checksum.crc32(Array(bytes[16...]))
        withUnsafeBytes(of: crc.littleEndian) { bytes.replaceSubrange(12..<16, with: $0) }
        return bytes
    }

    package init(hash: ContentHash, position: EventID, state: FoldState, stateJSON: [UInt8]) {
        self.hash = hash
        self.position = position
        self.state = state
        self.stateJSON = stateJSON
    }

    /// Reads the file of a snapshot; nil where there is none that can be read.
    package init?(_ disk: any Disk, path: String, store: UniqueID) throws(DiskError) {
        guard let bytes = try SnapshotHead.bytes(disk, path: path) else { return nil }
        self.init(bytes, store: store)
    }

    /// Reads a snapshot; nil where it is damaged, of another store, or of a version this one does not know.
    package init?(_ bytes: [UInt8], store: UniqueID) {
        guard let head = SnapshotHead(bytes, store: store) else { return nil }
        let json = bytes.withUnsafeBytes {
            Compression.inflate(UnsafeRawBufferPointer(rebasing: $0[SnapshotHead.bytes...]), count: head.rawBytes)
        }
        guard let json else { return nil }
        self.init(hash: head.hash, position: head.position, state: head.state, stateJSON: json)
    }
}

/// What a snapshot says before its state: enough to know whether it is wanted.
struct SnapshotHead {
    static let bytes = 84

    let hash: ContentHash
    let position: EventID
    let state: FoldState
    /// Of the state's JSON.
    let rawBytes: Int

    /// The bytes of a file that may be a snapshot; nil where its header is none. That is looked at before the rest is read: a
    /// stream is nowhere near twice as long as what it holds.
    static func bytes(_ disk: any Disk, path: String) throws(DiskError) -> [UInt8]? {
        let file = try disk.open(path, .read)
        let size = try file.size()
        guard let header = try file.bytes(at: FileOffset(0), count: bytes), isHeader(header),
            size <= UInt64(bytes) + 2 * UInt64(header.integer(at: 80, as: UInt32.self)) + 1024
        else { return nil }
        return try file.bytes(at: FileOffset(0), count: Int(size))
    }

    /// Nil where the snapshot is damaged, of another store, or of a version this one does not know.
    init?(_ bytes: [UInt8], store: UniqueID) {
        guard bytes.count > Self.bytes, Self.isHeader(bytes),
            bytes.integer(at: 12, as: UInt32.self)
                == bytes.withUnsafeBytes({ Checksum.crc32(UnsafeRawBufferPointer(rebasing: $0[16...])) }),
            bytes[16..<32].elementsEqual(store.bytes)
        else { return nil }
        let last = bytes.integer(at: 56, as: UInt64.self)
        hash = ContentHash(value: bytes.integer(at: 32, as: UInt128.self))
        position = EventID(bytes.integer(at: 48, as: UInt64.self))
        state = FoldState(
            lastEvent: last == 0 ? nil : EventID(last),
            maximumTimestamp: Timestamp(nanoseconds: bytes.integer(at: 72, as: Int64.self)),
            eventsProcessed: bytes.integer(at: 64, as: UInt64.self)
        )
        rawBytes = Int(bytes.integer(at: 80, as: UInt32.self))
    }

    private static func isHeader(_ bytes: [UInt8]) -> Bool {
        Array(bytes[..<8]) == Snapshot.magic && bytes.integer(at: 8, as: UInt16.self) == Snapshot.version
            && bytes.integer(at: 10, as: UInt16.self) == 0
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    fileprivate func integer<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type) -> Value {
        withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self)) }
    }
}
