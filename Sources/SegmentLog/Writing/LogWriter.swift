// Owns: the active segment's tail: writing frames, making them durable, rolling to the next file. One thread drives it.
// Refuses to know: when to commit, when to roll, what a record means.
//
// The manifest names a segment before its first frame is written, so that no frame is ever acknowledged in a file that
// nobody would miss.

internal import Disk

/// The only writer of a log. Not `Sendable`: it belongs to one thread, or is handed over whole.
package final class LogWriter {
    private let log: SegmentLog
    private let manifest: ManifestWriter
    /// Where appends go on; nil where there was no room to begin a segment.
    private var segment: RawSegment?
    /// Where the next frame begins; everything before it is durable.
    private var tail: FileOffset
    private var failure: LogError?
    /// Whether all frames are known to be durable by what follows them, so that a marker would say nothing new.
    private var isMarked: Bool
    /// Whether the manifest says that this segment is in use.
    private var isWitnessed = false
    /// The clock's time from which on the manifest lags behind; nil where nothing has been committed since it was written.
    private var witnessedAt: RecordTime?
    /// Why the manifest could not be told last time, and whether somebody has been told of that.
    private var lag: (error: LogError, isTold: Bool)?
    /// How many segments have been begun since the log was opened: one before it may be sealed then.
    package private(set) var rolls = 0
    /// A roll that has begun: the active segment takes nothing more, and the next one has not its name yet.
    private var underWay: Roll?

    /// The next segment, on its way.
    private struct Roll {
        /// Whether the trailer of the active segment has been begun; whether it is there.
        var isClosing = false
        var isClosed = false
        var prepared: ActiveSegmentMaker.Prepared?
    }

    init(_ log: SegmentLog, place: LogRepair.Place?, manifest: ManifestWriter) {
        self.log = log
        self.manifest = manifest
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
        guard let segment, underWay == nil, !log.isSpoiled(segment.header) else { return false }
        return hasRoom(byteCount, in: segment)
    }

    /// Whether a frame of this size fits, and a marker behind it: without one a full segment could not be proven durable.
    private func hasRoom(_ byteCount: Int, in segment: RawSegment) -> Bool {
        FrameHeader.aligned(tail + FrameHeader.bytes + byteCount) + FrameHeader.bytes
            <= RawTrailer.offset(in: segment.header.fileBytes)
    }

    /// The most bytes of records that one commit can hold.
    package var maximumCommitBytes: Int {
        RawTrailer.offset(in: UInt64(log.options.segmentBytes)) - FrameHeader.firstOffset - 3 * FrameHeader.bytes
    }

    /// Makes the log ready to take a frame of so many bytes, at most `maximumCommitBytes`: begins another segment where it
    /// does not fit, and has the manifest name the one it goes to.
    ///
    /// A throw has lost nothing, and a later try may succeed, unless the disk is left in doubt: then every later call throws
    /// the same, and so does `failed`.
    package func reserve(byteCount: Int) throws(LogError) {
        if let failure { throw failure }
        if !fits(byteCount: byteCount) { try beginNext(room: byteCount) }
        if !isWitnessed {
            try tell(.inUse)
            (isWitnessed, witnessedAt) = (true, nil)
        }
    }

    /// Why the manifest lags behind the log, where that has begun since the last call.
    package func takeLag() -> LogError? {
        guard let lag, !lag.isTold else { return nil }
        self.lag?.isTold = true
        return lag.error
    }

    /// Why the writer takes nothing more until the log is opened again; nil while it does.
    package var failed: LogError? { failure }

    /// Writes the frame and makes it durable; on return its records are visible to every view taken from then on. There
    /// is room for it: `reserve` came before.
    ///
    /// A throw is final: what the disk holds of the frame is unknown until the log is opened again, and every later
    /// commit throws the same.
    package func commit(_ frame: CommitFrame) throws(LogError) {
        if let failure { throw failure }
        precondition(frame.firstID == nextID && !frame.isEmpty, "frames follow each other without a gap")
        guard let segment, isWitnessed, hasRoom(frame.byteCount, in: segment) else {
            preconditionFailure("room is reserved before a frame is committed")
        }
        var id = frame.firstID
        var crc: UInt32 = 0
        for piece in frame.pieces {
            crc = piece.buffer.stamp(
                piece.range,
                firstID: id,
                recordedAt: frame.recordedAt,
                clock: frame.clock,
                from: crc
            )
            id = id.advanced(by: piece.records)
        }
        let controls = controls(of: frame)
        var controlBytes: [UInt8] = []
        for control in controls {
            let bytes = control.encoded()
            crc = Checksum.crc32(Array(bytes[..<4]), from: crc)
            controlBytes += bytes
        }
        let header = FrameHeader(
            offset: tail,
            durableOffset: tail,
            firstID: frame.firstID,
            recordedAt: frame.recordedAt,
            recordCount: UInt32(frame.recordCount),
            bodyBytes: UInt32(frame.byteCount),
            bodyCRC: crc,
            controlCount: UInt32(controls.count)
        )
        let bodyOffset = tail + FrameHeader.bytes
        try write(header, body: frame.pieces.map { $0.buffer.bytes($0.range) }, controls: controlBytes, to: segment)
        segment.publish(frame, controls: controls, at: bodyOffset)
        log.publish(
            tail: header.lastID,
            recordedAt: frame.recordedAt,
            bytes: frame.byteCount,
            controls: controls
        )
        isMarked = false
        guard let since = witnessedAt else {
            witnessedAt = frame.clock
            return
        }
        // Commit times stand still after a clock was ahead; the clock itself goes on, and where it goes back nobody knows.
        let (age, overflow) = frame.clock.rawValue.subtractingReportingOverflow(since.rawValue)
        // The frame is durable whatever becomes of this; where the manifest cannot be written that is tried again.
        if overflow || age < 0 || age >= log.options.manifestNanoseconds {
            try witness(segment)
        }
    }

    /// Has the manifest say how far the log has come. An active segment that has lost its name takes nothing more: what is
    /// written to it would be gone with the process.
    private func witness(_ segment: RawSegment) throws(LogError) {
        do throws(LogError) {
            try tell(.inUse)
        } catch {
            lag = (error, lag?.isTold ?? false)
        }
        witnessedAt = nil
        guard (try? segment.file.isInPlace()) == false else { return }
        let removed = LogError.unreadable(
            path: segment.path,
            reason: "the active segment has been removed, renamed or replaced under its writer"
        )
        failure = removed
        throw removed
    }

    /// The store's own records of a frame, with their places in the order of all.
    private func controls(of frame: CommitFrame) -> [ControlRecord] {
        guard !frame.controls.isEmpty else { return [] }
        let last = log.controls.lastSequence
        return frame.controls.enumerated().map { index, control in
            ControlRecord(
                sequence: last + UInt64(index) + 1,
                position: RecordID(frame.nextID.rawValue - 1),
                recordedAt: frame.recordedAt,
                subject: control.subject,
                payload: control.payload
            )
        }
    }

    /// Writes a frame without records, which says that the last commit is durable: from then on damage to it is told
    /// from a torn write. For idle moments and a clean stop.
    package func mark() throws(LogError) {
        if let failure { throw failure }
        guard let segment, !isMarked, underWay == nil,
            tail + FrameHeader.bytes <= RawTrailer.offset(in: segment.header.fileBytes)
        else { return }
        try write(
            FrameHeader.marker(at: tail, nextID: nextID, recordedAt: log.lastRecordedAt),
            body: [],
            controls: [],
            to: segment
        )
        isMarked = true
        // The marker is what counts.
        try witness(segment)
    }

    /// Marks the last commit, and has the manifest say that nothing comes after it. For a clean stop; appends may go on.
    package func rest() throws(LogError) {
        try mark()
        isWitnessed = false
        try tell(.atRest)
    }

    private func tell(_ state: ManifestEntry.State) throws(LogError) {
        try manifest.write(entry(state))
        lag = nil
    }

    /// What the manifest is to say now.
    private func entry(_ state: ManifestEntry.State) -> ManifestEntry {
        ManifestEntry(
            state: state,
            tail: log.view.tail,
            recordedAt: log.lastRecordedAt,
            segment: segment?.header.identity.segment ?? .zero,
            base: segment?.base ?? nextID,
            fileBytes: segment?.header.fileBytes ?? 0,
            durableOffset: tail,
            controlSequence: log.controls.lastSequence
        )
    }

    /// Closes the active segment and begins a new one. Returns the ids of the closed one; nil where there was none, or an
    /// empty one, which stays. A throw has lost nothing, and a later try may succeed, as with `reserve`.
    @discardableResult
    package func roll() throws(LogError) -> ClosedRange<RecordID>? {
        if let failure { throw failure }
        var closing: ClosedRange<RecordID>?
        if let segment, underWay == nil {
            guard segment.recordCount > 0 else { return nil }
            closing = segment.base...log.view.tail
        }
        try beginNext(room: 0)
        return closing
    }

    /// Begins a segment which has room for a frame of so many bytes.
    private func beginNext(room: Int) throws(LogError) {
        var roll = underWay ?? Roll()
        do throws(LogError) {
            try proceed(&roll, room: room)
        } catch {
            // A spare that has gone missing is replaced by the next try.
            if roll.prepared?.mayHaveName == false, case .disk(let cause) = error, cause.isMissing {
                roll.prepared = nil
            }
            let hasBegun = roll.isClosing || roll.prepared?.mayHaveName == true
            underWay = hasBegun ? roll : nil
            if !hasBegun, let prepared = roll.prepared { log.maker.discard(prepared) }
            if hasBegun, error.leavesDoubt { failure = error }
            throw error
        }
        underWay = nil
    }

    /// Goes as far as it can with a roll: prepares a file, closes the old segment, gives the new one its name.
    private func proceed(_ roll: inout Roll, room: Int) throws(LogError) {
        if roll.prepared == nil {
            var beginning = ActiveSegmentMaker.Beginning(
                nextID,
                after: log.view.segments,
                log.controls,
                createdAt: log.lastRecordedAt
            )
            beginning.room = room
            roll.prepared = try log.maker.prepare(beginning)
        }
        // One that has turned out damaged is left as it is.
        if !roll.isClosed, let segment, !log.isSpoiled(segment.header), let trailer = segment.trailer(end: tail) {
            roll.isClosing = true
            let bytes = trailer.encoded(segment.header.identity, fileBytes: segment.header.fileBytes)
            try onDisk { () throws(DiskError) in
                try segment.file.write(bytes, at: RawTrailer.offset(in: segment.header.fileBytes))
                try segment.file.sync()
            }
        }
        (roll.isClosing, roll.isClosed) = (true, true)
        guard var prepared = roll.prepared else { preconditionFailure("a file has been prepared") }
        defer { roll.prepared = prepared }
        if let replaced = log.view.segments.last, replaced.base == prepared.header.base, !prepared.mayHaveName {
            try manifest.write(
                .atRest(
                    tail: log.view.tail,
                    recordedAt: log.lastRecordedAt,
                    controlSequence: log.controls.lastSequence,
                    before: prepared,
                    replacing: replaced.id
                )
            )
        }
        let segment = try log.maker.activate(&prepared, register: log.register)
        log.append(segment)
        rolls += 1
        self.segment = segment
        tail = prepared.tail
        isMarked = true
        isWitnessed = false
    }

    /// Header, body, padding, and a zeroed header behind, so that what follows the last frame is never a leftover of the
    /// file's former life.
    private func write(
        _ header: FrameHeader,
        body: [UnsafeRawBufferPointer],
        controls: [UInt8],
        to segment: RawSegment
    ) throws(LogError) {
        let headerBytes = header.encoded(segment.header.identity)
        let padding = header.end - (header.offset + FrameHeader.bytes + Int(header.bodyBytes))
        let room = RawTrailer.offset(in: segment.header.fileBytes) - header.end
        let zeros = [UInt8](repeating: 0, count: padding + min(FrameHeader.bytes, room))
        do {
            try onDisk { () throws(DiskError) in
                var failed: DiskError?
                headerBytes.withUnsafeBytes { headerBytes in
                    (controls + zeros).withUnsafeBytes { rest in
                        do throws(DiskError) {
                            try segment.file.write([headerBytes] + body + [rest], at: header.offset)
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
