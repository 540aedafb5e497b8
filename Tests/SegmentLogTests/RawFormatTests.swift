// Owns: the layouts of a raw segment: header, frame, record. What is written is read back, and a flip of any bit of it is
// found.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct RawFormatTests {
    private static let identity = SegmentIdentity(
        store: UniqueID(bytes: Array(0..<16)),
        segment: UniqueID(bytes: Array(16..<32))
    )

    @Test func `Numbers of every size survive varint and zigzag`() {
        let values = (0..<64).flatMap { [UInt64(1) << UInt64($0), (UInt64(1) << UInt64($0)) - 1] } + [.max]
        var bytes: [UInt8] = []
        for value in values {
            bytes.appendVarint(value)
            bytes.appendZigzag(Int64(bitPattern: value))
        }
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            for value in values {
                #expect(reader.varint() == value)
                #expect(reader.zigzag() == Int64(bitPattern: value))
            }
            #expect(reader.remaining == 0 && !reader.failed)
        }
    }

    @Test(arguments: [[], [0x80], [UInt8](repeating: 0xFF, count: 11)] as [[UInt8]])
    func `A varint that does not end fails, and so does all that follows`(bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            #expect(reader.varint() == 0 && reader.failed)
            #expect(reader.littleEndian(UInt8.self) == 0 && reader.take(0).isEmpty && reader.failed)
        }
    }

    @Test func `A count beyond what is left fails before memory is taken for it`() {
        var bytes: [UInt8] = []
        bytes.appendVarint(1 << 40)
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            #expect(reader.count() == 0 && reader.failed)
        }
    }

    @Test(arguments: FileHeader.Kind.allCases)
    func `A file header is read back, and no flip of it is`(kind: FileHeader.Kind) throws {
        let header = FileHeader(
            kind: kind,
            identity: Self.identity,
            base: RecordID(77),
            fileBytes: kind == .sealed ? 0 : 65_536,
            createdAt: RecordTime(-5),
            origin: UniqueID(bytes: Array(32..<48)),
            predecessor: Predecessor(segment: UniqueID(bytes: Array(48..<64)), lastID: RecordID(76)),
            features: FeatureBits(mustWrite: 1 << 31, mayIgnore: 7)
        )
        let disk = SimulatedDisk()
        try disk.open("/f", .createNew).write(header.encoded(), at: FileOffset(0))
        let file = try disk.open("/f", .read)
        #expect(try FileHeader.read(file, kind: kind, store: Self.identity.store) == header)
        for bit in 0..<FileHeader.bytes * 8 {
            disk.flip(bit: bit % 8, at: bit / 8, of: "/f")
            #expect(try FileHeader.read(file, kind: kind, store: Self.identity.store) == nil, "bit \(bit)")
            disk.flip(bit: bit % 8, at: bit / 8, of: "/f")
        }
    }

    @Test func `A frame header is read back at its place in its segment, and nowhere else`() {
        let offset = FileOffset(8_192)
        let frame = FrameHeader(
            offset: offset,
            durableOffset: offset,
            firstID: RecordID(5),
            recordedAt: RecordTime(-3),
            recordCount: 2,
            bodyBytes: 99,
            bodyCRC: 0xDEAD_BEEF
        )
        let seed = Self.identity.seed
        var bytes = frame.encoded(Self.identity)
        func read(_ offset: FileOffset, _ seed: UInt32) -> FrameHeader? {
            bytes.withUnsafeBytes { FrameHeader($0, at: offset, seed: seed) }
        }
        #expect(read(offset, seed) == frame)
        #expect(frame.end.rawValue == 8_352 && frame.nextID == RecordID(7))
        #expect(read(offset + 8, seed) == nil)
        #expect(read(offset, seed ^ 1) == nil)
        for bit in 0..<FrameHeader.bytes * 8 {
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(read(offset, seed) == nil, "bit \(bit)")
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
    }

    @Test func `A record is stamped, read back, and no flip of it is`() throws {
        let test = TestRecord(time: nil, keys: ["a", "bcd", ""].map { "k" + $0 }, payload: noise(90, seed: 1))
        let buffer = RecordBuffer([test])
        _ = buffer.stamp(
            0..<buffer.byteCount,
            firstID: RecordID(9),
            recordedAt: RecordTime(45),
            clock: RecordTime(44),
            from: 0
        )
        var bytes = buffer.withBytes(0..<buffer.byteCount) { Array($0) }
        let record = try #require(bytes.withUnsafeBytes { RawRecord($0) })
        #expect(record.id == RecordID(9) && record.time == RecordTime(44) && record.recordedAt == RecordTime(45))
        #expect(record.bytes == bytes.count)
        for bit in 0..<bytes.count * 8 {
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(bytes.withUnsafeBytes { RawRecord($0) } == nil, "bit \(bit)")
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
    }

    @Test func `A body gives its keys and its payload, and a malformed one gives none`() {
        let buffer = RecordBuffer([TestRecord(keys: ["one", "t"], payload: [1, 2])])
        let body = buffer.withBytes(RecordFormat.headerBytes..<buffer.byteCount) { Array($0) }
        var keys: [[UInt8]] = []
        let payload = body.withUnsafeBytes { bytes in
            RecordBody.forEachKey(of: bytes) { key in
                keys.append(Array(key))
                return true
            }
        }
        #expect(keys == [Array("one".utf8), Array("t".utf8)] && payload.map { Array(body[$0]) } == [1, 2])
        for count in 0..<body.count - 2 {
            #expect(body[..<count].withUnsafeBytes { RecordBody.forEachKey(of: $0) { _ in true } } == nil)
        }
    }

    @Test func `The longest key and the most keys are possible`() throws {
        let record = TestRecord(keys: (0..<255).map { "\($0)" + String(repeating: "x", count: 150) })
        let (log, writer, _) = try openLog(SimulatedDisk())
        var longest = record
        longest.keys = [String(repeating: "k", count: 256)]
        let written = try writer.commit([record], at: 1) + writer.commit([longest], at: 2)
        #expect(try log.view.records() == written)
        let key = KeyExpression(alternatives: [[[Array(longest.keys[0].utf8)]]])
        #expect(try log.view.records(LogQuery(keys: key)) == [written[1]])
    }
}
