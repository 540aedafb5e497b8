// Owns: the inflated form of a block of records. Numbers stand in columns, each as the difference to the one before,
// because that is what compresses; bodies follow, byte for byte as they were appended.
//
//     1 byte           e: times are in units of 10^e nanoseconds, the largest of 0, 3, 6, 9 that loses nothing
//     count × varint   id, minus the id before (the first: minus the block's first id)
//     count × zigzag   time in that unit, minus the time before (the first: minus zero); differences wrap at 64 bits, times in
//                      nanoseconds do not
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

    /// Reads a block back; nil where the columns do not fit what is said of them.
    static func decode(_ bytes: [UInt8], ids: ClosedRange<RecordID>, count: Int) -> Block? {
        let entries: [Block.Entry]? = bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            // Each record takes at least four bytes of columns and one of body.
            guard count > 0, count <= buffer.count / 5, let unit = exponents[reader.littleEndian(UInt8.self)]
            else { return nil }
            var entries = [Block.Entry](repeating: .none, count: count)
            let isIntact = entries.withUnsafeMutableBufferPointer { entries in
                var previous = ids.lowerBound.rawValue
                var isAscending = true
                for index in entries.indices {
                    let difference = reader.varint()
                    isAscending = isAscending && (difference > 0) == (index > 0)
                    let (id, overflow) = previous.addingReportingOverflow(difference)
                    isAscending = isAscending && !overflow
                    entries[index].id = RecordID(id)
                    previous = id
                }
                var overflows = false
                forEachDifference(count, from: &reader) { index, value in
                    let (time, overflow) = value.multipliedReportingOverflow(by: unit)
                    entries[index].time = RecordTime(time)
                    overflows = overflows || overflow
                }
                forEachDifference(count, from: &reader) { entries[$0].recordedAt = RecordTime($1) }
                var end = 0
                for index in entries.indices {
                    let length = reader.count()
                    entries[index].body = end..<end + length
                    end += length
                }
                let start = reader.offset
                for index in entries.indices {
                    let body = entries[index].body
                    entries[index].body = start + body.lowerBound..<start + body.upperBound
                }
                return isAscending && !overflows && previous == ids.upperBound.rawValue && end == reader.remaining
            }
            return isIntact && !reader.failed ? entries : nil
        }
        return entries.map { Block(bytes: bytes, entries: $0) }
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

    private static func forEachDifference(_ count: Int, from reader: inout ByteReader, _ visit: (Int, Int64) -> Void) {
        var value: Int64 = 0
        for index in 0..<count {
            value &+= reader.zigzag()
            visit(index, value)
        }
    }
}
