// Owns: records as tests write them down and read them back, whole and comparable.

import Disk
import DiskSimulation
package import SegmentLog

/// A record before and after it has been through the log.
package struct TestRecord: Hashable, Sendable, CustomStringConvertible {
    package var id = RecordID.zero
    package var time: RecordTime?
    package var recordedAt = RecordTime.minimum
    /// Each at least one byte.
    package var keys: [String] = []
    package var payload: [UInt8] = []

    package init(time: Int64? = nil, keys: [String] = [], payload: [UInt8] = []) {
        self.time = time.map { RecordTime($0) }
        self.keys = keys
        self.payload = payload
    }

    package init(_ record: Record) {
        id = record.id
        time = record.time
        recordedAt = record.recordedAt
        record.withBody { body in
            let range = RecordBody.forEachKey(of: body) { key in
                keys.append(String(decoding: key, as: UTF8.self))
                return true
            }
            payload = range.map { Array(body[$0]) } ?? []
        }
    }

    /// As the log gives it back once it has been committed.
    package func committed(as id: RecordID, at now: RecordTime) -> TestRecord {
        var copy = self
        copy.id = id
        copy.time = time ?? now
        copy.recordedAt = now
        return copy
    }

    package var description: String {
        "\(id) at \(time?.rawValue ?? 0) \(keys) \(payload.count) bytes"
    }
}

extension RecordBuffer {
    package convenience init(_ records: [TestRecord]) {
        self.init(capacity: 64)
        for record in records {
            let keys = record.keys.map { Array($0.utf8) }
            let bytes = RecordBody.bytes(
                keyCount: keys.count,
                keyBytes: keys.reduce(0) { $0 + $1.count },
                payloadBytes: record.payload.count
            )
            append(time: record.time, keyCount: keys.count, bodyBytes: bytes) { body in
                for key in keys {
                    Array(key.dropFirst()).withUnsafeBytes { body.key(kind: key[0], $0) }
                }
                record.payload.withUnsafeBytes { body.payload($0) }
            }
        }
    }
}

extension LogWriter {
    /// Commits the records as one frame, after a roll where they do not fit; returns them as the log should give them
    /// back.
    @discardableResult
    package func commit(_ records: [TestRecord], at now: Int64) throws(LogError) -> [TestRecord] {
        let buffer = RecordBuffer(records)
        _ = try reserve(byteCount: buffer.byteCount)
        var frame = CommitFrame(firstID: nextID, recordedAt: RecordTime(now))
        frame.add(buffer, 0..<buffer.byteCount, records: records.count)
        let first = nextID
        try commit(frame)
        return records.enumerated().map { $1.committed(as: first.advanced(by: $0), at: RecordTime(now)) }
    }
}

extension LogView {
    package func records(_ query: LogQuery = LogQuery()) throws(LogError) -> [TestRecord] {
        var scan = LogScan(self, query)
        var records: [TestRecord] = []
        while let matches = try scan.next() { records += matches.map { TestRecord($0) } }
        return records
    }
}

extension LogOptions {
    /// Small enough that a test writes many segments.
    package static var small: LogOptions {
        var options = LogOptions()
        options.segmentBytes = 64 << 10
        options.blockBytes = 64 << 10
        options.spareFiles = 1
        options.reserveFiles = 0
        options.keepFreeBytes = 0
        return options
    }
}

/// Bytes that compress to about half.
package func noise(_ count: Int, seed: Int) -> [UInt8] {
    var random = SeededRandom(seed: UInt64(seed))
    let words = (0..<(count + 7) / 8).map { _ in random.next() & 0x0F0F_0F0F_0F0F_0F0F }
    return words.withUnsafeBytes { Array($0.prefix(count)) }
}
