// Owns: reading consecutive records of a raw segment from the disk, each checked.

internal import Disk

enum RawRecords {
    enum Flaw: String, Error {
        case end = "the file ends before its records"
        case checksum = "a record's checksum does not match"
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
}
