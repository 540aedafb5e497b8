// Owns: what a file costs that is far longer than anything was ever written to it: memory for a piece of it at a time, and
// each byte read a few times at most.

import Disk
import DiskSimulation
import Synchronization
import Testing

@testable import SegmentLog

@Suite struct HostileSizeTests {
    private static let header = FileHeader(
        kind: .raw,
        identity: SegmentIdentity(store: .random(), segment: .random()),
        base: RecordID(1)
    )

    private static func scan(_ file: SparseFile, nextBase: RecordID? = nil) throws -> TailScanner.Outcome {
        let header = FileHeader(
            kind: .raw,
            identity: header.identity,
            base: header.base,
            fileBytes: file.size() + UInt64(RawTrailer.pageBytes)
        )
        return try TailScanner.scan(file, header: header, nextBase: nextBase)
    }

    private static func record(_ id: UInt64, bodyBytes: Int) -> [UInt8] {
        var rest: [UInt8] = []
        rest.appendLittleEndian(UInt32(RecordFormat.headerBytes + bodyBytes))
        rest.appendLittleEndian(id)
        rest.appendLittleEndian(Int64(5))
        rest.appendLittleEndian(Int64(7))
        rest += [UInt8](repeating: 0, count: bodyBytes)
        var record: [UInt8] = []
        record.appendLittleEndian(Checksum.crc32(rest))
        return record + rest
    }

    /// The header of a frame.
    private static func frame(
        at offset: UInt64,
        durable: UInt64,
        first: UInt64,
        count: UInt32,
        bodyBytes: Int
    ) -> [UInt8] {
        FrameHeader(
            offset: FileOffset(offset),
            durableOffset: FileOffset(durable),
            firstID: RecordID(first),
            recordedAt: RecordTime(7),
            recordCount: count,
            bodyBytes: UInt32(bodyBytes),
            bodyCRC: 0
        ).encoded(header.identity)
    }

    private static func marker(at offset: UInt64, nextID: UInt64) -> [UInt8] {
        frame(at: offset, durable: offset, first: nextID, count: 0, bodyBytes: 0)
    }

    private static let first = FrameHeader.firstOffset.rawValue

    @Test func `Behind a damaged header records are taken one by one, and the file is never read at once`() throws {
        let size: UInt64 = 24 << 20
        let proof = size - 64
        let records = Self.record(1, bodyBytes: 100) + Self.record(2, bodyBytes: 3 << 20) + Self.record(3, bodyBytes: 1)
        let start = Self.first + UInt64(FrameHeader.bytes)
        let file = SparseFile(
            [(start, records), (proof, Self.marker(at: proof, nextID: 5))],
            size: size
        )
        let found = try Self.scan(file)
        #expect(found.table.offsets.count == 3)
        #expect(found.damage == [ClosedRange(4, 4)])
        #expect(file.reads.longest <= FileWindow.bytes)
    }

    @Test func `A record that claims all of a long file is found out, and the file is never read at once`() throws {
        let size: UInt64 = 24 << 20
        let proof = size - 64
        let start = Self.first + UInt64(FrameHeader.bytes)
        var claim = Self.record(1, bodyBytes: 100)
        claim.withUnsafeMutableBytes { $0.storeLittleEndian(UInt32(20 << 20), at: RecordFormat.lengthOffset) }
        let file = SparseFile([(start, claim), (proof, Self.marker(at: proof, nextID: 2))], size: size)
        let found = try Self.scan(file)
        #expect(found.damage == [ClosedRange(1, 1)] && found.table.offsets.isEmpty)
        #expect(file.reads.longest <= FileWindow.bytes)
    }

    @Test func `However many frames are damaged, each byte of a file is searched once for what proves them`() throws {
        let size: UInt64 = 4 << 20
        let proof = size - 64
        let count: UInt64 = 300
        var pieces = (0..<count).map { number in
            let offset = Self.first + number * 64
            return (offset, Self.frame(at: offset, durable: Self.first, first: number + 1, count: 1, bodyBytes: 8))
        }
        pieces.append((proof, Self.marker(at: proof, nextID: count + 1)))
        let file = SparseFile(pieces, size: size)
        let found = try Self.scan(file)
        #expect(found.nextID == RecordID(count + 1))
        #expect(RecordRanges.merged(found.damage) == [ClosedRange(1, count)])
        #expect(file.reads.total <= 3 * Int(size))
    }

