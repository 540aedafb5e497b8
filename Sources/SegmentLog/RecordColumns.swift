// Owns: the inflated form of a block of records. Numbers stand in columns, each as the difference to the one before,
// because that is what compresses; bodies follow, byte for byte as they were appended.
//
//     1 byte           e: times are in units of 10^e nanoseconds, the largest of 0, 3, 6, 9 that loses nothing
//     count × varint   id, minus the id before (the first: minus the block's first id)
//     count × zigzag   time in that unit, minus the time before (the first: minus zero), wrapping
//     count × zigzag   recorded at in nanoseconds, likewise
//     count × varint   body bytes
//     the bodies

enum RecordColumns {
    private static let exponents: [UInt8: Int64] = [0: 1, 3: 1000, 6: 1_000_000, 9: 1_000_000_000]

    static func encode(_ records: [Record]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(records.reduce(0) { $0 + $1.bodyBytes + 20 })
        let times = records.lazy.map(\.time.rawValue)
        let (exponent, unit) = Self.unit(of: times)
        bytes.append(exponent)
        var previousID = records.first?.id.rawValue ?? 0
        for record in records {
            bytes.appendVarint(record.id.rawValue - previousID)
            previousID = record.id.rawValue
        }
        appendDifferences(of: times.map { $0 / unit }, to: &bytes)
        appendDifferences(of: records.lazy.map(\.recordedAt.rawValue), to: &bytes)
        for record in records { bytes.appendVarint(UInt64(record.bodyBytes)) }
        for record in records { record.withBody { bytes.append(contentsOf: $0) } }
        return bytes
    }

    /// Reads a block back; nil where the columns do not fit its header.
    static func decode(_ bytes: [UInt8], header: SealedBlockHeader) -> Block? {
        let entries: [Block.Entry]? = bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            let count = Int(header.count)
            // Each record takes at least four bytes of columns and one of body.
            guard count <= buffer.count / 5 else { return nil }
            guard let unit = exponents[reader.littleEndian(UInt8.self)] else { return nil }
            var id = header.firstID.rawValue
            let ids = (0..<count).map { _ in
                id &+= reader.varint()
                return id
            }
            let times = readDifferences(count, from: &reader).map { $0 &* unit }
            let recordedAt = readDifferences(count, from: &reader)
            let lengths = (0..<count).map { _ in reader.count() }
            guard !reader.failed, lengths.reduce(0, +) == reader.remaining, ids.first == header.firstID.rawValue,
                ids.last == header.lastID.rawValue
            else { return nil }
            var start = reader.offset
            return (0..<count).map { index in
                defer { start += lengths[index] }
                return Block.Entry(
                    id: RecordID(ids[index]),
                    time: RecordTime(times[index]),
                    recordedAt: RecordTime(recordedAt[index]),
                    body: start..<start + lengths[index]
                )
            }
        }
        guard let entries, zip(entries, entries.dropFirst()).allSatisfy({ $0.id < $1.id }) else { return nil }
        return Block(bytes: bytes, entries: entries)
    }

    /// The largest unit that every time is a multiple of: most callers tell time in seconds, milli- or microseconds.
    private static func unit(of times: some Sequence<Int64>) -> (exponent: UInt8, unit: Int64) {
        var best: (exponent: UInt8, unit: Int64) = (9, 1_000_000_000)
        for time in times {
            while !time.isMultiple(of: best.unit) { best = (best.exponent - 3, best.unit / 1000) }
        }
        return best
    }

    private static func appendDifferences(of values: some Sequence<Int64>, to bytes: inout [UInt8]) {
        var previous: Int64 = 0
        for value in values {
            bytes.appendZigzag(value &- previous)
            previous = value
        }
    }

    private static func readDifferences(_ count: Int, from reader: inout ByteReader) -> [Int64] {
        var value: Int64 = 0
        return (0..<count).map { _ in
            value &+= reader.zigzag()
            return value
        }
    }
}
