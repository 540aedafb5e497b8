// Owns: the promises of the snapshot file: it is read back as it was written, or passed over; and a state costs no more
// memory than its file can hold.
//
// A checksum, a store and a raw length of zero stand for the right ones, and the bytes behind the header for a stream
// that inflates to them where the flag says so: otherwise nothing would ever come past the checksum.

import EventStore
import SegmentLog

enum SnapshotTarget {
    private static let store = UniqueID(bytes: [UInt8](repeating: 0x11, count: 16))
    private static let headerBytes = 84

    static func run(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        var file = Array(bytes.dropFirst())
        if file.count > headerBytes {
            if first & 1 == 0 {
                let state = Array(file[headerBytes...])
                if file.integer(at: 80, as: UInt32.self) == 0 { file.put(UInt32(state.count), at: 80) }
                file.replaceSubrange(headerBytes..., with: ZlibStream.stored(state))
            }
            if file[16..<32].allSatisfy({ $0 == 0 }) { file.replaceSubrange(16..<32, with: store.bytes) }
            if file.integer(at: 12, as: UInt32.self) == 0 { file.put(Checksum.crc32(Array(file[16...])), at: 12) }
        }
        guard let snapshot = Snapshot(file, store: store) else { return }
        // zlib cannot make more than 1032 bytes of one.
        require(snapshot.stateJSON.count <= 1032 * file.count)
        require(Snapshot(snapshot.encoded(store: store), store: store) == snapshot, "a snapshot changes")
    }
}
