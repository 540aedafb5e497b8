// Owns: making a spare file the active segment, in two halves: what can fail without consequence, and what cannot.

internal import Disk
import Glibc

/// Makes raw segments out of spare files. A value; used by the writer, and by recovery before there is one.
struct ActiveSegmentMaker: Sendable {
    let disk: any Disk
    let directory: LogDirectory
    let store: UniqueID
    let spares: SpareFiles
    /// Bytes of the files that spares are.
    let fileBytes: UInt64

    /// What a new segment begins with.
    struct Beginning {
        let base: RecordID
        let predecessor: Predecessor
        let createdAt: RecordTime
        /// Frames of another segment that it takes over, and a marker behind, which proves them durable.
        var frames: [MovedFrame] = []
        /// Bytes of records that are to fit behind it, in one frame.
        var room = 0

        /// A segment that begins with `base`, behind what there is. Where there is one with the same base, which then has no
        /// event of its own, the new one takes its place, and begins with what still counts of the store's own records in it,
        /// but for those that come with another frame.
        init(
            _ base: RecordID,
            after segments: [any Segment],
            _ state: ControlState,
            createdAt: RecordTime,
            without sequences: Set<UInt64> = []
        ) {
            let before = segments.last { $0.base < base }
            let last = min(before?.lastID ?? .zero, RecordID(base.rawValue - 1))
            self.init(
                base,
                after: before.map { Predecessor(segment: $0.header.origin, lastID: last) } ?? .none,
                createdAt: createdAt
            )
            guard let replaced = segments.last as? RawSegment, replaced.base == base else { return }
            let controls = replaced.controls().filter { state.isCurrent($0) && !sequences.contains($0.sequence) }
            if let last = controls.last {
                frames = [MovedFrame(controls, nextID: base, recordedAt: last.recordedAt)]
            }
        }

        init(_ base: RecordID, after predecessor: Predecessor, createdAt: RecordTime) {
            self.base = base
            self.predecessor = predecessor
            self.createdAt = createdAt
        }

        /// What the file must have at the least: the frame may come from a time when larger segments were configured, or leave
        /// too little room in a small one.
        var leastFileBytes: UInt64 {
            guard !frames.isEmpty else { return 0 }
            let end = frames.reduce(FrameHeader.firstOffset) { end, frame in
                FrameHeader.aligned(end + FrameHeader.bytes + frame.body.count)
            }
            let needed = FrameHeader.aligned(end + 4 * FrameHeader.bytes + room).rawValue
            let pages = (needed + UInt64(RawTrailer.pageBytes) - 1) / UInt64(RawTrailer.pageBytes)
            return (pages + 1) * UInt64(RawTrailer.pageBytes)
        }
    }

    /// A spare that says already which segment it will be. Under its spare name it means nothing yet.
    struct Prepared {
        let header: FileHeader
        /// Where the next frame goes.
        fileprivate(set) var tail = FrameHeader.firstOffset
        fileprivate let spare: String
        fileprivate var isRenamed = false
        fileprivate var walks: [FrameWalk] = []
    }

    /// Writes the header of a segment, and what it begins with, into a spare file, and makes it durable. A throw (a full
    /// disk, mostly) has changed nothing.
    func prepare(_ beginning: Beginning, for purpose: SpareFiles.Purpose = .append) throws(LogError) -> Prepared {
        // A spare that somebody has removed is no reason to fail; there is another, or one is made.
        // One that has vanished is passed over, and so is one that does not give back what was written to it.
        for _ in 0..<max(spares.readyCount, 2) {
            do throws(LogError) {
                return try prepareOnce(beginning, purpose)
            } catch {
                guard case .disk(let cause) = error,
                    cause.isMissing || cause.isNotRegularFile || cause.isUnreadableMedium && cause.operation == .read
                else { throw error }
            }
        }
        return try prepareOnce(beginning, purpose)
    }

    private func prepareOnce(
        _ beginning: Beginning,
        _ purpose: SpareFiles.Purpose
    ) throws(LogError) -> Prepared {
        let spare = try spares.take(for: purpose)
        let fileBytes = max(fileBytes, beginning.leastFileBytes)
        let header = FileHeader(
            kind: .raw,
            identity: SegmentIdentity(store: store, segment: .random()),
            base: beginning.base,
            fileBytes: fileBytes,
            createdAt: beginning.createdAt,
            predecessor: beginning.predecessor
        )
        var prepared = Prepared(header: header, spare: spare)
        do throws(DiskError) {
            let file = try disk.open(spare, .readWrite)
            if fileBytes > self.fileBytes { try file.reserve(fileBytes) }
            let rest = [UInt8](repeating: 0, count: Int(FileHeader.copyOffset.rawValue) - FileHeader.bytes)
            let zeros = [UInt8](repeating: 0, count: FrameHeader.bytes)
            let page = header.encoded() + rest
            try file.write(page + page + zeros, at: FileOffset(0))
            try file.write([UInt8](repeating: 0, count: RawTrailer.pageBytes), at: RawTrailer.offset(in: fileBytes))
            try file.sync()
            if !beginning.frames.isEmpty { try take(beginning.frames, file, &prepared) }
        } catch {
            // A file that cannot be written is no spare for the next try either, nor one that has grown.
            if error.isNoSpace || error.isWantOfResources, fileBytes == self.fileBytes {
                spares.giveBack(spare)
            } else if !error.isNotRegularFile {
                try? disk.remove(spare)
            }
            throw .disk(error)
        }
        return prepared
    }

