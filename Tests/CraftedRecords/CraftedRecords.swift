// Owns: records that this version of evstore does not write, in a log that it reads: whole frames, right checksums, any body.

import Disk
package import SegmentLog

package enum CraftedRecords {
    /// Appends a record with each of the bodies to the log in a directory that nobody has open.
    package static func append(_ bodies: [[UInt8]], to directory: String, options: LogOptions) throws {
        let opened = try SegmentLog.open(
            PosixDisk(),
            directory: LogDirectory(directory),
            options: options,
            now: RecordTime(1)
        )
        let buffer = RecordBuffer()
        for body in bodies {
            buffer.append(time: RecordTime(1), keyCount: Int(body[0]), bodyBytes: body.count) { writer in
                body[1...].withUnsafeBytes { writer.payload($0) }
            }
        }
        var frame = CommitFrame(firstID: opened.writer.nextID, recordedAt: opened.log.lastRecordedAt)
        frame.add(buffer, 0..<buffer.byteCount, records: bodies.count)
        try opened.writer.reserve(byteCount: frame.byteCount)
        try opened.writer.commit(frame)
    }

    /// The body of a record with these keys.
    package static func body(keys: [String], payload: [UInt8]) -> [UInt8] {
        [UInt8(keys.count)] + keys.flatMap { [UInt8($0.utf8.count - 1)] + Array($0.utf8) } + payload
    }

    /// The bodies of events that a later version could write: a flag that must be known, and a key.
    package static let later: [[UInt8]] = [
        body(keys: ["cthing", "athing-1", "thappened"], payload: [4, 9, 9, 9, 0x7B, 0x7D]),
        body(keys: ["cthing", "athing-1", "thappened", "zsomething"], payload: [0, 0x7B, 0x7D]),
    ]

    /// The body of an event with things in it that may be ignored, and data `{}`.
    package static let ignorable = body(
        keys: ["cthing", "athing-1", "Nnew", "thappened", "Zz"],
        payload: [0x80, 0x7B, 0x7D]
    )
}
