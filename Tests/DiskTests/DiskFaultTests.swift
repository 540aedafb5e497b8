// Owns: the faults of the simulated disk that are not crashes: damage, bad sectors, writes that go astray, a small disk,
// short transfers, slow syncs.

import Disk
import DiskSimulation
import Glibc
import Testing

@Suite struct DiskFaultTests {
    private static func bytes(_ count: Int, of byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: count) }

    /// A synced file of four sectors, each full of its own number.
    private static func disk(seed: UInt64 = 0) throws -> (disk: SimulatedDisk, file: any DiskFile) {
        let disk = SimulatedDisk(directory: "/r", seed: seed)
        try disk.replaceFile("f", in: "/r", with: (1...4).flatMap { bytes(512, of: $0) })
        return (disk, try disk.open("/r/f", .readWrite))
    }

    @Test func `A bad sector fails every read that touches it, until all of it is written anew`() throws {
        let (disk, file) = try Self.disk()
        disk.makeUnreadable(600..<601, of: "/r/f")
        for _ in 1...2 {
            let error = #expect(throws: DiskError.self) { try disk.contents(of: "/r/f") }
            #expect(error?.operation == .read && error?.errno == EIO)
            disk.restart(seed: 0)
        }
        let again = try disk.open("/r/f", .readWrite)
        #expect(try again.bytes(at: FileOffset(0), count: 512) == Self.bytes(512, of: 1))
        #expect(try again.bytes(at: FileOffset(1_024), count: 1_024)?.first == 3)
        // A part of a sector can only be written by reading the rest.
        #expect(#expect(throws: DiskError.self) { try again.write([9], at: FileOffset(700)) }?.operation == .write)
        try again.write(Self.bytes(512, of: 9), at: FileOffset(512))
        #expect(try again.bytes(at: FileOffset(512), count: 512) == Self.bytes(512, of: 9))
        _ = file
    }

    @Test func `A write that goes astray leaves its own place as it was, and nobody is told`() throws {
        let (disk, file) = try Self.disk()
        try disk.replaceFile("g", in: "/r", with: Self.bytes(512, of: 7))
        disk.misdirectWrite(fromOperation: disk.operations + 2, to: "/r/g", at: 256)
        try file.write([5], at: FileOffset(0))
        try file.write([6], at: FileOffset(1))
        try file.write([8], at: FileOffset(2))
        #expect(try file.bytes(at: FileOffset(0), count: 3) == [5, 1, 8])
        #expect(try disk.contents(of: "/r/g") == Self.bytes(256, of: 7) + [6] + Self.bytes(255, of: 7))
        #expect(disk.misdirections == 1)
    }

    @Test func `A misplaced piece of a file stands elsewhere, across every crash`() throws {
        let (disk, _) = try Self.disk()
        disk.misplace(0..<512, of: "/r/f", to: "/r/f", at: 1_536)
        disk.restart(seed: 1)
        #expect(try disk.contents(of: "/r/f").suffix(513) == [3] + Self.bytes(512, of: 1))
    }

    @Test func `A small disk tells what is free, fills up in the middle of a write, and gets its room back`() throws {
        let disk = SimulatedDisk(directory: "/r", capacity: 1_000)
        let file = try disk.open("/r/f", .createNew)
        try file.write(Self.bytes(600, of: 1), at: FileOffset(0))
        #expect(try disk.freeBytes(at: "/r") == 400)
        let full = #expect(throws: DiskError.self) { try file.write(Self.bytes(500, of: 2), at: FileOffset(600)) }
        #expect(full?.isNoSpace == true)
        #expect(try file.size() == 1_000 && disk.freeBytes(at: "/r") == 0)
        // What is there can be written again.
        try file.write(Self.bytes(500, of: 3), at: FileOffset(500))
        #expect(#expect(throws: DiskError.self) { try disk.open("/r/g", .createNew) }?.isNoSpace == true)
        #expect(#expect(throws: DiskError.self) { try file.reserve(1_001) }?.isNoSpace == true)
        // An open file keeps its room when its name is gone.
        try disk.remove("/r/f")
        #expect(try disk.freeBytes(at: "/r") == 0)
        #expect(try file.size() == 1_000)
        withExtendedLifetime(file) {}
        disk.restart(seed: 0)
        if try disk.names(in: "/r") != [] { _ = try disk.open("/r/f", .createOrTruncate) }
        #expect(try disk.freeBytes(at: "/r") == 1_000)
    }

    @Test func `Short transfers move what they say, and whoever asks for all gets all`() throws {
        var moved: Set<Int> = []
        for seed in UInt64(0)..<40 {
            let (disk, file) = try Self.disk(seed: seed)
            disk.moveLessThanAsked()
            let piece = Self.bytes(100, of: 8)
            moved.insert(try piece.withUnsafeBytes { try file.writeSome([$0], at: FileOffset(0)) })
            try file.write(Self.bytes(1_000, of: 9), at: FileOffset(512))
            #expect(try file.bytes(at: FileOffset(512), count: 1_000) == Self.bytes(1_000, of: 9))
        }
        #expect(moved.count > 10 && moved.contains(100) && !moved.contains(0))
    }

    @Test func `A write that is cut off, or fails, has written some of it`() throws {
        for isCrash in [true, false] {
            var written: Set<Int> = []
            for seed in UInt64(0)..<60 {
                let (disk, file) = try Self.disk(seed: seed)
                if isCrash { disk.crash(atOperation: disk.operations + 1) } else { disk.failNext(.write, errno: EFBIG) }
                let error = #expect(throws: DiskError.self) {
                    try file.write(Self.bytes(512, of: 9), at: FileOffset(0))
                }
                #expect(error?.isCrash == isCrash && (isCrash || error?.errno == EFBIG))
                disk.restartProcess()
                let bytes = try disk.contents(of: "/r/f")
                let count = bytes.prefix { $0 == 9 }.count
                #expect(bytes[count..<512].allSatisfy { $0 == 1 })
                written.insert(count)
            }
            #expect(written.count > 10 && written.contains(512))
        }
    }

    @Test func `Slow syncs drive the disk's own clock, and nobody waits`() throws {
        let (disk, file) = try Self.disk()
        try file.sync()
        #expect(disk.nanoseconds == 0)
        disk.slowDownSyncs(toNanoseconds: 3_000_000_000)
        try file.sync()
        try file.sync()
        #expect(disk.nanoseconds == 6_000_000_000)
        disk.liftFaults()
        try file.sync()
        #expect(disk.nanoseconds == 6_000_000_000)
    }

    @Test func `What was made to fail is counted`() throws {
        let (disk, file) = try Self.disk()
        disk.failNext(.sync)
        #expect(throws: DiskError.self) { try file.sync() }
        disk.fail(operation: disk.operations + 1, errno: EDQUOT)
        #expect(#expect(throws: DiskError.self) { try file.size() }?.isNoSpace == true)
        #expect(disk.failures == [.sync, .status])
    }
}
