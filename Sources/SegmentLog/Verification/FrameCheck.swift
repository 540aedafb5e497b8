// Owns: checking the frames of a raw segment one by one: all that a page of the format asks of them, beyond what a reader
// needs to find his records.

internal import Disk

/// Walks the frames of one segment, in order.
struct FrameCheck {
    private let segment: RawSegment
    private let file: String
    private var window: FileWindow
    /// What the frames so far have come to: none may go back behind it.
    private var recordedAt: RecordTime?
    private var durableOffset = FrameHeader.firstOffset
    private var sequence: UInt64 = 0

    init(_ segment: RawSegment, file: String, window: FileWindow) {
        self.segment = segment
        self.file = file
        self.window = window
    }

    mutating func header(at offset: FileOffset) throws(LogError) -> FrameHeader? {
        guard window.holds(FrameHeader.bytes, at: offset) else { return nil }
        let seed = segment.header.identity.seed
        return try window.with(at: offset, count: FrameHeader.bytes) { FrameHeader($0, at: offset, seed: seed) }
    }

    /// The next frame behind a damaged one whose ids can follow.
    mutating func next(behind offset: FileOffset, from id: RecordID) throws(LogError) -> FrameHeader? {
        var position = offset + FrameHeader.alignment
        while let place = try window.find(FrameHeader.magic, from: position, alignment: FrameHeader.alignment) {
            if let frame = try header(at: place), frame.firstID >= id { return frame }
            position = place + FrameHeader.alignment
        }
        return nil
    }

    /// Whether all that a frame holds is whole.
    mutating func isWhole(_ frame: FrameHeader) throws(LogError) -> Bool {
        let (body, count) = (frame.offset + FrameHeader.bytes, Int(frame.bodyBytes))
        guard window.holds(frame.end - body, at: body) else { return false }
        return try window.with(at: body, count: count) { FrameWalk($0, of: frame, at: body).isWhole }
    }

    /// Checks one frame with all it holds; returns whether it is whole.
    mutating func check(_ frame: FrameHeader, _ report: inout VerificationReport) throws(LogError) -> Bool {
        let place = "the frame at offset \(frame.offset)"
        if let recordedAt, frame.recordedAt < recordedAt {
            report.note("\(place) was committed before the one before it", in: file)
        }
        if frame.durableOffset < durableOffset {
            report.note("\(place) knows of less than the one before it", in: file)
        }
        recordedAt = max(frame.recordedAt, recordedAt ?? frame.recordedAt)
        durableOffset = max(durableOffset, frame.durableOffset)
        let body = frame.offset + FrameHeader.bytes
        guard window.holds(frame.end - body, at: body) else {
            report.note("\(place) ends behind the end of the file", in: file)
            return false
        }
        let count = Int(frame.bodyBytes)
        let (walk, isPadded) = try window.with(at: body, count: frame.end - body) { bytes in
            (
                FrameWalk(UnsafeRawBufferPointer(rebasing: bytes[..<count]), of: frame, at: body),
                bytes[count...].allSatisfy { $0 == 0 }
            )
        }
        if !isPadded { report.note("bytes that belong to nothing at offset \(body + count)", in: file) }
        if walk.isVouchedFor, walk.controls.contains(where: { $0 == nil }) {
            report.note("the store's own records in \(place) are damaged", in: file)
        } else if !walk.isVouchedFor {
            report.note("\(place) does not hold the records that it says", in: file)
        }
        for record in walk.records.compactMap(\.record) where record.recordedAt != frame.recordedAt {
            report.note("record \(record.id) was not committed with its frame", in: file)
        }
        for control in walk.controls.compactMap(\.self) {
            if control.sequence <= sequence { report.note("the store's own records in \(place) go back", in: file) }
            sequence = max(sequence, control.sequence)
        }
        return walk.isWhole
    }

    /// Checks the zeros that the writer leaves behind the last frame of a segment that was closed.
    mutating func checkEnd(_ end: FileOffset, _ report: inout VerificationReport) throws(LogError) {
        let limit = RawTrailer.offset(in: segment.header.fileBytes)
        let count = min(FrameHeader.bytes, limit - end)
        guard window.holds(count, at: end) else { return }
        let isClean = try window.with(at: end, count: count) { $0.allSatisfy { $0 == 0 } }
        if !isClean { report.note("bytes that belong to nothing behind the last frame", in: file) }
    }
}
