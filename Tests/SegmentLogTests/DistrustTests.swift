// Owns: what the log does not take for granted: that what it writes is what it meant to write, that what it has read once
// reads the same again, and that a file is what its name says.

import Disk
import DiskSimulation
import FaultSimulation
import Glibc
import Synchronization
import Testing

@testable import SegmentLog

@Suite struct DistrustTests {
    private static let first = storeDirectory.sealed(RecordID(1))

    /// Two sealed segments of two records, and an active one of one.
    private static func disk() throws -> (disk: SimulatedDisk, result: [TestRecord]) {
        try diskWithLog { log, writer in
            var records: [TestRecord] = []
            for part in 0..<2 {
                records += try writer.commit(
                    (0..<2).map { TestRecord(keys: ["k"], payload: noise(400, seed: 2 * part + $0)) },
                    at: 1
                )
                try writer.roll()
                _ = try log.sealOldest()
                _ = try log.replenishSpares()
            }
            records += try writer.commit([TestRecord(payload: [5])], at: 2)
            try writer.mark()
            return records
        }
    }

    @Test func `An output that is not what it should be never takes the place of its inputs`() throws {
        let (disk, records) = try Self.disk()
        let before = disk.logFiles
        // Every byte of the output in turn; its header is not compared, and says nothing that the footer does not say.
        let honest = disk.copy()
        _ = try openLog(honest).log.compact(.everything)
        let size = honest.bytes(Self.first).count
        for flipped in stride(from: FileHeader.bytes, to: size, by: 61) {
            let copy = disk.copy()
            let (log, _, _) = try openLog(LyingDisk(copy, flips: flipped))
            #expect(throws: LogError.self, "byte \(flipped)") { try log.compact(.everything) }
            #expect(copy.logFiles.filter { $0.hasSuffix(".segment") } == before.filter { $0.hasSuffix(".segment") })
            #expect(try log.view.records() == records, "byte \(flipped)")
        }
    }

    @Test func `A last frame that does not read the same twice is not moved, and its only copy stays`() throws {
        let (disk, _) = try diskWithLog { _, writer in
            try writer.commit([TestRecord(payload: noise(300, seed: 1))], at: 1)
        }
        let path = storeDirectory.active(RecordID(1))
        let before = disk.bytes(path)
        #expect(throws: LogError.self) { try openLog(LyingDisk(disk, changesLastRead: path)) }
        #expect(disk.bytes(path) == before)
        #expect(try openLog(disk).log.view.tail == RecordID(1))
    }

    @Test func `A leftover that is another store's is not removed, but refused`() throws {
        let (disk, _) = try Self.disk()
        let foreign = FileHeader(
            kind: .raw,
            identity: SegmentIdentity(store: .random(), segment: .random()),
            base: RecordID(2),
            fileBytes: 64 << 10
        )
        let file = try disk.open(storeDirectory.active(RecordID(2)), .createNew)
        try file.reserve(64 << 10)
        try file.write(foreign.encoded(), at: FileOffset(0))
        try file.write(foreign.encoded(), at: FileHeader.copyOffset)
        let before = disk.image
        #expect(throws: LogError.self) { try openLog(disk) }
        #expect(disk.image == before)
    }

    @Test func `What is put aside twice under one name is kept twice`() throws {
        let (disk, _) = try Self.disk()
        for round in 1...2 {
            let file = try disk.open(storeDirectory.sealed(RecordID(2)), .createNew)
            try file.write([UInt8](repeating: UInt8(round), count: 900), at: FileOffset(0))
            _ = try openLog(disk)
        }
        #expect(Set(disk.quarantine.values.map(\.first)) == [1, 2])
    }
}

/// A disk that writes, or reads, something else than it should.
private final class LyingDisk: Disk {
    private let disk: SimulatedDisk
    private let flipped: Int?
    private let unstable: String?

    /// Flips a bit of this byte of every temporary file, as it is written.
    init(_ disk: SimulatedDisk, flips offset: Int) {
        self.disk = disk
        flipped = offset
        unstable = nil
    }

    /// Gives the first bytes of a record another value once they have been read.
    init(_ disk: SimulatedDisk, changesLastRead path: String) {
        self.disk = disk
        flipped = nil
        unstable = path
    }

    func createDirectory(_ path: String) throws(DiskError) { try disk.createDirectory(path) }
    func names(in directory: String) throws(DiskError) -> [String] { try disk.names(in: directory) }
    func rename(_ source: String, to destination: String) throws(DiskError) { try disk.rename(source, to: destination) }
    func remove(_ path: String) throws(DiskError) { try disk.remove(path) }
    func syncDirectory(_ path: String) throws(DiskError) { try disk.syncDirectory(path) }
    func lock(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lock(path) }
    func lockDirectory(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lockDirectory(path) }
    func freeBytes(at path: String) throws(DiskError) -> UInt64 { try disk.freeBytes(at: path) }

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        let file = try disk.open(path, mode)
        if path.hasSuffix(".segment.tmp"), let flipped {
            return LyingFile(file, flips: flipped, isUnstable: false)
        }
        return path == unstable ? LyingFile(file, flips: nil, isUnstable: true) : file
    }
}

private final class LyingFile: DiskFile {
    private let file: any DiskFile
    private let flipped: Int?
    private let isUnstable: Bool
    private let hasBeenRead = Atomic(false)
    var path: String { file.path }

    init(_ file: any DiskFile, flips offset: Int?, isUnstable: Bool) {
        self.file = file
        flipped = offset
        self.isUnstable = isUnstable
    }

    func size() throws(DiskError) -> UInt64 { try file.size() }
    func isInPlace() throws(DiskError) -> Bool { try file.isInPlace() }

    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: FileOffset) throws(DiskError) -> Int {
        let count = try file.readSome(into: buffer, at: offset)
        // The scan reads from the first frame's header on, the move from its body on.
        let isBody = offset == FrameHeader.firstOffset + FrameHeader.bytes
        if isUnstable, isBody, count > 40 { buffer[40] ^= 1 }
        return count
    }

    func writeSome(_ pieces: [UnsafeRawBufferPointer], at offset: FileOffset) throws(DiskError) -> Int {
        var bytes = pieces.flatMap { Array($0) }
        if let flipped, offset <= FileOffset(flipped), FileOffset(flipped) < offset + bytes.count {
            bytes[FileOffset(flipped) - offset] ^= 1
        }
        try file.write(bytes, at: offset)
        return bytes.count
    }

    func reserve(_ bytes: UInt64) throws(DiskError) { try file.reserve(bytes) }
    func sync() throws(DiskError) { try file.sync() }
}
