// Owns: the two tiny segments that the page on the format dumps and takes apart, as production code writes them.

import Disk
import DiskSimulation
import FaultSimulation

@testable import SegmentLog

enum PageExample {
    static let store = UniqueID(bytes: Array(0x00...0x0F))

    static let records = [
        TestRecord(
            time: 1_700_000_000_000_000_000,
            keys: ["corder", "aorder-001", "tcreated"],
            payload: [0] + Array(#"{"total":42}"#.utf8)
        ),
        TestRecord(keys: ["corder", "aorder-001", "tpaid"], payload: [0] + Array("{}".utf8)),
    ]
    static let recordedAt = RecordTime(1_700_000_000_500_000_000)

    /// A raw segment with one frame of one record; what lies between header and frame is zero, or the copy.
    static func rawSegment() throws -> [UInt8] {
        let header = FileHeader(
            kind: .raw,
            identity: SegmentIdentity(store: store, segment: UniqueID(bytes: Array(0x10...0x1F))),
            base: RecordID(1)
        )
        let buffer = RecordBuffer([records[0]])
        let range = 0..<buffer.byteCount
        let crc = buffer.stamp(range, firstID: RecordID(1), recordedAt: recordedAt, from: 0)
        let frame = FrameHeader(
            offset: FrameHeader.firstOffset,
            durableOffset: FrameHeader.firstOffset,
            firstID: RecordID(1),
            recordedAt: recordedAt,
            recordCount: 1,
            bodyBytes: UInt32(range.count),
            bodyCRC: crc
        )
        let disk = SimulatedDisk()
        let file = try disk.open("/raw", .createNew)
        try file.write(header.encoded(), at: FileOffset(0))
        try file.write(header.encoded(), at: FileHeader.copyOffset)
        try file.write(frame.encoded(header.identity), at: frame.offset)
        try file.write(buffer.withBytes(range) { Array($0) }, at: frame.offset + FrameHeader.bytes)
        try file.write([UInt8](repeating: 0, count: FrameHeader.bytes), at: frame.end)
        return try disk.contents(of: "/raw")
    }

    /// A sealed segment of both records.
    static func sealedSegment() throws -> [UInt8] {
        let (log, writer, _) = try openLog(SimulatedDisk())
        try writer.commit(records, at: recordedAt.rawValue)
        var scan = LogScan(log.view, LogQuery())
        let header = FileHeader(
            kind: .sealed,
            identity: SegmentIdentity(store: store, segment: UniqueID(bytes: Array(0x20...0x2F))),
            base: RecordID(1)
        )
        let disk = SimulatedDisk()
        var sealed = try SealedWriter(
            try disk.open("/sealed", .createNew),
            header: header,
            covering: ClosedRange(1, 2),
            level: 6,
            blockBytes: 64 << 10
        )
        for record in try scan.next() ?? [] { try sealed.add(record) }
        try sealed.finish()
        return try disk.contents(of: "/sealed")
    }
}
