// Owns: what a disk promises about names that change under it: who holds a lock, and whether an open file still has a name.

import Disk
import DiskSimulation
import Glibc
import Testing

@Suite struct OwnershipTests {
    @Test(arguments: DiskUnderTest.both) func `A directory is locked by one at a time, and nothing is made in it`(
        _ test: DiskUnderTest
    ) throws {
        let (disk, path) = (test.disk, test.path("d"))
        #expect(#expect(throws: DiskError.self) { try disk.lockDirectory(path) }?.isMissing == true)
        try disk.createDirectory(path)
        var held = try disk.lockDirectory(path)
        #expect(held != nil)
        #expect(try disk.lockDirectory(path) == nil)
        #expect(try disk.names(in: path) == [])
        // What is in it has locks of its own.
        #expect(try disk.lock(path + "/LOCK") != nil)
        held = nil
        #expect(try disk.lockDirectory(path) != nil)
        let file = #expect(throws: DiskError.self) { try disk.lockDirectory(path + "/LOCK") }
        #expect(file?.operation == .lock && file?.errno == ENOTDIR)
    }

    @Test(arguments: DiskUnderTest.both) func `A lock is held on what had the name, not on the name`(
        _ test: DiskUnderTest
    ) throws {
        let (disk, path) = (test.disk, test.path("LOCK"))
        let held = try disk.lock(path)
        try disk.rename(path, to: test.path("moved"))
        #expect(try disk.lock(test.path("moved")) == nil)
        let second = try disk.lock(path)
        #expect(second != nil)
        withExtendedLifetime((held, second)) {}
    }

    @Test(arguments: DiskUnderTest.both) func `An open file says whether its path still leads to it`(
        _ test: DiskUnderTest
    )
        throws
    {
        let disk = test.disk
        let removed = try disk.open(test.path("a"), .createNew)
        let replaced = try disk.open(test.path("b"), .createNew)
        let moved = try disk.open(test.path("c"), .createNew)
        for file in [removed, replaced, moved] { #expect(try file.isInPlace()) }
        try disk.remove(test.path("a"))
        #expect(try !removed.isInPlace())
        // One of the name is not the one that had it.
        try disk.replaceFile("a", in: test.root, with: [1])
        #expect(try !removed.isInPlace())
        try disk.rename(test.path("c"), to: test.path("b"))
        #expect(try !replaced.isInPlace() && !moved.isInPlace())
    }

    @Test(arguments: DiskUnderTest.both) func `A directory that cannot be opened is not one whose sync has failed`(
        _ test: DiskUnderTest
    ) throws {
        let error = #expect(throws: DiskError.self) { try test.disk.syncDirectory(test.path("none")) }
        #expect(error?.operation == .open && error?.isMissing == true)
    }
}
