// Owns: what the simulated disk does that a real one does too seldom to test with: losing, tearing, forgetting, failing.

import Disk
import DiskSimulation
import Testing

@Suite struct SimulatedDiskTests {
    private static let seeds: Range<UInt64> = 0..<200

    /// What different seeds make of the same disk.
    private static func outcomes(_ disk: SimulatedDisk) -> Set<[String: [UInt8]?]> {
        Set(
            seeds.map { seed in
                let copy = disk.copy()
                copy.restart(seed: seed)
                return copy.image.filter { $0.key.hasPrefix("/r/") }
            }
        )
    }

    @Test func `What was synced survives every crash, and the same seed makes the same crash`() throws {
        let disk = SimulatedDisk(directory: "/r")
        try disk.replaceFile("f", in: "/r", with: [1, 2, 3])
        #expect(Self.outcomes(disk) == [["/r/f": [1, 2, 3]]])
        try disk.open("/r/f", .readWrite).write([UInt8](repeating: 7, count: 5_000), at: FileOffset(0))
        for seed in Self.seeds {
            let copies = [disk.copy(), disk.copy()]
            for copy in copies { copy.restart(seed: seed) }
            #expect(copies[0].image == copies[1].image)
        }
    }

    @Test func `A write that was not synced is lost, kept, or torn between sectors, and nowhere else`() throws {
        let disk = SimulatedDisk(directory: "/r")
        try disk.replaceFile("f", in: "/r", with: [UInt8](repeating: 1, count: 2_048))
        let file = try disk.open("/r/f", .readWrite)
        try file.write([UInt8](repeating: 2, count: 1_536), at: FileOffset(256))
        let bytes = Self.outcomes(disk).compactMap { $0["/r/f"] ?? nil }
        #expect(bytes.contains([UInt8](repeating: 1, count: 2_048)))
        let whole = [UInt8](repeating: 1, count: 256) + [UInt8](repeating: 2, count: 1_536)
        #expect(bytes.contains(whole + [UInt8](repeating: 1, count: 256)))
        #expect(bytes.count == 16)
        for outcome in bytes {
            #expect(outcome.count == 2_048)
            for sector in 0..<4 {
                let written = max(256, sector * 512)..<min(1_792, (sector + 1) * 512)
                #expect(Set(outcome[written]).count == 1)
            }
        }
    }

    @Test func `Of two writes to a sector the first may be what is left`() throws {
        let disk = SimulatedDisk(directory: "/r")
        try disk.replaceFile("f", in: "/r", with: [0])
        let file = try disk.open("/r/f", .readWrite)
        try file.write([1], at: FileOffset(0))
        try file.write([2], at: FileOffset(0))
        #expect(Self.outcomes(disk) == [["/r/f": [0]], ["/r/f": [1]], ["/r/f": [2]]])
    }

    @Test func `A file that grew may have its old size, or zeros at its end`() throws {
        let disk = SimulatedDisk(directory: "/r")
        try disk.replaceFile("f", in: "/r", with: [5])
        try disk.open("/r/f", .readWrite).write([6], at: FileOffset(600))
        let zeros = [5] + [UInt8](repeating: 0, count: 600)
        #expect(Self.outcomes(disk) == [["/r/f": [5]], ["/r/f": zeros], ["/r/f": zeros.dropLast() + [6]]])
    }

    @Test func `A file that grew in steps may have any of its sizes`() throws {
        let disk = SimulatedDisk(directory: "/r")
        try disk.replaceFile("f", in: "/r", with: [])
        let file = try disk.open("/r/f", .readWrite)
        for size in [100, 700, 1_300] { try file.write([1], at: FileOffset(size - 1)) }
        let sizes = Set(Self.outcomes(disk).map { ($0["/r/f"] ?? nil)?.count })
        #expect(sizes == [0, 100, 700, 1_300])
    }

    @Test func `A truncated file may have its old bytes back`() throws {
        let disk = SimulatedDisk(directory: "/r")
        try disk.replaceFile("f", in: "/r", with: [5])
        _ = try disk.open("/r/f", .createOrTruncate)
        #expect(Self.outcomes(disk) == [["/r/f": [5]], ["/r/f": []]])
    }

    @Test func `A name that was not synced may be there or not; a rename has happened or not`() throws {
        let disk = SimulatedDisk(directory: "/r")
        try disk.replaceFile("old", in: "/r", with: [1])
        try disk.rename("/r/old", to: "/r/new")
        #expect(Self.outcomes(disk) == [["/r/old": [1]], ["/r/new": [1]]])
        try disk.syncDirectory("/r")
        #expect(Self.outcomes(disk) == [["/r/new": [1]]])
        try disk.remove("/r/new")
        #expect(Self.outcomes(disk) == [["/r/new": [1]], [:]])
        try disk.syncDirectory("/r")
        let file = try disk.open("/r/other", .createNew)
        try file.write([1], at: FileOffset(0))
        try file.sync()
        #expect(Self.outcomes(disk) == [["/r/other": [1]], [:]])
    }

