// Owns: making a spare file the active segment, in two halves: what can fail without consequence, and what cannot.

internal import Disk
import Glibc

/// Makes raw segments out of spare files. A value; used by the writer, and by recovery before there is one.
struct ActiveSegmentMaker: Sendable {
    let disk: any Disk
    let directory: LogDirectory
    let store: UniqueID
    let spares: SpareFiles

    /// A spare that says already which segment it will be. Under its spare name it means nothing yet.
    struct Prepared {
        fileprivate let spare: String
        fileprivate let header: FileHeader
        fileprivate var table = RawTable()
        /// Where the next frame goes.
        fileprivate(set) var tail = FrameHeader.firstOffset
    }

    /// Writes the header of a segment that begins at `base` into a spare file, and makes it durable. A throw (a full
    /// disk, mostly) has changed nothing.
    func prepare(base: RecordID, for purpose: SpareFiles.Purpose = .append) throws(LogError) -> Prepared {
        try prepare(base: base, for: purpose) { _, _, _ throws(DiskError) in }
    }

    /// The same, with one frame of another segment in it, and a marker that proves the frame durable.
    func prepare(moving frame: FrameHeader, body: [UInt8]) throws(LogError) -> Prepared {
        try prepare(base: frame.firstID, for: .recovery) { file, identity, prepared throws(DiskError) in
            let moved = FrameHeader(
                offset: prepared.tail,
                durableOffset: prepared.tail,
                firstID: frame.firstID,
                recordedAt: frame.recordedAt,
                recordCount: frame.recordCount,
                bodyBytes: frame.bodyBytes,
                bodyCRC: frame.bodyCRC
            )
            let padding = [UInt8](repeating: 0, count: moved.end - (moved.offset + FrameHeader.bytes + body.count))
            try file.write(moved.encoded(identity) + body + padding, at: moved.offset)
            try file.sync()
            let marker = FrameHeader.marker(at: moved.end, nextID: moved.nextID, recordedAt: moved.recordedAt)
            let clean = [UInt8](repeating: 0, count: FrameHeader.bytes)
            try file.write(marker.encoded(identity) + clean, at: marker.offset)
            try file.sync()
            // The only other copy may be replaced by this one: it is looked at on the medium before.
            file.forget(at: moved.offset, count: marker.end - moved.offset)
            let written = try file.bytes(at: moved.offset, count: FrameHeader.bytes + body.count)
            guard written == moved.encoded(identity) + body else { throw DiskError(.read, path: file.path, errno: EIO) }
            prepared.table.add(frame: moved, body: body)
            prepared.tail = marker.end
        }
    }

    private func prepare(
        base: RecordID,
        for purpose: SpareFiles.Purpose,
        _ fill: (any DiskFile, SegmentIdentity, inout Prepared) throws(DiskError) -> Void
    ) throws(LogError) -> Prepared {
        let spare = try spares.take(for: purpose)
        let header = FileHeader(
            kind: .raw,
            identity: SegmentIdentity(store: store, segment: .random()),
            base: base
        )
        var prepared = Prepared(spare: spare, header: header)
        do throws(DiskError) {
            let file = try disk.open(spare, .readWrite)
            try file.write(header.encoded(), at: FileOffset(0))
            try file.write(header.encoded(), at: FileHeader.copyOffset)
            try file.write([UInt8](repeating: 0, count: FrameHeader.bytes), at: FrameHeader.firstOffset)
            try file.sync()
            try fill(file, header.identity, &prepared)
        } catch {
            // A file that cannot be written is no spare for the next try either.
            if error.isNoSpace { spares.giveBack(spare) } else { try? disk.remove(spare) }
            throw .disk(error)
        }
        return prepared
    }

    /// Gives the prepared file its name, durably. After a throw nobody knows under which name it will be found: nothing
    /// more may be written to the segment before it.
    func activate(_ prepared: Prepared, register: DamageRegister) throws(LogError) -> RawSegment {
        let path = directory.active(prepared.header.base)
        let file = try onDisk { () throws(DiskError) in
            try disk.rename(prepared.spare, to: path)
            try disk.syncDirectory(directory.log)
            return try disk.open(path, .readWrite)
        }
        return RawSegment(file: file, header: prepared.header, register: register, table: prepared.table)
    }
}
