// Owns: reading consecutive records of a raw segment from the disk, each checked, by their places or from frame to frame.

internal import Disk

enum RawRecords {
    enum Flaw: String, Error {
        case end = "the file ends before its records"
        case checksum = "a record's checksum does not match"
        case frames = "its frames do not hold the records that they should"
    }

    /// The records that begin at these offsets of a file and end by `end`, with ids from `firstID` on.
    static func read(
        _ file: any DiskFile,
        _ offsets: [UInt32],
        end: UInt32,
        from firstID: RecordID
    ) throws(LogError) -> Result<Block, Flaw> {
        guard let first = offsets.first else { return .success(Block(bytes: [], entries: [])) }
        let read = try onDisk { () throws(DiskError) in
            try file.bytes(at: FileOffset(first), count: Int(end - first))
        }
        guard let bytes = read else { return .failure(.end) }
        var entries: [Block.Entry] = []
        entries.reserveCapacity(offsets.count)
        let intact = bytes.withUnsafeBytes { bytes in
            for (index, offset) in offsets.enumerated() {
                let start = Int(offset - first)
                let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
                guard let record = RawRecord(rest), record.id == firstID.advanced(by: index) else { return false }
                entries.append(
                    Block.Entry(
                        id: record.id,
                        time: record.time,
                        recordedAt: record.recordedAt,
                        body: start + RecordFormat.headerBytes..<start + record.bytes
                    )
                )
            }
            return true
        }
        return intact ? .success(Block(bytes: bytes, entries: entries)) : .failure(.checksum)
    }

    /// The records of a block of which no more is known than where it lies: each begins where the one before it ends, or behind
    /// the header of the next frame.
    static func read(
        _ file: any DiskFile,
        _ block: RawTable.RawBlock,
        seed: UInt32
    ) throws(LogError) -> Result<Block, Flaw> {
        let start = FileOffset(block.start)
        let read = try onDisk { () throws(DiskError) in
            try file.bytes(at: start, count: Int(block.end - block.start))
        }
        guard let bytes = read else { return .failure(.end) }
        var entries: [Block.Entry] = []
        entries.reserveCapacity(Int(block.summary.recordCount))
        bytes.withUnsafeBytes { bytes in
            var (offset, next) = (0, block.summary.firstID)
            while next <= block.summary.lastID, offset < bytes.count {
                if let record = RawRecord(UnsafeRawBufferPointer(rebasing: bytes[offset...])) {
                    if record.id == next {
                        let body = offset + RecordFormat.headerBytes..<offset + record.bytes
                        entries.append(
                            Block.Entry(id: next, time: record.time, recordedAt: record.recordedAt, body: body)
                        )
                        next = next.next
                    } else if record.id.rawValue &+ 1 != next.rawValue {
                        return
                    }
                    // Else it is one of the store's own, behind the records of its frame.
                    offset += record.bytes
                } else {
                    let place = FrameHeader.aligned(start + offset)
                    offset = place - start
                    guard bytes.count - offset >= FrameHeader.bytes else { return }
                    let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
                    guard let frame = FrameHeader(rest, at: place, seed: seed), frame.firstID == next else { return }
                    offset += FrameHeader.bytes
                }
            }
        }
        let found = Block(bytes: bytes, entries: entries)
        return found.isDescribed(by: block.summary) ? .success(found) : .failure(.frames)
    }
}
