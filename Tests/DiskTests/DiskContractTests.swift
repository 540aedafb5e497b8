// Owns: what every disk promises, checked on the real one and on the simulated one alike: a simulation is worth what it
// has in common with the real thing.

import Disk
import DiskSimulation
import Glibc
import Testing

/// A disk with an empty directory on it.
struct DiskUnderTest: Sendable, CustomTestStringConvertible {
    let disk: any Disk
    let root: String
    private let temporary: TemporaryDirectory?
    let testDescription: String

    static var both: [DiskUnderTest] {
        let temporary = TemporaryDirectory()
        return [
            DiskUnderTest(disk: PosixDisk(), root: temporary.path, temporary: temporary, testDescription: "PosixDisk"),
            DiskUnderTest(
                disk: SimulatedDisk(directory: "/root"),
                root: "/root",
                temporary: nil,
                testDescription: "SimulatedDisk"
            ),
        ]
    }

    func path(_ name: String) -> String { "\(root)/\(name)" }
}

@Suite struct DiskContractTests {
    @Test(arguments: DiskUnderTest.both) func `A directory can be made twice, below a parent`(_ test: DiskUnderTest)
        throws
    {
        let disk = test.disk
        try disk.createDirectory(test.path("d"))
        try disk.createDirectory(test.path("d"))
        let missing = #expect(throws: DiskError.self) { try disk.createDirectory(test.path("none/d")) }
        #expect(missing?.isMissing == true)
        try disk.replaceFile("f", in: test.root, with: [1])
        let taken = #expect(throws: DiskError.self) { try disk.createDirectory(test.path("f")) }
        #expect(taken?.errno == ENOTDIR)
        #expect(try disk.names(in: test.root).sorted() == ["d", "f"])
        #expect(try disk.names(in: test.path("d")) == [])
        #expect(throws: DiskError.self) { try disk.names(in: test.path("none")) }
    }

    @Test(arguments: DiskUnderTest.both) func `Each mode opens what it says`(_ test: DiskUnderTest) throws {
        let (disk, path) = (test.disk, test.path("f"))
        for mode in [OpenMode.read, .readWrite] {
            #expect(#expect(throws: DiskError.self) { try disk.open(path, mode) }?.isMissing == true)
        }
        try disk.open(path, .createNew).write([1, 2, 3], at: FileOffset(0))
        #expect(#expect(throws: DiskError.self) { try disk.open(path, .createNew) }?.errno == EEXIST)
        #expect(try disk.open(path, .readWrite).size() == 3)
        #expect(throws: DiskError.self) { try disk.open(path, .read).write([9], at: FileOffset(0)) }
        #expect(try disk.contents(of: path) == [1, 2, 3])
        #expect(try disk.open(path, .createOrTruncate).size() == 0)
        #expect(try disk.open(path, .read).path == path)
    }

    @Test(arguments: DiskUnderTest.both) func `Pieces are written one after the other, however many`(
        _ test: DiskUnderTest
    ) throws {
        let file = try test.disk.open(test.path("f"), .createNew)
        let bytes = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try bytes.withUnsafeBytes { buffer in
            // More pieces than one system call takes, some of them empty.
            let pieces = (0..<2_500).map { UnsafeRawBufferPointer(rebasing: buffer[$0 * 2..<$0 * 2 + 2]) }
            let empty = UnsafeRawBufferPointer(start: nil, count: 0)
            try file.write([empty] + pieces[..<1_100] + [empty] + pieces[1_100...], at: FileOffset(10))
            try file.write([] as [UnsafeRawBufferPointer], at: FileOffset(0))
        }
        #expect(try file.bytes(at: FileOffset(10), count: 5_000) == bytes)
        #expect(try file.bytes(at: FileOffset(0), count: 10) == [UInt8](repeating: 0, count: 10))
        #expect(try file.size() == 5_010)
    }

