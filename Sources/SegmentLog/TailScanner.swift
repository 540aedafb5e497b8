// Owns: the tail rule. Reads a raw segment from its first frame to its end and tells three things apart: what is whole,
// what is torn, and what is damaged.
//
// D is the highest durable offset that any valid frame names. Bad bytes at or above D were never acknowledged: a torn
// write, which the caller saves and cuts. Bad bytes below D were durable once: damage, which is never cut; the ids are
// reported, and reading goes on at the next valid frame. To know D the scan looks past the damage, at every multiple of
// eight, to the end of the file.

internal import Disk
import Glibc

struct TailScanner {
    struct Outcome {
        var table = RawTable()
        var damage: [ClosedRange<RecordID>] = []
        /// Where the next frame goes: behind the last valid one.
        var end = FrameHeader.firstOffset
        var nextID: RecordID
        var lastRecordedAt: RecordTime?
        /// The highest offset that a valid frame names as durable.
        var durableOffset = FrameHeader.firstOffset
        /// The bytes of a write that was cut off by a crash, never acknowledged.
        var torn: Range<FileOffset>?
        /// Where the last frame with records begins.
        var lastFrameOffset: FileOffset?
    }

    private var window: FileWindow
    private let seed: UInt32
    private let capacity: UInt64
    private var outcome: Outcome

    /// Scans a whole file. Reads it once from front to back, in pieces.
    static func scan(_ file: any DiskFile, header: FileHeader) throws(LogError) -> Outcome {
        var scanner = TailScanner(
            window: FileWindow(file), seed: header.identity.seed,
            capacity: try onDisk { () throws(DiskError) in try file.size() },
            outcome: Outcome(nextID: header.base))
        try scanner.run()
        return scanner.outcome
    }

    private mutating func run() throws(LogError) {
        var offset = FrameHeader.firstOffset
        while true {
            if let frame = try header(at: offset), frame.firstID >= outcome.nextID, try take(frame) {
                offset = frame.end
                continue
            }
            // Bytes at `offset` are no whole frame. Whatever follows decides what they are.
            let later = try validHeaders(after: offset)
            let durable = later.map(\.durableOffset).max() ?? outcome.durableOffset
            guard durable > offset, let next = later.first(where: { $0.durableOffset > offset }) else {
                outcome.torn = try tornRange(at: offset)
                return
            }
            if let frame = try header(at: offset), frame.end <= next.offset, frame.firstID == outcome.nextID {
                try salvage(frame)
                offset = frame.end
            } else {
                reportDamage(upTo: next.firstID)
                offset = next.offset
            }
            outcome.end = offset
        }
    }

    private mutating func header(at offset: FileOffset) throws(LogError) -> FrameHeader? {
        guard offset.rawValue + UInt64(FrameHeader.bytes) <= capacity else { return nil }
        let seed = seed
        return try window.with(at: offset, count: FrameHeader.bytes) { FrameHeader($0, at: offset, seed: seed) }
    }

    /// Adds the records of a frame where all of it is whole; otherwise leaves the outcome as it was.
    private mutating func take(_ frame: FrameHeader) throws(LogError) -> Bool {
        guard frame.end.rawValue <= capacity else { return false }
        let bodyOffset = frame.offset + FrameHeader.bytes
        let records = try window.with(at: bodyOffset, count: Int(frame.bodyBytes)) { body -> [RawRecord]? in
            var records: [RawRecord] = []
            var crc: UInt32 = 0
            var rest = body
            while !rest.isEmpty {
                guard let record = RawRecord(rest), record.id == frame.firstID.advanced(by: records.count) else {
                    return nil
                }
                crc = Checksum.crc32(UnsafeRawBufferPointer(rebasing: rest[..<4]), from: crc)
                records.append(record)
                rest = UnsafeRawBufferPointer(rebasing: rest[record.bytes...])
            }
            return crc == frame.bodyCRC && records.count == Int(frame.recordCount) ? records : nil
        }
        guard let records else { return false }
        reportDamage(upTo: frame.firstID)
        var offset = bodyOffset
        for record in records {
            add(record, at: offset)
            offset = offset + record.bytes
        }
        outcome.end = frame.end
        outcome.durableOffset = max(outcome.durableOffset, frame.durableOffset)
        outcome.lastRecordedAt = max(frame.recordedAt, outcome.lastRecordedAt ?? frame.recordedAt)
        if !records.isEmpty { outcome.lastFrameOffset = frame.offset }
        return true
    }

