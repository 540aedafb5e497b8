// Owns: a log in a temporary folder, filled with sample events; the folder goes when it does.

import Disk
import EventModel
import EventRecords
import EventStore
import EventWire
import Glibc
import SegmentLog

final class ScratchLog {
    /// As many as a raw segment of the smallest size holds of sample events, about.
    static let segmentEvents = 3072

    let log: SegmentLog
    let writer: LogWriter
    private let folder: String

    init(segmentBytes: Int = 1 << 20, cacheBytes: Int = LogOptions().cacheBytes, sealingLevel: Int = 1) throws {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/microbench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ScratchError.noFolder(errno) }
        folder = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        var options = LogOptions()
        options.segmentBytes = segmentBytes
        options.cacheBytes = cacheBytes
        options.sealingLevel = sealingLevel
        options.spareFiles = 0
        options.reserveFiles = 0
        options.recycledFiles = 0
        options.keepFreeBytes = 0
        (log, writer, _) = try SegmentLog.open(
            PosixDisk(),
            directory: LogDirectory(folder),
            options: options,
            now: RecordTime(1)
        )
    }

    deinit {
        Self.removeAll(folder)
    }

    private static func removeAll(_ path: String) {
        for name in (try? PosixDisk().names(in: path)) ?? [] { removeAll("\(path)/\(name)") }
        remove(path)
    }

    enum ScratchError: Error {
        case noFolder(Int32)
    }

    /// Commits the records as one frame.
    func commit(_ buffer: RecordBuffer) throws {
        try writer.reserve(byteCount: buffer.byteCount)
        var frame = CommitFrame(
            firstID: writer.nextID,
            recordedAt: RecordTime(log.lastRecordedAt.rawValue + 1_000_000)
        )
        frame.add(buffer, 0..<buffer.byteCount, records: buffer.recordCount)
        try writer.commit(frame)
    }

    /// Commits so many closed segments of events.
    func fill(segments: Int, withOptions: Bool = false) throws {
        for segment in 0..<segments {
            let first = segment * Self.segmentEvents
            try commit(RecordBuffer(Sample(events: Self.segmentEvents, from: first, withOptions: withOptions)))
            try writer.roll()
        }
    }

    /// The same, and seals them.
    func fillSealed(segments: Int, withOptions: Bool = false) throws {
        try fill(segments: segments, withOptions: withOptions)
        while try log.sealOldest() {}
    }
}

extension RecordBuffer {
    /// Stages the events of a sample as the server does.
    convenience init(_ sample: Sample) throws {
        self.init(capacity: sample.wire.count)
        var decoder = RESPDecoder()
        try sample.wire.withUnsafeBytes { wire in
            var consumed = 0
            while case .command(let arguments, let count) = try decoder.next(
                UnsafeRawBufferPointer(rebasing: wire[consumed...])
            ) {
                consumed += count
                append(try AppendRequest(arguments).event)
            }
        }
    }
}
