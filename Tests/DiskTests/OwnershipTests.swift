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
        // Under its old name there may be another file, while it has a new one.
        try disk.replaceFile("c", in: test.root, with: [1])
        #expect(try !moved.isInPlace())
    }

    @Test func `An anchored disk stays in its directory, whatever becomes of the name`() throws {
        let test = DiskUnderTest.both[0]
        let root = test.path("store")
        try test.disk.createDirectory(root)
        let anchored = try test.disk.anchored(at: root)
        try #require(anchored is PosixDisk)
        try anchored.createDirectory(root + "/log")
        let file = try anchored.open(root + "/log/a", .createNew)
        try test.disk.rename(root, to: test.path("moved"))
        try test.disk.createDirectory(root)
        #expect(try file.isInPlace())
        try anchored.rename(root + "/log/a", to: root + "/log/b")
        try anchored.open(root + "/log/c", .createNew).write([1], at: FileOffset(0))
        try anchored.remove(root + "/log/b")
        try anchored.syncDirectory(root + "/log")
        try anchored.syncDirectory(root)
        #expect(try anchored.names(in: root + "/log") == ["c"] && anchored.freeBytes(at: root + "/log") > 0)
        #expect(try test.disk.names(in: test.path("moved/log")) == ["c"])
        #expect(try test.disk.names(in: root) == [])
        // Outside of it paths are what they are.
        try anchored.open(test.path("d"), .createNew).sync()
        #expect(try test.disk.names(in: test.root).contains("d"))
        #expect(try test.disk.lockDirectory(test.path("moved")) != nil)
        let held = try anchored.lockDirectory(root)
        #expect(try test.disk.lockDirectory(test.path("moved")) == nil && test.disk.lockDirectory(root) != nil)
        withExtendedLifetime(held) {}
    }

    @Test(arguments: DiskUnderTest.both) func `A directory that cannot be opened is not one whose sync has failed`(
        _ test: DiskUnderTest
    ) throws {
        let error = #expect(throws: DiskError.self) { try test.disk.syncDirectory(test.path("none")) }
        #expect(error?.operation == .open && error?.isMissing == true)
    }
}