    /// Puts frames of another segment into a file, and a marker behind them.
    private func take(
        _ frames: [MovedFrame],
        _ file: any DiskFile,
        _ prepared: inout Prepared
    ) throws(DiskError) {
        let identity = prepared.header.identity
        let first = prepared.tail
        var (bytes, next, recordedAt): ([UInt8], RecordID, RecordTime) = ([], prepared.header.base, .minimum)
        for frame in frames {
            let moved = frame.header.moved(to: prepared.tail, durableOffset: first)
            let body = moved.offset + FrameHeader.bytes
            bytes += moved.encoded(identity) + frame.body
            bytes += [UInt8](repeating: 0, count: moved.end - (body + frame.body.count))
            prepared.walks.append(frame.body.withUnsafeBytes { FrameWalk($0, of: moved, at: body) })
            prepared.tail = moved.end
            (next, recordedAt) = (moved.nextID, moved.recordedAt)
        }
        try file.write(bytes, at: first)
        try file.sync()
        let marker = FrameHeader.marker(at: prepared.tail, nextID: next, recordedAt: recordedAt)
        let clean = [UInt8](repeating: 0, count: FrameHeader.bytes)
        try file.write(marker.encoded(identity) + clean, at: marker.offset)
        try file.sync()
        // The only other copy may be replaced by this one: it is looked at on the medium before.
        file.forget(at: first, count: marker.end - first)
        let written = try file.bytes(at: first, count: bytes.count)
        guard written == bytes else { throw DiskError(.read, path: file.path, errno: EIO) }
        prepared.tail = marker.end
    }

    /// Takes back a file that has not been given its name.
    func discard(_ prepared: Prepared) {
        if prepared.header.fileBytes == fileBytes {
            spares.giveBack(prepared.spare)
        } else {
            try? disk.remove(prepared.spare)
        }
    }

    /// Gives the prepared file its name, durably. Once the name may have been given, nothing more may be written to the
    /// segment before it: nobody knows under which name a crash will leave the file. A later call goes on where a throw
    /// has ended this one.
    func activate(_ prepared: inout Prepared, register: DamageRegister) throws(LogError) -> RawSegment {
        let path = directory.active(prepared.header.base)
        do throws(DiskError) {
            if !prepared.isRenamed { try disk.rename(prepared.spare, to: path) }
            prepared.isRenamed = true
            try disk.syncDirectory(directory.log)
            let file = try disk.open(path, .readWrite)
            return RawSegment(file: file, header: prepared.header, register: register, found: prepared.walks)
        } catch {
            throw .disk(error)
        }
    }
}

extension ActiveSegmentMaker.Prepared {
    /// Whether the file may have been given its name.
    var mayHaveName: Bool { isRenamed }

    /// The last id of the frames that it begins with; nil where they have no events.
    var lastID: RecordID? { walks.compactMap { $0.records.last?.record?.id }.last }
}

extension LogError {
    /// Whether an error in the middle of a roll leaves the disk in doubt, so that nothing more may be appended. A sync that
    /// has failed does, and so does a rename for want of better knowledge; a file that could not be opened, or is not there,
    /// has changed nothing.
    var leavesDoubt: Bool {
        guard case .disk(let error) = self else { return false }
        switch error.operation {
        case .sync, .syncDirectory, .write: return !error.isNoSpace
        case .rename: return !error.isNoSpace && !error.isMissing && !error.isRefusedName
        default: return false
        }
    }
}

/// A frame on its way from one segment to another.
struct MovedFrame {
    let header: FrameHeader
    let body: [UInt8]

    init(_ header: FrameHeader, body: [UInt8]) {
        self.header = header
        self.body = body
    }

    /// A frame of control records alone, before the record `nextID`.
    init(_ controls: [ControlRecord], nextID: RecordID, recordedAt: RecordTime) {
        var (body, crc): ([UInt8], UInt32) = ([], 0)
        for control in controls {
            let bytes = control.encoded()
            crc = Checksum.crc32(Array(bytes[..<4]), from: crc)
            body += bytes
        }
        self.body = body
        header = FrameHeader(
            offset: FrameHeader.firstOffset,
            durableOffset: FrameHeader.firstOffset,
            firstID: nextID,
            recordedAt: recordedAt,
            recordCount: 0,
            bodyBytes: UInt32(body.count),
            bodyCRC: crc,
            controlCount: UInt32(controls.count)
        )
    }
}