    @Test(arguments: DiskUnderTest.both) func `A read ends where the file ends`(_ test: DiskUnderTest) throws {
        let file = try test.disk.open(test.path("f"), .createNew)
        try file.write([1, 2, 3, 4], at: FileOffset(0))
        var buffer = [UInt8](repeating: 9, count: 8)
        let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0, at: FileOffset(1)) }
        #expect(count == 3 && buffer == [2, 3, 4, 9, 9, 9, 9, 9])
        #expect(try file.bytes(at: FileOffset(1), count: 3) == [2, 3, 4])
        #expect(try file.bytes(at: FileOffset(1), count: 4) == nil)
        #expect(try file.bytes(at: FileOffset(100), count: 1) == nil)
        #expect(try file.bytes(at: FileOffset(4), count: 0) == [])
    }

    @Test(arguments: DiskUnderTest.both) func `Room that is reserved reads as zeros and takes nothing away`(
        _ test: DiskUnderTest
    ) throws {
        let file = try test.disk.open(test.path("f"), .createNew)
        try file.write([1, 2, 3], at: FileOffset(0))
        try file.reserve(6)
        #expect(try file.bytes(at: FileOffset(0), count: 6) == [1, 2, 3, 0, 0, 0])
        try file.reserve(2)
        #expect(try file.size() == 6)
        try file.sync()
    }

    @Test(arguments: DiskUnderTest.both) func `A rename replaces, and an open file outlives its name`(
        _ test: DiskUnderTest
    ) throws {
        let disk = test.disk
        try disk.replaceFile("a", in: test.root, with: [1])
        try disk.replaceFile("b", in: test.root, with: [2])
        let old = try disk.open(test.path("b"), .readWrite)
        try disk.rename(test.path("a"), to: test.path("b"))
        try disk.syncDirectory(test.root)
        #expect(try disk.names(in: test.root) == ["b"])
        #expect(try disk.contents(of: test.path("b")) == [1])
        try old.write([3], at: FileOffset(1))
        #expect(try old.bytes(at: FileOffset(0), count: 2) == [2, 3])
        let new = try disk.open(test.path("b"), .read)
        try disk.remove(test.path("b"))
        #expect(try new.bytes(at: FileOffset(0), count: 1) == [1])
        #expect(try disk.names(in: test.root) == [])
        #expect(#expect(throws: DiskError.self) { try disk.remove(test.path("b")) }?.isMissing == true)
        #expect(throws: DiskError.self) { try disk.rename(test.path("a"), to: test.path("c")) }
        #expect(throws: DiskError.self) { try disk.syncDirectory(test.path("none")) }
    }

    @Test(arguments: DiskUnderTest.both) func `A file is replaced as a whole`(_ test: DiskUnderTest) throws {
        for bytes: [UInt8] in [[1, 2, 3], [], [4]] {
            try test.disk.replaceFile("f", in: test.root, with: bytes)
            #expect(try test.disk.contents(of: test.path("f")) == bytes)
            #expect(try test.disk.names(in: test.root) == ["f"])
        }
    }

    @Test(arguments: DiskUnderTest.both) func `A lock is held by one at a time, and ends with its holder`(
        _ test: DiskUnderTest
    ) throws {
        let (disk, path) = (test.disk, test.path("LOCK"))
        var held = try disk.lock(path)
        #expect(held != nil)
        #expect(try disk.lock(path) == nil)
        held = nil
        #expect(try disk.lock(path) != nil)
        #expect(#expect(throws: DiskError.self) { try disk.lock(test.path("none/LOCK")) }?.isMissing == true)
    }

    @Test(arguments: DiskUnderTest.both) func `There is space, and errors say what failed where`(
        _ test: DiskUnderTest
    ) throws {
        #expect(try test.disk.freeBytes(at: test.root) > 0)
        let error = #expect(throws: DiskError.self) { try test.disk.open(test.path("f"), .read) }
        #expect(error?.description == "cannot open \(test.path("f")): No such file or directory")
    }
}
