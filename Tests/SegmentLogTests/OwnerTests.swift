// Owns: that a store has one owner, whatever happens to the names in its directory meanwhile.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct OwnerTests {
    private static let inUse = LogError.inUse(path: storeDirectory.data)

    private func readOnly(_ disk: any Disk) throws {
        _ = try SegmentLog.openReadOnly(disk, directory: storeDirectory, options: .small)
    }

    @Test func `A store whose lock file was removed, or replaced, is not opened a second time`() throws {
        let disk = SimulatedDisk()
        let first = try openLog(disk)
        try first.writer.commit([TestRecord(keys: ["a"])], at: 1)
        try disk.remove(storeDirectory.lock)
        #expect(throws: Self.inUse) { try openLog(disk) }
        #expect(throws: Self.inUse) { try readOnly(disk) }
        // Who is refused leaves nothing behind that looks like an owner.
        #expect(disk.image[storeDirectory.lock] == nil)
        try disk.open(storeDirectory.lock, .createNew).sync()
        #expect(throws: Self.inUse) { try openLog(disk) }
        #expect(throws: Self.inUse) { try readOnly(disk) }
        #expect(try first.writer.commit([TestRecord(keys: ["b"])], at: 2)[0].id == RecordID(2))
    }

    @Test func `A reader alone keeps owners away, too, and lets go of the directory when it is done`() throws {
        let disk = try diskWithLog { _, writer in try writer.commit([TestRecord()], at: 1) }.disk
        for hasLockFile in [true, false] {
            if !hasLockFile { try disk.remove(storeDirectory.lock) }
            do {
                let reader = try SegmentLog.openReadOnly(disk, directory: storeDirectory, options: .small)
                #expect(throws: Self.inUse) { try openLog(disk) }
                _ = reader.log
            }
            try readOnly(disk)
        }
        #expect(try openLog(disk).log.view.tail == RecordID(1))
    }

    @Test func `Whoever holds the lock file alone, as versions before did, is an owner`() throws {
        let disk = try diskWithLog { _, writer in try writer.commit([TestRecord()], at: 1) }.disk
        let held = try disk.lock(storeDirectory.lock)
        #expect(throws: Self.inUse) { try openLog(disk) }
        #expect(throws: Self.inUse) { try readOnly(disk) }
        withExtendedLifetime(held) {}
        // What was refused holds nothing: the directory is free.
        #expect(try disk.lockDirectory(storeDirectory.data) != nil)
    }
}
