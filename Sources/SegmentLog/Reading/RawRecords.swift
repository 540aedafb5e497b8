// Owns: reading consecutive records of a raw segment from the disk, each checked.

internal import Disk

enum RawRecords {
    enum Flaw: String, Error {
        case length = "a record's length is damaged"
        case end = "the file ends before its records"
        case checksum = "a record's checksum does not match"
    }

    /// The records that begin at these offsets of a file, with ids from `firstID` on.
    static func read(
        _ file: any DiskFile,
        _ offsets: [UInt32],
        from firstID: RecordID
    ) throws(LogError) -> Result<Block, Flaw> {
        guard let first = offsets.first, let last = offsets.last else { return .success(Block(bytes: [], entries: [])) }
        func bytes(_ offset: UInt32, _ count: Int) throws(LogError) -> [UInt8]? {
            try onDisk { () throws(DiskError) in try file.bytes(at: FileOffset(offset), count: count) }
        }
        guard let tail = try bytes(last, RecordFormat.headerBytes) else { return .failure(.end) }
        let lastBytes = Int(tail.withUnsafeBytes { $0.littleEndian(at: RecordFormat.lengthOffset, as: UInt32.self) })
        guard (RecordFormat.headerBytes...(1 << 30)).contains(lastBytes) else { return .failure(.length) }
        guard let bytes = try bytes(first, Int(last - first) + lastBytes) else { return .failure(.end) }
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
