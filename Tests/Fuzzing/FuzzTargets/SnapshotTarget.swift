// Owns: the promises of the snapshot file: it is read back as it was written, or passed over; and a state costs no more
// memory than its file can hold.
//
// A checksum, a store and lengths of zero stand for the right ones, and the bytes behind the header for a stream that
// inflates to them where the options and the codec say so: otherwise nothing would ever come past the checksum.

import EventStore
import SegmentLog

enum SnapshotTarget {
    private static let store = UniqueID(bytes: [UInt8](repeating: 0x11, count: 16))
    private static let headerBytes = 160

    static func run(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        var file = Array(bytes.dropFirst())
        if file.count > headerBytes {
            let state = Array(file[headerBytes...])
            if first & 1 == 0, file[44] == 1 { file.replaceSubrange(headerBytes..., with: ZlibStream.stored(state)) }
            file.putIfZero(UInt64(state.count), at: 112)
            file.putIfZero(UInt64(file.count - headerBytes), at: 120)
            if file.isZero(16..<32) { file.replaceSubrange(16..<32, with: store.bytes) }
            file.putIfZero(Checksum.crc32(file), at: 12)
        }
        guard let snapshot = Snapshot(file, store: store) else { return }
        // zlib cannot make more than 1032 bytes of one.
        require(snapshot.stateJSON.count <= 1032 * file.count)
        require(Snapshot(snapshot.encoded(store: store), store: store) == snapshot, "a snapshot changes")
    }
}
