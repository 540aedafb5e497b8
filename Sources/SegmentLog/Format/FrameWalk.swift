// Owns: what a frame holds: its records, found by going from length to length, each checked, and whether the frame's own
// checksum vouches for their places.

internal import Disk

/// The records of one frame, in order.
struct FrameWalk {
    /// Where a record begins; with none in it where that is damaged.
    struct Place {
        let offset: FileOffset
        let record: RawRecord?
    }

    /// Those that have an id of their own.
    private(set) var records: [Place] = []
    /// The store's own; nil in place of one that is damaged.
    private(set) var controls: [ControlRecord?] = []
    /// Whether the frame's checksum vouches for the places.
    private(set) var isVouchedFor = false

    /// Whether every record is as it was written.
    var isWhole: Bool {
        isVouchedFor && records.allSatisfy { $0.record != nil } && controls.allSatisfy { $0 != nil }
    }

    /// Nothing: the frame is longer than its file.
    init() {}

    /// Walks a body, which begins at `bodyOffset` of the file.
    init(_ body: UnsafeRawBufferPointer, of frame: FrameHeader, at bodyOffset: FileOffset) {
        var crc: UInt32 = 0
        var offset = 0
        while let length = RawRecord.length(UnsafeRawBufferPointer(rebasing: body[offset...])) {
            let bytes = UnsafeRawBufferPointer(rebasing: body[offset..<offset + length])
            let record = RawRecord(bytes)
            if records.count < Int(frame.recordCount) {
                let isExpected = record?.id == frame.firstID.advanced(by: records.count)
                records.append(Place(offset: bodyOffset + offset, record: isExpected ? record : nil))
            } else {
                controls.append(record.flatMap { Self.control($0, bytes, of: frame) })
            }
            crc = Checksum.crc32(UnsafeRawBufferPointer(rebasing: bytes[..<4]), from: crc)
            offset += length
        }
        isVouchedFor =
            offset == body.count && crc == frame.bodyCRC && records.count == Int(frame.recordCount)
            && controls.count == Int(frame.controlCount)
    }

    private static func control(
        _ record: RawRecord,
        _ bytes: UnsafeRawBufferPointer,
        of frame: FrameHeader
    ) -> ControlRecord? {
        guard record.id == frame.lastID else { return nil }
        return ControlRecord(
            sequence: UInt64(bitPattern: record.time.rawValue),
            position: record.id,
            recordedAt: record.recordedAt,
            body: UnsafeRawBufferPointer(rebasing: bytes[RecordFormat.headerBytes...])
        )
    }
}
