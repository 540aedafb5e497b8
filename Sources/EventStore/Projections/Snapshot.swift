// Owns: the form of a snapshot file: the state of a projection after a certain event, checksummed and compressed.
//
//      0  8  magic             "EVSNAPSH"
//      8  2  version           2
//     10  2  header bytes      160; the content begins behind them
//     12  4  crc               CRC-32 of the whole file with this field zero
//     16 16  store             the store's unique id
//     32 12  features          three words: must know to read, must know to write, may ignore
//     44  1  codec             of the content: 0 stored, 1 one zlib stream
//     45  1  checksum          1: CRC-32
//     46  2  zero
//     48 16  reducer           the content hash of the reducer, little-endian
//     64  8  position          the state stands for all events up to this id
//     72  8  last event        that reached the reducer; zero for none
//     80  8  events processed
//     88  8  greatest timestamp of them
//     96  8  anchor            when the record at the position was committed
//    104  4                    the CRC-32 of that record's id, time and commit time, 8 bytes each, and its body
//    108  1                    1 where there is such a record, else 0
//    109  3  zero
//    112  8  raw bytes         of the state's JSON
//    120  8  content bytes
//    128  4  writer            the version of evstore that made it
//    132 28  zero
//    160     the content: the state's JSON

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
    /// The record at its position; nil where there was none.
    let anchor: SnapshotAnchor?

    static let magic = Array("EVSNAPSH".utf8)

    package func encoded(store: UniqueID) -> [UInt8] {
        var bytes = Self.magic
        bytes.reserveCapacity(SnapshotHead.bytes)
        bytes.append(FormatVersion.current)
        bytes.append(UInt16(SnapshotHead.bytes))
        bytes.append(UInt32(0))
        bytes += store.bytes
        FeatureBits().append(to: &bytes)
        bytes += [1, 1, 0, 0]
        bytes.append(hash.value)
        bytes.append(position.rawValue)
        bytes.append(state.lastEvent?.rawValue ?? 0)
        bytes.append(state.eventsProcessed)
        bytes.append(state.maximumTimestamp.nanoseconds)
        bytes.append(anchor?.recordedAt.nanoseconds ?? 0)
        bytes.append(anchor?.crc ?? 0)
        bytes += [anchor == nil ? 0 : 1, 0, 0, 0]
        let content = Compressor(level: 6).deflate(stateJSON)
        bytes.append(UInt64(stateJSON.count))
        bytes.append(UInt64(content.count))
        bytes.append(FormatVersion.writer)
        bytes += [UInt8](repeating: 0, count: SnapshotHead.bytes - bytes.count)
        bytes += content
        let crc = Checksum.crc32(bytes)
        withUnsafeBytes(of: crc.littleEndian) { bytes.replaceSubrange(12..<16, with: $0) }
        return bytes
    }

    package init(hash: ContentHash, position: EventID, state: FoldState, stateJSON: [UInt8]) {
        self.init(hash: hash, position: position, state: state, stateJSON: stateJSON, anchor: nil)
    }

    private init(
        hash: ContentHash,
        position: EventID,
        state: FoldState,
        stateJSON: [UInt8],
        anchor: SnapshotAnchor?
    ) {
        self.hash = hash
        self.position = position
        self.state = state
        self.stateJSON = stateJSON
        self.anchor = anchor
    }

    /// The same, tied to the record at its position.
    func anchored(in view: LogView) -> Snapshot {
        Snapshot(
            hash: hash,
            position: position,
            state: state,
            stateJSON: stateJSON,
            anchor: SnapshotAnchor(of: position, in: view)
        )
    }

    /// Whether the log has, at its position, the record that it was made from. Where that cannot be read nothing speaks
    /// against it.
    func belongs(to view: LogView) -> Bool {
        guard let anchor, let found = SnapshotAnchor(of: position, in: view) else { return true }
        return anchor == found
    }

    /// Reads the file of a snapshot; nil where there is none that can be read.
    package init?(_ disk: any Disk, path: String, store: UniqueID) throws(DiskError) {
        guard let bytes = try SnapshotHead.bytes(disk, path: path) else { return nil }
        self.init(bytes, store: store)
    }

    /// Reads a snapshot; nil where it is damaged, of another store, or of a version this one does not know.
    package init?(_ bytes: [UInt8], store: UniqueID) {
        guard let head = SnapshotHead(bytes, store: store) else { return nil }
        let json = bytes.withUnsafeBytes { bytes -> [UInt8]? in
            let content = UnsafeRawBufferPointer(rebasing: bytes[head.length...])
            guard head.isDeflated else { return content.count == head.rawBytes ? Array(content) : nil }
            return Compression.inflate(content, count: head.rawBytes)
        }
        guard let json else { return nil }
        self.init(
            hash: head.hash,
            position: head.position,
            state: head.state,
            stateJSON: json,
            anchor: head.anchor
        )
    }
}

