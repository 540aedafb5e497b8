// Owns: what ties a snapshot to the log that it was made from: the record at its position. A snapshot may outlive the end of
// its log, when the last commits are lost to damage and other ones get their ids; then this record is another, or none.

import EventModel
import EventRecords
import SegmentLog

/// What a record was, in a few bytes.
struct SnapshotAnchor: Equatable, Sendable {
    let recordedAt: Timestamp
    /// CRC-32 of id, time and commit time, eight bytes each, and the body.
    let crc: UInt32

    init(recordedAt: Timestamp, crc: UInt32) {
        self.recordedAt = recordedAt
        self.crc = crc
    }

    init(_ record: Record) {
        recordedAt = Timestamp(record.recordedAt)
        var head: [UInt8] = []
        for number in [record.id.rawValue, UInt64(bitPattern: record.time.rawValue)] {
            withUnsafeBytes(of: number.littleEndian) { head.append(contentsOf: $0) }
        }
        withUnsafeBytes(of: record.recordedAt.rawValue.littleEndian) { head.append(contentsOf: $0) }
        let crc = Checksum.crc32(head)
        self.crc = record.withBody { Checksum.crc32($0, from: crc) }
    }

    /// The anchor of an event; nil where the log has no such event, or cannot read it.
    init?(of id: EventID, in view: LogView) {
        guard let record = try? view.record(RecordID(id)) else { return nil }
        self.init(record)
    }
}
