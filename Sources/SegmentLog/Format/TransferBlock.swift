// Owns: the form in which blocks of records leave the store whole, for a reader elsewhere: a block of a sealed segment as it
// lies there, compressed, so that it is copied and no more; one of a raw segment with its records in the same columns.
// Whoever takes it in checks it with the checksum that the disk had.
//
//      0  8  first id
//      8  8  last id
//     16  4  count          of records
//     20  4  raw bytes      of the columns
//     24  4  crc            CRC-32 of the content
//     28  4  content bytes
//     32  1  codec          0 the columns themselves, 1 a zlib stream of them
//     33 23  zero
//     56     the content: columns, see RecordColumns, or the stream
//
// The header is as long as that of a sealed block, in whose place it is put.

internal import Disk

/// Blocks on their way out of the store, and in at the other end.
package enum TransferBlock {
    static let headerBytes = SealedBlockHeader.bytes

    private struct Header {
        let ids: ClosedRange<RecordID>
        let count: Int
        let rawBytes: Int
        let crc: UInt32
        let contentBytes: Int
        let method: Codec

        func write(to bytes: UnsafeMutableRawBufferPointer) {
            for index in 0..<headerBytes { bytes[index] = 0 }
            bytes.storeLittleEndian(ids.lowerBound.rawValue, at: 0)
            bytes.storeLittleEndian(ids.upperBound.rawValue, at: 8)
            bytes.storeLittleEndian(UInt32(count), at: 16)
            bytes.storeLittleEndian(UInt32(rawBytes), at: 20)
            bytes.storeLittleEndian(crc, at: 24)
            bytes.storeLittleEndian(UInt32(contentBytes), at: 28)
            bytes[32] = method.rawValue
        }

        init(ids: ClosedRange<RecordID>, count: Int, rawBytes: Int, crc: UInt32, contentBytes: Int, method: Codec) {
            self.ids = ids
            self.count = count
            self.rawBytes = rawBytes
            self.crc = crc
            self.contentBytes = contentBytes
            self.method = method
        }

        /// Nil where the bytes begin with no header, or its content does not end within them.
        init?(_ bytes: UnsafeRawBufferPointer) {
            guard bytes.count >= headerBytes, let method = Codec(rawValue: bytes[32]),
                bytes[33..<headerBytes].allSatisfy({ $0 == 0 })
            else { return nil }
            let first = RecordID(bytes.littleEndian(at: 0, as: UInt64.self))
            let last = RecordID(bytes.littleEndian(at: 8, as: UInt64.self))
            guard first > .zero, first <= last, last <= .greatest else { return nil }
            self.init(
                ids: first...last,
                count: Int(bytes.littleEndian(at: 16, as: UInt32.self)),
                rawBytes: Int(bytes.littleEndian(at: 20, as: UInt32.self)),
                crc: bytes.littleEndian(at: 24),
                contentBytes: Int(bytes.littleEndian(at: 28, as: UInt32.self)),
                method: method
            )
            guard count > 0, count <= SealedBlockHeader.maximumRecords, contentBytes <= bytes.count - headerBytes,
                rawBytes <= Int(SealedBlockHeader.Kind.records.maximumRawBytes)
            else { return nil }
        }
    }

    /// Makes the whole sealed block in `bytes` one of these, in its place. False where it is not the block that the table says:
    /// not at this place of this segment, or of other records, or damaged. Of its times nothing is known before it is inflated.
    static func replace(_ bytes: UnsafeMutableRawBufferPointer, of entry: BlockTable.Entry, seed: UInt32) -> Bool {
        let whole = UnsafeRawBufferPointer(bytes)
        guard let (sealed, method) = entry.header(of: whole, seed: seed) else { return false }
        Header(
            ids: sealed.firstID...sealed.lastID,
            count: Int(sealed.count),
            rawBytes: Int(sealed.rawBytes),
            crc: sealed.contentCRC,
            contentBytes: Int(sealed.contentBytes),
            method: method
        ).write(to: bytes)
        return true
    }

    /// Appends some records that lie in no sealed segment.
    static func append(_ block: Block, to bytes: inout [UInt8]) {
        guard let first = block.entries.first, let last = block.entries.last else {
            preconditionFailure("a block has records")
        }
        let columns = RecordColumns.encode(block.entries.indices.map { Record(block, $0) })
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: headerBytes))
        bytes.append(contentsOf: columns)
        let header = Header(
            ids: first.id...last.id,
            count: block.entries.count,
            rawBytes: columns.count,
            crc: Checksum.crc32(columns),
            contentBytes: columns.count,
            method: .stored
        )
        bytes.withUnsafeMutableBytes { header.write(to: UnsafeMutableRawBufferPointer(rebasing: $0[start...])) }
    }

    /// A block in a row of them, as far as its header tells.
    package struct Place: Sendable {
        package let range: Range<Int>
        package let lastID: RecordID
        /// What it inflates to, in bytes.
        package let rawBytes: Int
    }

    /// Where each block of a row of them lies, told by the headers alone, so that what comes behind can be asked for before
    /// they are read; nil where the bytes are no such row.
    package static func split(_ bytes: [UInt8]) -> [Place]? {
        bytes.withUnsafeBytes { buffer in
            var places: [Place] = []
            var (start, last) = (0, RecordID.zero)
            while start < buffer.count {
                guard let header = Header(UnsafeRawBufferPointer(rebasing: buffer[start...])),
                    header.ids.lowerBound > last
                else { return nil }
                let end = start + headerBytes + header.contentBytes
                places.append(Place(range: start..<end, lastID: header.ids.upperBound, rawBytes: header.rawBytes))
                (start, last) = (end, header.ids.upperBound)
            }
            return places
        }
    }

    /// Reads the block that fills the bytes; nil where anything of it is not as it should be.
    package static func decode(_ bytes: UnsafeRawBufferPointer) -> Block? {
        guard let header = Header(bytes), header.contentBytes == bytes.count - headerBytes else { return nil }
        let content = UnsafeRawBufferPointer(rebasing: bytes[headerBytes...])
        guard Checksum.crc32(content) == header.crc else { return nil }
        let columns: [UInt8]? =
            switch header.method {
            case .stored: header.rawBytes == content.count ? Array(content) : nil
            case .zlib: Compression.inflate(content, count: header.rawBytes)
            }
        return columns.flatMap { RecordColumns.decode($0, ids: header.ids, count: header.count) }
    }
}