/// What a snapshot says before its state: enough to know whether it is wanted.
struct SnapshotHead {
    static let bytes = 160

    let hash: ContentHash
    let position: EventID
    let state: FoldState
    let anchor: SnapshotAnchor?
    let features: FeatureBits
    /// Of the state's JSON.
    let rawBytes: Int
    let isDeflated: Bool
    /// Where the content begins.
    let length: Int

    /// The bytes of a file that may be a snapshot; nil where its header is none. That is looked at before the rest is read: a
    /// stream is nowhere near twice as long as what it holds.
    static func bytes(_ disk: any Disk, path: String) throws(DiskError) -> [UInt8]? {
        let file = try disk.open(path, .read)
        let size = try file.size()
        guard let header = try file.bytes(at: FileOffset(0), count: bytes), length(header) != nil,
            size <= 4096 + 2 * UInt64(min(header.integer(at: 112, as: UInt64.self), 1 << 40)) + 1024
        else { return nil }
        return try file.bytes(at: FileOffset(0), count: Int(size))
    }

    /// Nil where the snapshot is damaged, of another store, or of a version this one does not know.
    init?(_ bytes: [UInt8], store: UniqueID) {
        guard let length = Self.length(bytes), length < bytes.count, Self.isWhole(bytes),
            bytes[16..<32].elementsEqual(store.bytes),
            bytes[44] <= 1, bytes[45] == 1,
            bytes.integer(at: 120, as: UInt64.self) == UInt64(bytes.count - length),
            let rawBytes = Int(exactly: bytes.integer(at: 112, as: UInt64.self))
        else { return nil }
        features = bytes.withUnsafeBytes { FeatureBits($0, at: 32) }
        // No more events than there were by then have reached the reducer: what else stands there was never saved.
        guard features.canRead,
            max(bytes.integer(at: 72, as: UInt64.self), bytes.integer(at: 80, as: UInt64.self))
                <= bytes.integer(at: 64, as: UInt64.self)
        else { return nil }
        let last = bytes.integer(at: 72, as: UInt64.self)
        self.length = length
        self.rawBytes = rawBytes
        isDeflated = bytes[44] == 1
        hash = ContentHash(value: bytes.integer(at: 48, as: UInt128.self))
        position = EventID(bytes.integer(at: 64, as: UInt64.self))
        state = FoldState(
            lastEvent: last == 0 ? nil : EventID(last),
            maximumTimestamp: Timestamp(nanoseconds: bytes.integer(at: 88, as: Int64.self)),
            eventsProcessed: bytes.integer(at: 80, as: UInt64.self)
        )
        let isAnchored = bytes[108] == 1
        anchor =
            isAnchored
            ? SnapshotAnchor(
                recordedAt: Timestamp(nanoseconds: bytes.integer(at: 96, as: Int64.self)),
                crc: bytes.integer(at: 104, as: UInt32.self)
            ) : nil
    }

    /// Whether a later version wrote the file, whole.
    static func isLater(_ disk: any Disk, path: String) throws(DiskError) -> Bool {
        let file = try disk.open(path, .read)
        guard let bytes = try file.bytes(at: FileOffset(0), count: Int(clamping: min(file.size(), 1 << 28))),
            bytes.count >= Self.bytes, Array(bytes[..<8]) == Snapshot.magic, isWhole(bytes)
        else { return false }
        return bytes.integer(at: 8, as: UInt16.self) > FormatVersion.current
            || !bytes.withUnsafeBytes { FeatureBits($0, at: 32) }.canRead || bytes[44] > 1 || bytes[45] != 1
    }

    private static func isWhole(_ bytes: [UInt8]) -> Bool {
        let crc = bytes.withUnsafeBytes { buffer in
            let head = Checksum.crc32(Array(buffer[..<12]) + [0, 0, 0, 0])
            return Checksum.crc32(UnsafeRawBufferPointer(rebasing: buffer[16...]), from: head)
        }
        return bytes.integer(at: 12, as: UInt32.self) == crc
    }

    /// How long the header is that begins the bytes; nil where it is none of this version.
    private static func length(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= Self.bytes, Array(bytes[..<8]) == Snapshot.magic,
            bytes.integer(at: 8, as: UInt16.self) == FormatVersion.current
        else { return nil }
        let length = Int(bytes.integer(at: 10, as: UInt16.self))
        return (Self.bytes...4096).contains(length) ? length : nil
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
