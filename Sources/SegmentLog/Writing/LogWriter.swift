// Owns: the active segment's tail: writing frames, making them durable, rolling to the next file. One thread drives it.
// Refuses to know: when to commit, when to roll, what a record means.

internal import Disk

/// The only writer of a log. Not `Sendable`: it belongs to one thread, or is handed over whole.
package final class LogWriter {
    private let log: SegmentLog
    /// Where appends go on; nil where there was no room to begin a segment.
    private var segment: RawSegment?
    /// Where the next frame begins; everything before it is durable.
    private var tail: FileOffset
    private var failure: LogError?
    /// Whether all frames are known to be durable by what follows them, so that a marker would say nothing new.
    private var isMarked: Bool

    init(_ log: SegmentLog, place: LogRepair.Place?) {
        self.log = log
        segment = place?.segment
        tail = place?.tail ?? FrameHeader.firstOffset
        isMarked = place?.isMarked ?? true
    }

    /// The id that the next record gets.
    package var nextID: RecordID {
        log.view.tail.next
    }

    /// The commit time of the first record in the active segment; nil while it is empty.
    package var activeSince: RecordTime? {
        segment?.firstRecordedAt
    }

    /// Whether a commit of this size fits the active segment as it stands. Nothing fits one that has turned out damaged.
    package func fits(byteCount: Int) -> Bool {
        guard let segment, !log.isSpoiled(segment.header) else { return false }
        return hasRoom(byteCount)
    }

    /// Whether a frame of this size fits, and a marker behind it: without one a full segment could not be proven durable.
    private func hasRoom(_ byteCount: Int) -> Bool {
        FrameHeader.aligned(tail + FrameHeader.bytes + byteCount) + FrameHeader.bytes
            <= FileOffset(log.options.segmentBytes)
    }

    /// The most bytes of records that one commit can hold.
    package var maximumCommitBytes: Int {
        log.options.segmentBytes - Int(FrameHeader.firstOffset.rawValue) - 3 * FrameHeader.bytes
    }

    /// Writes the frame and makes it durable; on return its records are visible to every view taken from then on.
    ///
    /// A throw is final: what the disk holds of the frame is unknown until the log is opened again, and every later
    /// commit throws the same.
    package func commit(_ frame: CommitFrame) throws(LogError) {
        if let failure { throw failure }
        precondition(frame.firstID == nextID, "frames follow each other without a gap")
        guard let segment, hasRoom(frame.byteCount) else {
            preconditionFailure("the caller rolls before a frame that does not fit")
        }
        var id = frame.firstID
        var crc: UInt32 = 0
        for piece in frame.pieces {
            crc = piece.buffer.stamp(piece.range, firstID: id, recordedAt: frame.recordedAt, from: crc)
            id = id.advanced(by: piece.records)
        }
        let bodyOffset = tail + FrameHeader.bytes
        try write(
            FrameHeader(
                offset: tail,
                durableOffset: tail,
                firstID: frame.firstID,
                recordedAt: frame.recordedAt,
                recordCount: UInt32(frame.recordCount),
                bodyBytes: UInt32(frame.byteCount),
                bodyCRC: crc
            ),
            body: frame.pieces.map { $0.buffer.bytes($0.range) },
            to: segment
        )
        segment.publish(frame, at: bodyOffset)
        log.publish(
            tail: RecordID(frame.nextID.rawValue - 1),
            recordedAt: frame.recordedAt,
            bytes: frame.byteCount
        )
        isMarked = false
    }

    /// Writes a frame without records, which says that the last commit is durable: from then on damage to it is told
    /// from a torn write. For idle moments and a clean stop.
    package func mark() throws(LogError) {
        if let failure { throw failure }
        guard let segment, !isMarked, tail + FrameHeader.bytes <= FileOffset(log.options.segmentBytes) else { return }
        try write(
            FrameHeader.marker(at: tail, nextID: nextID, recordedAt: log.lastRecordedAt),
            body: [],
            to: segment
        )
        isMarked = true
    }

    /// Closes the active segment and begins a new one. Returns the ids of the closed one; nil where there was none, or an
    /// empty one, which stays. A throw for want of space leaves everything as it was.
    @discardableResult
    package func roll() throws(LogError) -> ClosedRange<RecordID>? {
        if let failure { throw failure }
        var closed: ClosedRange<RecordID>?
        if let segment {
            guard segment.recordCount > 0 else { return nil }
            closed = segment.base...log.view.tail
        }
        let prepared = try log.maker.prepare(base: nextID)
        do {
            let segment = try log.maker.activate(prepared, register: log.register)
            log.append(segment)
            self.segment = segment
        } catch {
            failure = error
            throw error
        }
        tail = FrameHeader.firstOffset
        isMarked = true
        return closed
    }

    /// Header, body, padding, and a zeroed header behind, so that what follows the last frame is never a leftover of the
    /// file's former life.
    private func write(
        _ header: FrameHeader,
        body: [UnsafeRawBufferPointer],
        to segment: RawSegment
    ) throws(LogError) {
        let headerBytes = header.encoded(segment.header.identity)
        let padding = header.end - (header.offset + FrameHeader.bytes + Int(header.bodyBytes))
        let room = Int(log.options.segmentBytes) - Int(header.end.rawValue)
        let zeros = [UInt8](repeating: 0, count: padding + min(FrameHeader.bytes, room))
        do {
            try onDisk { () throws(DiskError) in
                var failed: DiskError?
                headerBytes.withUnsafeBytes { headerBytes in
                    zeros.withUnsafeBytes { zeros in
                        do throws(DiskError) {
                            try segment.file.write([headerBytes] + body + [zeros], at: header.offset)
                        } catch {
                            failed = error
                        }
                    }
                }
                if let failed { throw failed }
                try segment.file.sync()
            }
        } catch {
            failure = error
            throw error
        }
        tail = header.end
    }
}