    @Test func `Changes to different names persist in any combination, a directory before what is in it`() throws {
        let disk = SimulatedDisk(directory: "/r")
        try disk.createDirectory("/r/d")
        for name in ["/r/a", "/r/d/b"] { try disk.open(name, .createNew).sync() }
        let names = Set(Self.outcomes(disk).map { $0.keys.sorted() })
        #expect(names == [[], ["/r/a"], ["/r/d"], ["/r/a", "/r/d"], ["/r/d", "/r/d/b"], ["/r/a", "/r/d", "/r/d/b"]])
    }

    @Test func `From the crash on everything fails, until the restart; what was open stays dead`() throws {
        let disk = SimulatedDisk(directory: "/r")
        let file = try disk.open("/r/f", .createNew)
        let lock = try disk.lock("/r/LOCK")
        disk.crash(atOperation: disk.operations + 2)
        try file.write([1], at: FileOffset(0))
        for _ in 1...2 {
            let error = #expect(throws: DiskError.self) { try file.sync() }
            #expect(error?.isCrash == true)
        }
        #expect(throws: DiskError.self) { try disk.names(in: "/r") }
        disk.restart(seed: 0)
        #expect(throws: DiskError.self) { try file.size() }
        #expect(try disk.lock("/r/LOCK") != nil)
        _ = lock
    }

    @Test func `Every operation counts, and any can fail`() throws {
        let disk = SimulatedDisk(directory: "/r")
        let before = disk.operations
        try disk.replaceFile("f", in: "/r", with: [1])
        #expect(disk.operations - before == 5)
        for step in 1...5 {
            disk.fail(operation: disk.operations + step)
            #expect(throws: DiskError.self) { try disk.replaceFile("f", in: "/r", with: [2]) }
        }
        try disk.replaceFile("f", in: "/r", with: [3])
        #expect(try disk.contents(of: "/r/f") == [3])
    }

    @Test(arguments: [true, false]) func `A failed sync loses what was not synced, or some of it, for good`(
        isCacheKept: Bool
    ) throws {
        var durable: Set<[UInt8]> = []
        for seed in Self.seeds {
            let disk = SimulatedDisk(directory: "/r", seed: seed)
            try disk.replaceFile("f", in: "/r", with: [1])
            let file = try disk.open("/r/f", .readWrite)
            if isCacheKept { disk.keepCacheAfterFailedSync() }
            disk.failNext(.sync)
            try file.write([2], at: FileOffset(0))
            #expect(throws: DiskError.self) { try file.sync() }
            let seen = try file.bytes(at: FileOffset(0), count: 1)
            // The next sync says yes and has nothing to write.
            try file.sync()
            let process = disk.copy()
            process.restartProcess()
            #expect(try process.contents(of: "/r/f") == seen)
            disk.restart(seed: seed)
            let left = try disk.contents(of: "/r/f")
            #expect(isCacheKept ? seen == [2] : seen == left)
            durable.insert(left)
        }
        #expect(durable == [[1], [2]])
    }

    @Test func `On a full disk nothing grows, and what is there can be written again`() throws {
        let disk = SimulatedDisk(directory: "/r")
        try disk.replaceFile("f", in: "/r", with: [1, 2])
        let file = try disk.open("/r/f", .readWrite)
        disk.fillUp()
        try file.write([3], at: FileOffset(1))
        try file.sync()
        for attempt in [
            { try file.write([4], at: FileOffset(2)) }, { try file.reserve(3) },
            { _ = try disk.open("/r/g", .createNew) },
            { try disk.createDirectory("/r/d") },
        ] as [() throws -> Void] {
            #expect(#expect(throws: DiskError.self) { try attempt() }?.isNoSpace == true)
        }
        #expect(try disk.freeBytes(at: "/") == 0)
        disk.makeSpace()
        try file.write([4], at: FileOffset(2))
        #expect(try disk.contents(of: "/r/f") == [1, 3, 4])
    }

    @Test func `A flipped bit stays flipped, also across a crash`() throws {
        let disk = SimulatedDisk(directory: "/r")
        try disk.replaceFile("f", in: "/r", with: [0, 0])
        disk.flip(bit: 3, at: 1, of: "/r/f")
        #expect(try disk.contents(of: "/r/f") == [0, 8])
        #expect(Self.outcomes(disk) == [["/r/f": [0, 8]]])
    }

    @Test func `A disk that breaks a promise keeps all the others`() throws {
        let outcomes: [BrokenPromiseDisk.Promise: Set<[String: [UInt8]?]>] = [
            .sync: [["/r/f": []], ["/r/f": [0]], ["/r/f": [1]]],
            .syncDirectory: [[:], ["/r/f.tmp": [1]], ["/r/f": [1]]],
        ]
        for (promise, expected) in outcomes {
            let disk = SimulatedDisk(directory: "/r")
            try BrokenPromiseDisk(disk, breaks: promise).replaceFile("f", in: "/r", with: [1])
            #expect(Self.outcomes(disk) == expected)
        }
    }
}
