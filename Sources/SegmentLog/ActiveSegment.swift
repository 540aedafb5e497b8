// Owns: making a spare file the active segment, in two halves: what can fail without consequence, and what cannot.

internal import Disk

extension SegmentLog {
    /// A spare that says already which segment it will be. Under its spare name it means nothing yet.
    struct PreparedSegment {
        fileprivate let spare: String
        fileprivate let header: FileHeader
    }

    /// Writes the header of a segment that begins at `base` into a spare file, and makes it durable. A throw (a full
    /// disk, mostly) has changed nothing.
    func prepareActive(base: RecordID) throws(LogError) -> PreparedSegment {
        let spare = try spares.take()
        let header = FileHeader(
            kind: .raw,
            identity: SegmentIdentity(store: store.store, segment: .random()),
            base: base
        )
        try onDisk { () throws(DiskError) in
            let file = try disk.open(spare, .readWrite)
            try file.write(header.encoded(), at: FileOffset(0))
            try file.write(header.encoded(), at: FileHeader.copyOffset)
            try file.write([UInt8](repeating: 0, count: FrameHeader.bytes), at: FrameHeader.firstOffset)
            try file.sync()
        }
        return PreparedSegment(spare: spare, header: header)
    }

    /// Gives the prepared file its name, durably. After a throw nobody knows under which name it will be found: nothing
    /// more may be written to the segment before it.
    func activate(_ prepared: PreparedSegment) throws(LogError) -> RawSegment {
        let path = directory.active(prepared.header.base)
        let file = try onDisk { () throws(DiskError) in
            try disk.rename(prepared.spare, to: path)
            try disk.syncDirectory(directory.log)
            return try disk.open(path, .readWrite)
        }
        let segment = RawSegment(file: file, header: prepared.header)
        append(segment)
        return segment
    }
}
