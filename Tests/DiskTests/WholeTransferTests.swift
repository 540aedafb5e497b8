// Owns: that whoever asks for all bytes gets all of them, however few at a time the system hands over.

import Disk
import DiskSimulation
import Glibc
import Testing

/// A file that moves at most so many bytes a call, and counts the calls.
private final class HaltingFile: DiskFile {
    private let file: any DiskFile
    private let bytesPerCall: Int
    private(set) nonisolated(unsafe) var calls = 0  // because one test at a time holds the file

    init(_ file: any DiskFile, bytesPerCall: Int) {
        self.file = file
        self.bytesPerCall = bytesPerCall
    }

    var path: String { file.path }
    func size() throws(DiskError) -> UInt64 { try file.size() }
    func isInPlace() throws(DiskError) -> Bool { try file.isInPlace() }
    func reserve(_ bytes: UInt64) throws(DiskError) { try file.reserve(bytes) }
    func sync() throws(DiskError) { try file.sync() }

    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: FileOffset) throws(DiskError) -> Int {
        calls += 1
        return try file.readSome(into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(bytesPerCall)), at: offset)
    }

    func writeSome(_ pieces: [UnsafeRawBufferPointer], at offset: FileOffset) throws(DiskError) -> Int {
        calls += 1
        var rest = bytesPerCall
        let some = pieces.map { piece in
            defer { rest -= min(rest, piece.count) }
            return UnsafeRawBufferPointer(rebasing: piece.prefix(rest))
        }
        return bytesPerCall == 0 ? 0 : try file.writeSome(some, at: offset)
    }
}

@Suite struct WholeTransferTests {
    private static let bytes = (0..<40).map { UInt8($0) }

    private static func file(bytesPerCall: Int) throws -> HaltingFile {
        HaltingFile(try SimulatedDisk(directory: "/r").open("/r/f", .createNew), bytesPerCall: bytesPerCall)
    }

    private static func write(_ cuts: [Int], to file: HaltingFile) throws {
        try bytes.withUnsafeBytes { bytes in
            let pieces = zip([0] + cuts, cuts + [bytes.count]).map {
                UnsafeRawBufferPointer(rebasing: bytes[$0..<$1])
            }
            try file.write(pieces, at: FileOffset(5))
        }
    }

    @Test(arguments: [1, 3, 7, 40]) func `A write goes on until every byte of every piece is written`(
        bytesPerCall: Int
    ) throws {
        let file = try Self.file(bytesPerCall: bytesPerCall)
        try Self.write([0, 1, 1, 10, 30], to: file)
        #expect(file.calls == (40 + bytesPerCall - 1) / bytesPerCall)
        #expect(try file.bytes(at: FileOffset(0), count: 45) == [0, 0, 0, 0, 0] + Self.bytes)
    }

    @Test(arguments: [1, 3, 7, 40]) func `A read goes on until it has what was asked, or the file ends`(
        bytesPerCall: Int
    ) throws {
        let file = try Self.file(bytesPerCall: bytesPerCall)
        try Self.write([], to: file)
        #expect(try file.bytes(at: FileOffset(5), count: 40) == Self.bytes)
        #expect(try file.bytes(at: FileOffset(35), count: 10) == Array(Self.bytes.suffix(10)))
        var buffer = [UInt8](repeating: 99, count: 12)
        let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0, at: FileOffset(35)) }
        #expect(count == 10 && buffer == Self.bytes.suffix(10) + [99, 99])
    }

    @Test func `A system that writes nothing and says nothing is an error, not a wait`() throws {
        let file = try Self.file(bytesPerCall: 0)
        let error = #expect(throws: DiskError.self) { try Self.write([], to: file) }
        #expect(error?.operation == .write && error?.errno == EIO && file.calls == 1)
        // Nothing to write is nothing to wait for.
        try file.write([] as [UnsafeRawBufferPointer], at: FileOffset(0))
        try file.write([UnsafeRawBufferPointer(start: nil, count: 0)], at: FileOffset(0))
        #expect(file.calls == 1)
    }
}
