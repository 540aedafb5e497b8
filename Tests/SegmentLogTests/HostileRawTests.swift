// Owns: raw segments that lie although every checksum is right: nothing is read that was not written, nothing that was
// read once is lost by recovery, and the log goes on.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct HostileRawTests {
    private static let path = storeDirectory.active(RecordID(1))

    /// Six frames of two records each, and a marker.
    private static func disk() throws -> (disk: SimulatedDisk, result: [TestRecord]) {
        try diskWithLog { _, writer in
            var records: [TestRecord] = []
            for number in 0..<6 {
                records += try writer.commit(
                    [TestRecord(keys: ["a\(number)"], payload: [1, 2]), TestRecord(keys: ["b"], payload: [3])],
                    at: Int64(number + 1)
                )
            }
            try writer.mark()
            return records
        }
    }

    /// A field of a frame's header or of its first record, by its place in the frame.
    private enum Field: Int, CaseIterable {
        case durableOffset = 16
        case firstID = 24
        case recordedAt = 32
        case recordCount = 40
        case bodyBytes = 44
        case recordLength = 60
        case recordID = 64
        case recordTime = 72
        case keyCount = 88
        case keyLength = 89

        var bytes: Int {
            switch self {
            case .recordCount, .bodyBytes, .recordLength: 4
            case .keyCount, .keyLength: 1
            default: 8
            }
        }
    }

    /// Puts a value into a field of a frame, and makes every checksum right again.
    private static func lie(_ field: Field, _ value: UInt64, in frame: FrameHeader, on disk: SimulatedDisk) throws {
        let file = try disk.open(path, .readWrite)
        let seed = try SegmentLog.header(of: file).identity.seed
        let length = FrameHeader.bytes + Int(frame.bodyBytes)
        var bytes = try #require(try file.bytes(at: frame.offset, count: length))
        withUnsafeBytes(of: value.littleEndian) {
            bytes.replaceSubrange(field.rawValue..<field.rawValue + field.bytes, with: $0.prefix(field.bytes))
        }
        var sum: UInt32 = 0
        var offset = FrameHeader.bytes
        while let found = bytes.withUnsafeBytes({ RawRecord.length(UnsafeRawBufferPointer(rebasing: $0[offset...])) }) {
            let crc = Checksum.crc32(Array(bytes[offset + 4..<offset + found]))
            bytes.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: offset) }
            sum = Checksum.crc32(Array(bytes[offset..<offset + 4]), from: sum)
            offset += found
        }
        bytes.withUnsafeMutableBytes { $0.storeLittleEndian(sum, at: 48) }
        let crc = Checksum.crc32(Array(bytes[8..<FrameHeader.bytes]), from: seed)
        bytes.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: 4) }
        try file.write(bytes, at: frame.offset)
        try file.sync()
    }

    @Test func `A frame that lies about anything gives no wrong record, and recovery loses nothing`() throws {
        let (disk, records) = try Self.disk()
        let frames = try frames(of: Self.path, on: disk)
        #expect(frames.count == 7)
        let values: [UInt64] = [0, 1, 31, 32, 33, 255, 1 << 16, 1 << 31, 1 << 32 - 1, 1 << 62, 1 << 63, .max - 1, .max]
        for field in Field.allCases {
            for value in values {
                for number in [0, 2, 5] {
                    let copy = disk.copy()
                    try Self.lie(field, value, in: frames[number], on: copy)
                    try Self.expectHonesty(copy, records, frames[number], field, "\(field) \(value) in frame \(number)")
                }
            }
        }
    }

    private static func expectHonesty(
        _ disk: SimulatedDisk,
        _ records: [TestRecord],
        _ frame: FrameHeader,
        _ field: Field,
        _ comment: Comment
    ) throws {
        let first = try openLog(disk)
        let found = try first.log.view.readingPastDamage()
        let own = frame.firstID.rawValue..<frame.nextID.rawValue
        // What another frame holds is right or lost; of this one, its records say what the liar has them say.
        let others = found.records.filter { !own.contains($0.id.rawValue) && $0.id <= RecordID(12) }
        #expect(others.allSatisfy { records.contains($0) }, comment)
        #expect(zip(found.records, found.records.dropFirst()).allSatisfy { $0.id < $1.id }, comment)
        let next = first.writer.nextID
        let new = try first.writer.commit([TestRecord(keys: ["new"])], at: .max)
        try first.writer.mark()
        let second = try openLog(disk.restartedProcess())
        let again = try second.log.view.readingPastDamage()
        #expect(again.records.last == new[0] && new[0].id == next, comment)
        #expect(Set(found.records).isSubset(of: again.records), comment)
        _ = try second.log.verify()
    }

    @Test func `A file whose name no log can have come to is not taken for a segment`() throws {
        let (disk, records) = try Self.disk()
        for name in ["00000000000000000000", "18446744073709551615", "09223372036854775807"] {
            for suffix in [".active", ".segment"] {
                let copy = disk.copy()
                let file = try copy.open("/store/log/\(name)\(suffix)", .createNew)
                try file.write([UInt8](repeating: 7, count: 9000), at: FileOffset(0))
                let (log, writer, _) = try openLog(copy)
                #expect(try log.view.records() == records, "\(name)\(suffix)")
                #expect(writer.nextID == RecordID(13), "\(name)\(suffix)")
                #expect(copy.bytes("/store/log/\(name)\(suffix)").count == 9000)
            }
        }
    }

    @Test func `A header that begins where no log can have come to is refused, and not a byte is written`() throws {
        let (disk, _) = try Self.disk()
        let file = try disk.open(Self.path, .readWrite)
        let header = try SegmentLog.header(of: file)
        for base in [RecordID.zero, .maximum, RecordID(1 << 63)] {
            let lie = FileHeader(
                kind: .raw,
                identity: header.identity,
                base: base,
                fileBytes: header.fileBytes
            ).encoded()
            try file.write(lie, at: FileOffset(0))
            try file.write(lie, at: FileHeader.copyOffset)
            let before = disk.image
            #expect(throws: LogError.self) { try openLog(disk) }
            #expect(disk.image == before)
        }
    }
}

extension SimulatedDisk {
    /// The disk as the next process finds it.
    fileprivate func restartedProcess() -> SimulatedDisk {
        restartProcess()
        return self
    }
}
