// Owns: the form in which a block of records leaves the store whole, for a reader elsewhere: a block of a sealed segment
// as it lies there, compressed, so that it is copied and no more; one of a raw segment with its records in the same
// columns. Whoever takes it in checks it with the checksum that the disk had.
//
//      0  8  first id
//      8  8  last id
//     16  4  count          of records
//     20  4  raw bytes      of the columns
//     24  4  crc            CRC-32 of what follows the header
//     28  1  method         0 the columns themselves, 1 a zlib stream of them
//     29  3  zero
//     32     columns, see RecordColumns, or the stream

/// A block on its way out of the store, and in at the other end.
package enum TransferBlock {
    static let headerBytes = 32
    /// What the header and a small block take, for who plans how many fit into so many bytes.
    package static let leastBytes = headerBytes + 16

    enum Method: UInt8 {
        case stored = 0
        case zlib = 1
    }

    static func encoded(
        ids: ClosedRange<RecordID>,
        count: Int,
        rawBytes: Int,
        crc: UInt32,
        method: Method,
        content: UnsafeRawBufferPointer
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headerBytes + content.count)
        bytes.appendLittleEndian(ids.lowerBound.rawValue)
        bytes.appendLittleEndian(ids.upperBound.rawValue)
        bytes.appendLittleEndian(UInt32(count))
        bytes.appendLittleEndian(UInt32(rawBytes))
        bytes.appendLittleEndian(crc)
        bytes.append(method.rawValue)
        bytes.append(contentsOf: [0, 0, 0])
        bytes.append(contentsOf: content)
        return bytes
    }

    /// The block of some records that lie in no sealed segment.
    static func encoded(_ block: Block) -> [UInt8] {
        guard let first = block.entries.first, let last = block.entries.last else {
            preconditionFailure("a block has records")
        }
        let columns = RecordColumns.encode(block.entries.indices.map { Record(block, $0) })
        return columns.withUnsafeBytes {
            encoded(
                ids: first.id...last.id,
                count: block.entries.count,
                rawBytes: columns.count,
                crc: Checksum.crc32($0),
                method: .stored,
                content: $0
            )
        }
    }

    /// The last id of a block, by its header alone, so that what comes behind it can be asked for before it is read; nil
    /// where there is no header.
    package static func lastID(of bytes: [UInt8]) -> RecordID? {
        guard bytes.count >= headerBytes else { return nil }
        let id = RecordID(bytes.withUnsafeBytes { $0.littleEndian(at: 8, as: UInt64.self) })
        return id > .zero && id <= .greatest ? id : nil
    }

    /// Reads a block back; nil where anything of it is not as it should be.
    package static func decode(_ bytes: [UInt8]) -> Block? {
        guard let lastID = lastID(of: bytes) else { return nil }
        return bytes.withUnsafeBytes { buffer in
            let firstID = RecordID(buffer.littleEndian(at: 0, as: UInt64.self))
            let count = Int(buffer.littleEndian(at: 16, as: UInt32.self))
            let rawBytes = Int(buffer.littleEndian(at: 20, as: UInt32.self))
            let content = UnsafeRawBufferPointer(rebasing: buffer[headerBytes...])
            guard firstID > .zero, firstID <= lastID, count > 0, count <= SealedBlockHeader.maximumRecords,
                rawBytes <= Int(SealedBlockHeader.Kind.records.maximumRawBytes),
                buffer[29] | buffer[30] | buffer[31] == 0,
                Checksum.crc32(content) == buffer.littleEndian(at: 24, as: UInt32.self)
            else { return nil }
            let columns: [UInt8]?
            switch Method(rawValue: buffer[28]) {
            case .stored: columns = rawBytes == content.count ? Array(content) : nil
            case .zlib: columns = Compression.inflate(content, count: rawBytes)
            case nil: columns = nil
            }
            return columns.flatMap { RecordColumns.decode($0, ids: firstID...lastID, count: count) }
        }
    }
}
