// Owns: records on their way to the log. A caller stages whole records here, with all that it knows; the id, the commit
// time and the checksum are stamped by the writer in place, so that an event is copied once between socket and disk.

/// Staged records, one behind the other, in the layout of the raw segment.
///
/// `@unchecked Sendable` because a buffer is handed over, never shared: the thread that fills it gives it to the writer
/// and touches it no more.
package final class RecordBuffer: @unchecked Sendable {
    private var storage: UnsafeMutableRawPointer
    private var capacity: Int
    package private(set) var byteCount = 0
    package private(set) var recordCount = 0

    package init(capacity: Int = 4096) {
        self.capacity = max(capacity, 64)
        storage = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit {
        storage.deallocate()
    }

    /// Appends one record with a body of exactly `bodyBytes`, which `fill` writes. A nil time stands for what the clock says
    /// at the commit.
    @inlinable
    package func append(
        time: RecordTime?,
        keyCount: Int,
        bodyBytes: Int,
        fill: (inout RecordBodyWriter) -> Void
    ) {
        var writer = RecordBodyWriter(begin(time: time, bodyBytes: bodyBytes), keyCount: keyCount)
        fill(&writer)
        writer.finish()
    }

    /// Adds whole records of another buffer that have not been stamped; returns where they lie.
    package func append(_ range: Range<Int>, of other: RecordBuffer, records: Int) -> Range<Int> {
        let start = byteCount
        reserve(byteCount + range.count)
        if let bytes = other.bytes(range).baseAddress {
            (storage + start).copyMemory(from: bytes, byteCount: range.count)
        }
        byteCount += range.count
        recordCount += records
        return start..<byteCount
    }

    /// Makes room for a record and writes what is known of its header; returns the bytes of its body.
    @usableFromInline
    func begin(time: RecordTime?, bodyBytes: Int) -> UnsafeMutableRawBufferPointer {
        let length = RecordFormat.headerBytes + bodyBytes
        reserve(byteCount + length)
        let record = UnsafeMutableRawBufferPointer(start: storage + byteCount, count: length)
        record.storeLittleEndian(UInt32(length), at: RecordFormat.lengthOffset)
        record.storeLittleEndian((time ?? Self.commitTime).rawValue, at: RecordFormat.timeOffset)
        byteCount += length
        recordCount += 1
        return UnsafeMutableRawBufferPointer(rebasing: record[RecordFormat.headerBytes...])
    }

    /// Marks a record whose time is the clock's. No caller's time: `RecordTime.minimum` is refused before it gets here.
    private static let commitTime = RecordTime.minimum

    /// Stamps the records in `range` with ids from `firstID` on and the commit time, those that brought no time with what the
    /// clock said, seals each with its checksum, and returns the checksum of all of them, continued from `previous`.
    func stamp(
        _ range: Range<Int>,
        firstID: RecordID,
        recordedAt: RecordTime,
        clock: RecordTime,
        from previous: UInt32
    ) -> UInt32 {
        var offset = range.lowerBound
        var id = firstID.rawValue
        var frameCRC = previous
        while offset < range.upperBound {
            let rest = UnsafeMutableRawBufferPointer(start: storage + offset, count: range.upperBound - offset)
            let length = Int(UnsafeRawBufferPointer(rest).littleEndian(at: RecordFormat.lengthOffset, as: UInt32.self))
            let record = UnsafeMutableRawBufferPointer(rebasing: rest[..<length])
            record.storeLittleEndian(id, at: RecordFormat.idOffset)
            record.storeLittleEndian(recordedAt.rawValue, at: RecordFormat.recordedAtOffset)
            let time: Int64 = UnsafeRawBufferPointer(record).littleEndian(at: RecordFormat.timeOffset)
            if time == Self.commitTime.rawValue {
                record.storeLittleEndian(clock.rawValue, at: RecordFormat.timeOffset)
            }
            let bytes = UnsafeRawBufferPointer(record)
            record.storeLittleEndian(Checksum.crc32(UnsafeRawBufferPointer(rebasing: bytes[4...])), at: 0)
            frameCRC = Checksum.crc32(UnsafeRawBufferPointer(rebasing: bytes[..<4]), from: frameCRC)
            offset += length
            id += 1
        }
        return frameCRC
    }

    /// The bytes of a range of whole records.
    package func withBytes<Result>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(bytes(range))
    }

    /// The body of the record at an offset, and where the record ends. Valid as long as `bytes`.
    func body(at offset: Int) -> (body: UnsafeRawBufferPointer, end: Int) {
        let rest = bytes(offset..<byteCount)
        let length = Int(rest.littleEndian(at: RecordFormat.lengthOffset, as: UInt32.self))
        return (UnsafeRawBufferPointer(rebasing: rest[RecordFormat.headerBytes..<length]), offset + length)
    }

    /// Gives `visit` the body and the time of one record of a range of whole records that have not been stamped, by its number
    /// from 0; it is one of them.
    func withRecord<Result>(
        _ number: Int,
        in range: Range<Int>,
        _ visit: (UnsafeRawBufferPointer, RecordTime?) -> Result
    ) -> Result {
        var offset = range.lowerBound
        for _ in 0..<number {
            offset += Int(
                bytes(offset..<range.upperBound).littleEndian(at: RecordFormat.lengthOffset, as: UInt32.self)
            )
        }
        return visitRecord(at: offset, in: range, visit).result
    }

    private func visitRecord<Result>(
        at offset: Int,
        in range: Range<Int>,
        _ visit: (UnsafeRawBufferPointer, RecordTime?) -> Result
    ) -> (result: Result, length: Int) {
        let rest = bytes(offset..<range.upperBound)
        let length = Int(rest.littleEndian(at: RecordFormat.lengthOffset, as: UInt32.self))
        let time = RecordTime(rest.littleEndian(at: RecordFormat.timeOffset))
        let body = UnsafeRawBufferPointer(rebasing: rest[RecordFormat.headerBytes..<length])
        return (visit(body, time == Self.commitTime ? nil : time), length)
    }

    /// Visits the bodies and times of a range of whole records that have not been stamped, in order; the time is nil where it is to
    /// be that of the commit.
    package func forEachRecord(in range: Range<Int>, _ visit: (UnsafeRawBufferPointer, RecordTime?) -> Void) {
        var offset = range.lowerBound
        while offset < range.upperBound {
            offset += visitRecord(at: offset, in: range, visit).length
        }
    }

    /// Valid for as long as the buffer lives and is not appended to.
    func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: storage + range.lowerBound, count: range.count)
    }

    private func reserve(_ needed: Int) {
        guard needed > capacity else { return }
        capacity = max(needed, capacity * 2)
        let grown = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        grown.copyMemory(from: storage, byteCount: byteCount)
        storage.deallocate()
        storage = grown
    }
}