    /// Takes the whole records of a damaged frame whose header can be believed; the others are reported.
    private mutating func salvage(_ frame: FrameHeader) throws(LogError) {
        var offset = frame.offset + FrameHeader.bytes
        let end = offset + Int(frame.bodyBytes)
        while offset < end {
            let record = try window.with(at: offset, count: end - offset) { RawRecord($0) }
            guard let record, record.id >= outcome.nextID, record.id < frame.nextID else { break }
            reportDamage(upTo: record.id)
            add(record, at: offset)
            offset = offset + record.bytes
        }
        reportDamage(upTo: frame.nextID)
    }

    private mutating func add(_ record: RawRecord, at offset: FileOffset) {
        outcome.table.add(
            at: offset, bytes: record.bytes, id: record.id, time: record.time, recordedAt: record.recordedAt)
        outcome.nextID = record.id.next
    }

    private mutating func reportDamage(upTo id: RecordID) {
        guard outcome.nextID < id else { return }
        outcome.damage.append(outcome.nextID...RecordID(id.rawValue - 1))
        outcome.nextID = id
    }

    /// Every valid header behind `offset`, wherever it stands.
    private mutating func validHeaders(after offset: FileOffset) throws(LogError) -> [FrameHeader] {
        var found: [FrameHeader] = []
        var position = offset + FrameHeader.alignment
        while position.rawValue + UInt64(FrameHeader.bytes) <= capacity {
            let count = Int(min(UInt64(FileWindow.bytes), capacity - position.rawValue))
            let candidate = try window.with(at: position, count: count) { bytes -> Int? in
                var start = 0
                while start + FrameHeader.bytes <= bytes.count,
                    let match = memchr(bytes.baseAddress! + start, Int32(UInt8(ascii: "F")), bytes.count - start)
                {
                    let offset = UnsafeRawPointer(match) - bytes.baseAddress!
                    guard offset + FrameHeader.bytes <= bytes.count else { return nil }
                    if bytes.littleEndian(at: offset, as: UInt32.self) == FrameHeader.magic { return offset }
                    start = offset + 1
                }
                return nil
            }
            guard let candidate else {
                position = position + max(FrameHeader.alignment, (count - FrameHeader.bytes) & ~7)
                continue
            }
            let place = FrameHeader.aligned(position + candidate)
            if place == position + candidate, let header = try header(at: place) { found.append(header) }
            position = FrameHeader.aligned(position + candidate + 1)
        }
        return found
    }

    /// The bytes worth saving of a write that was cut off at `offset`: none where a clean end stands.
    private mutating func tornRange(at offset: FileOffset) throws(LogError) -> Range<FileOffset>? {
        guard offset.rawValue + UInt64(FrameHeader.bytes) <= capacity else { return nil }
        let clean = try window.with(at: offset, count: FrameHeader.bytes) { $0.allSatisfy { $0 == 0 } }
        if clean { return nil }
        // A header that can be believed says how long the write was to be. Otherwise save what a page and a half hold:
        // without a header no event in it was ever acknowledged or can be read.
        let length = try header(at: offset).map { $0.end - offset } ?? 6144
        return offset..<FileOffset(min(capacity, (offset + length).rawValue))
    }
}

/// A file read forward through a window, so that a scan costs few system calls and little memory.
private struct FileWindow {
    static let bytes = 1 << 20

    private let file: any DiskFile
    private var start = FileOffset(0)
    private var buffer: [UInt8] = []

    init(_ file: any DiskFile) {
        self.file = file
    }

    /// Gives `body` exactly `count` bytes; all lie within the file.
    mutating func with<Result>(
        at offset: FileOffset, count: Int, _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(LogError) -> Result {
        if offset < start || offset + count > start + buffer.count {
            start = offset
            buffer = try onDisk { () throws(DiskError) in
                let available = Int(try file.size() - offset.rawValue)
                guard let bytes = try file.bytes(at: offset, count: min(available, max(count, Self.bytes))),
                    bytes.count >= count
                else { throw DiskError(.read, path: file.path, errno: 0) }
                return bytes
            }
        }
        let first = offset - start
        return buffer.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[first..<first + count])) }
    }
}
