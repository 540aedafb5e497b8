// Owns: the two tiny segments and the manifest that the page on the format dumps and takes apart, as production code writes
// them.

import Disk
import DiskSimulation
import FaultSimulation

@testable import SegmentLog

enum PageExample {
    static let store = UniqueID(bytes: Array(0x00...0x0F))
    static let raw = UniqueID(bytes: Array(0x10...0x1F))
    static let created = RecordTime(1_700_000_000_000_000_000)
    static let fileBytes: UInt64 = 16 << 10

    static let records = [
        TestRecord(
            time: 1_700_000_000_000_000_000,
            keys: ["corder", "aorder-001", "tcreated"],
            payload: [0] + Array(#"{"total":42}"#.utf8)
        ),
        TestRecord(keys: ["corder", "aorder-001", "tpaid"], payload: [0] + Array("{}".utf8)),
    ]
    static let recordedAt = RecordTime(1_700_000_000_500_000_000)
    static let control = ControlRecord(
        sequence: 1,
        position: RecordID(1),
        recordedAt: recordedAt,
        subject: Array("subject".utf8),
        payload: Array("word".utf8)
    )

    /// A closed raw segment with one frame, of one record and a control record.
    static func rawSegment() throws -> [UInt8] {
        let header = FileHeader(
            kind: .raw,
            identity: SegmentIdentity(store: store, segment: raw),
            base: RecordID(1),
            fileBytes: fileBytes,
            createdAt: created
        )
        let buffer = RecordBuffer([records[0]])
        let range = 0..<buffer.byteCount
        var crc = buffer.stamp(range, firstID: RecordID(1), recordedAt: recordedAt, clock: recordedAt, from: 0)
        let control = control.encoded()
        crc = Checksum.crc32(Array(control[..<4]), from: crc)
        let frame = FrameHeader(
            offset: FrameHeader.firstOffset,
            durableOffset: FrameHeader.firstOffset,
            firstID: RecordID(1),
            recordedAt: recordedAt,
            recordCount: 1,
            bodyBytes: UInt32(range.count + control.count),
            bodyCRC: crc,
            controlCount: 1
        )
        let trailer = RawTrailer(
            end: frame.end,
            firstID: RecordID(1),
            lastID: RecordID(1),
            recordCount: 1,
            controlCount: 1,
            recordBytes: UInt64(range.count),
            firstRecordedAt: recordedAt,
            lastRecordedAt: recordedAt,
            leastTime: created,
            greatestTime: created
        )
        let disk = SimulatedDisk()
        let file = try disk.open("/raw", .createNew)
        try file.reserve(fileBytes)
        try file.write(header.encoded(), at: FileOffset(0))
        try file.write(header.encoded(), at: FileHeader.copyOffset)
        try file.write(frame.encoded(header.identity), at: frame.offset)
        try file.write(buffer.withBytes(range) { Array($0) } + control, at: frame.offset + FrameHeader.bytes)
        try file.write(
            trailer.encoded(header.identity, fileBytes: fileBytes),
            at: RawTrailer.offset(in: fileBytes)
        )
        return try disk.contents(of: "/raw")
    }

    /// A sealed segment of both records, and the control record.
    static func sealedSegment() throws -> [UInt8] {
        let (log, writer, _) = try openLog(SimulatedDisk())
        try writer.commit(records, at: recordedAt.rawValue)
        var scan = LogScan(log.view, LogQuery())
        let header = FileHeader(
            kind: .sealed,
            identity: SegmentIdentity(store: store, segment: UniqueID(bytes: Array(0x20...0x2F))),
            base: RecordID(1),
            createdAt: created,
            origin: raw
        )
        let disk = SimulatedDisk()
        var sealed = try SealedWriter(
            try disk.open("/sealed", .createNew),
            header: header,
            covering: ClosedRange(1, 2),
            level: 6,
            blockBytes: 64 << 10
        )
        var keys = Postings()
        for record in try scan.next() ?? [] {
            let place = try sealed.add(record)
            record.withBody { keys.add($0, block: place) }
        }
        _ = try sealed.finish(keys, controls: [control])
        return try disk.contents(of: "/sealed")
    }

    /// The manifest while the raw segment was in use, behind its frame.
    static func manifest() -> [UInt8] {
        let entry = ManifestEntry(
            state: .inUse,
            tail: RecordID(1),
            recordedAt: recordedAt,
            segment: raw,
            base: RecordID(1),
            fileBytes: fileBytes,
            durableOffset: FileOffset(0x20B0),
            controlSequence: 1
        )
        return Manifest.file(entry, store: store, sequence: 7)
    }
}
