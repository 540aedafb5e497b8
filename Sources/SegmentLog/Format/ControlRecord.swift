// Owns: control records: what the store itself has to say, durable, ordered and recovered with the events, in the same
// frames. They take no id, so that the ids of events stay 1, 2, 3 …
//
// A control record speaks of a *subject*, and the last word on a subject counts: what comes before it is superseded, and
// sealing leaves it out.
//
// In a frame they follow the other records, in the same layout, with two fields used otherwise:
//
//      0  4  crc          as in any record
//      4  4  length
//      8  8  position     the last id that had been given, those of its own frame included
//     16  8  sequence     1, 2, 3 … over all control records of the store
//     24  8  recorded at
//     32     body         its first key is the subject; the payload is the log's user's
//
// In a sealed segment they have a block of their own (kind 7), a sequence of, for each in the order of their sequences:
//
//     varint  sequence, minus the one before (the first: minus zero)
//     varint  position
//     zigzag  recorded at
//     varint  body bytes, and the body

/// A record of the store's own.
package struct ControlRecord: Equatable, Sendable {
    package let sequence: UInt64
    /// The last record that comes before it; zero for none.
    package let position: RecordID
    package let recordedAt: RecordTime
    /// What it is about, 1 to 256 bytes.
    package let subject: [UInt8]
    package let payload: [UInt8]

    /// More than there can ever be, and far from where counting on would overflow.
    static let sequences: ClosedRange<UInt64> = 1...1 << 62

    init(sequence: UInt64, position: RecordID, recordedAt: RecordTime, subject: [UInt8], payload: [UInt8]) {
        self.sequence = sequence
        self.position = position
        self.recordedAt = recordedAt
        self.subject = subject
        self.payload = payload
    }

    /// The record whose body this is; nil where it names no subject, or no place in the order.
    init?(sequence: UInt64, position: RecordID, recordedAt: RecordTime, body: UnsafeRawBufferPointer) {
        var subject: [UInt8]?
        let payload = RecordBody.forEachKey(of: body) { key in
            if subject == nil { subject = Array(key) }
            return true
        }
        guard let subject, let payload, Self.sequences.contains(sequence), position <= .greatest else { return nil }
        self.init(
            sequence: sequence,
            position: position,
            recordedAt: recordedAt,
            subject: subject,
            payload: Array(body[payload])
        )
    }

    private var body: [UInt8] { Self.body(subject: subject, payload: payload) }

    private static func body(subject: [UInt8], payload: [UInt8]) -> [UInt8] {
        [1, UInt8(subject.count - 1)] + subject + payload
    }

    /// What such a record takes in a frame, in bytes.
    static func bytes(subject: [UInt8], payload: [UInt8]) -> Int {
        RecordFormat.headerBytes
            + RecordBody.bytes(
                keyCount: 1,
                keyBytes: subject.count,
                payloadBytes: payload.count
            )
    }

    /// The record as it lies in a frame.
    func encoded() -> [UInt8] {
        let body = body
        var bytes: [UInt8] = []
        bytes.reserveCapacity(RecordFormat.headerBytes + body.count)
        bytes.appendLittleEndian(UInt32(0))
        bytes.appendLittleEndian(UInt32(RecordFormat.headerBytes + body.count))
        bytes.appendLittleEndian(position.rawValue)
        bytes.appendLittleEndian(sequence)
        bytes.appendLittleEndian(recordedAt.rawValue)
        bytes += body
        let crc = Checksum.crc32(Array(bytes[RecordFormat.lengthOffset...]))
        bytes.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: RecordFormat.crcOffset) }
        return bytes
    }

    /// The content of the block of a sealed segment; records ascend by sequence.
    static func encoded(_ records: [ControlRecord]) -> [UInt8] {
        var bytes: [UInt8] = []
        var previous: UInt64 = 0
        for record in records {
            bytes.appendVarint(record.sequence - previous)
            previous = record.sequence
            bytes.appendVarint(record.position.rawValue)
            bytes.appendZigzag(record.recordedAt.rawValue)
            let body = record.body
            bytes.appendVarint(UInt64(body.count))
            bytes += body
        }
        return bytes
    }

    /// Reads the block; nil where it is malformed, or they do not ascend.
    static func decode(_ bytes: [UInt8], count: Int) -> [ControlRecord]? {
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            var records: [ControlRecord] = []
            var sequence: UInt64 = 0
            while reader.remaining > 0 {
                let (next, overflow) = sequence.addingReportingOverflow(reader.varint())
                guard !overflow, next > sequence else { return nil }
                sequence = next
                let position = RecordID(reader.varint())
                let recordedAt = RecordTime(reader.zigzag())
                let body = reader.take(reader.count())
                guard !reader.failed,
                    let record = ControlRecord(
                        sequence: sequence,
                        position: position,
                        recordedAt: recordedAt,
                        body: body
                    )
                else { return nil }
                records.append(record)
            }
            return records.count == count ? records : nil
        }
    }
}

/// The last word on each subject.
package struct ControlState: Sendable {
    private var records: [[UInt8]: ControlRecord] = [:]
    /// The sequence of the last control record that was ever written.
    package private(set) var lastSequence: UInt64 = 0

    package init() {}

    package mutating func apply(_ record: ControlRecord) {
        lastSequence = max(lastSequence, record.sequence)
        if let known = records[record.subject], known.sequence > record.sequence { return }
        records[record.subject] = record
    }

    /// Counts on from a sequence that is known to have been given.
    mutating func reserve(through sequence: UInt64) {
        lastSequence = max(lastSequence, sequence)
    }

    package subscript(subject: [UInt8]) -> ControlRecord? { records[subject] }

    /// All that count, in the order in which they were written.
    package var current: [ControlRecord] {
        records.values.sorted { $0.sequence < $1.sequence }
    }

    /// Whether nothing later has been said of its subject.
    package func isCurrent(_ record: ControlRecord) -> Bool {
        records[record.subject].map { $0.sequence <= record.sequence } ?? true
    }
}