    @Test func `What proves nothing for one place is not looked at again for the next`() throws {
        // Each frame is proved by another one far off, and by that alone.
        let size: UInt64 = 4 << 20
        let proofs = size - 64 << 10
        let count: UInt64 = 300
        let pieces = (0..<count).flatMap { number in
            let offset = Self.first + number * 64
            let proof = proofs + number * 64
            return [
                (offset, Self.frame(at: offset, durable: Self.first, first: number + 1, count: 1, bodyBytes: 8)),
                (proof, Self.frame(at: proof, durable: offset + 8, first: count + 1, count: 0, bodyBytes: 0)),
            ]
        }
        let file = SparseFile(pieces, size: size)
        let found = try Self.scan(file)
        #expect(found.nextID == RecordID(count + 1))
        #expect(RecordRanges.merged(found.damage) == [ClosedRange(1, count)])
        #expect(file.reads.total <= 3 * Int(size))
    }

    @Test func `Of a damaged frame that reaches into the next segment only the records before that are taken`() throws {
        let records = (1...4).map { Self.record($0, bodyBytes: 10) }
        let body = Array(records.joined())
        let header = Self.frame(at: Self.first, durable: Self.first, first: 1, count: 4, bodyBytes: body.count)
        let file = SparseFile([(Self.first, header + body)], size: 1 << 16)
        let found = try Self.scan(file, nextBase: RecordID(3))
        #expect(found.nextID == RecordID(3) && found.table.offsets.count == 2 && found.damage == [])
    }

    @Test func `A damaged frame has no more ids than there are before the one that proves it`() throws {
        let proof = Self.first + 64
        let frame = Self.frame(at: Self.first, durable: Self.first, first: 1, count: .max, bodyBytes: 8)
        let file = SparseFile([(Self.first, frame), (proof, Self.marker(at: proof, nextID: 3))], size: 1 << 16)
        let found = try Self.scan(file)
        #expect(found.damage == [ClosedRange(1, 2)] && found.nextID == RecordID(3))
    }

    @Test func `A store file that is too long is refused and not read`() throws {
        let (disk, _) = try diskWithLog { _, _ in }
        let path = "/store/" + StoreFile.name
        let file = try disk.open(path, .readWrite)
        try file.write([UInt8](repeating: 0x20, count: 5000), at: FileOffset(try file.size()))
        disk.makeUnreadable(0..<4096, of: path)
        let error = #expect(throws: LogError.self) { try openLog(disk) }
        #expect("\(try #require(error))".contains("longer than 4096 bytes"))
    }
}

/// A file of zeros, but for some pieces; it counts what is read.
private final class SparseFile: DiskFile {
    let path = "sparse"
    private let pieces: [(offset: UInt64, bytes: [UInt8])]
    private let bytes: UInt64
    private let counted = Mutex((longest: 0, total: 0))

    init(_ pieces: [(offset: UInt64, bytes: [UInt8])], size: UInt64) {
        self.pieces = pieces
        bytes = size
    }

    /// The bytes of the longest read, and of all.
    var reads: (longest: Int, total: Int) { counted.withLock { $0 } }

    func size() -> UInt64 { bytes }
    func isInPlace() -> Bool { true }

    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: FileOffset) -> Int {
        let count = min(buffer.count, Int(bytes - offset.rawValue))
        counted.withLock { $0 = (max($0.longest, count), $0.total + count) }
        let asked = offset.rawValue..<offset.rawValue + UInt64(count)
        UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]).initializeMemory(as: UInt8.self, repeating: 0)
        for piece in pieces {
            let common = asked.clamped(to: piece.offset..<piece.offset + UInt64(piece.bytes.count))
            guard !common.isEmpty else { continue }
            let target = Int(common.lowerBound - asked.lowerBound)
            let source = Int(common.lowerBound - piece.offset)
            UnsafeMutableRawBufferPointer(rebasing: buffer[target..<target + common.count])
                .copyBytes(from: piece.bytes[source..<source + common.count])
        }
        return count
    }

    func writeSome(_ pieces: [UnsafeRawBufferPointer], at offset: FileOffset) -> Int { fatalError("only read") }
    func reserve(_ bytes: UInt64) { fatalError("only read") }
    func sync() { fatalError("only read") }
}
