// Owns: the machine's disk, with two things that a test can switch: syncs of the active segment fail, or there is no
// space for new files.

import Disk
import Glibc
import Synchronization

/// Passes everything on to `PosixDisk` until told otherwise.
final class FaultyDisk: Disk {
    private let disk = PosixDisk()
    private let failsSyncs = Atomic(false)
    private let isFull = Atomic(false)

    /// Every sync of a segment that is being written fails with EIO from now on.
    func failSyncs() { failsSyncs.store(true, ordering: .sequentiallyConsistent) }
    /// New files cannot be made.
    func fillUp() { isFull.store(true, ordering: .sequentiallyConsistent) }
    func makeSpace() { isFull.store(false, ordering: .sequentiallyConsistent) }

    fileprivate func sync(_ file: any DiskFile) throws(DiskError) {
        if failsSyncs.load(ordering: .sequentiallyConsistent), file.path.hasSuffix(".active") {
            throw DiskError(.sync, path: file.path, errno: EIO)
        }
        try file.sync()
    }

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        if mode.isReadOnly { return try disk.open(path, mode) }
        if case .readWrite = mode { return FaultyFile(try disk.open(path, mode), self) }
        if isFull.load(ordering: .sequentiallyConsistent) { throw DiskError(.open, path: path, errno: ENOSPC) }
        return FaultyFile(try disk.open(path, mode), self)
    }

    func createDirectory(_ path: String) throws(DiskError) { try disk.createDirectory(path) }
    func names(in directory: String) throws(DiskError) -> [String] { try disk.names(in: directory) }
    func rename(_ source: String, to destination: String) throws(DiskError) { try disk.rename(source, to: destination) }
    func remove(_ path: String) throws(DiskError) { try disk.remove(path) }
    func syncDirectory(_ path: String) throws(DiskError) { try disk.syncDirectory(path) }
    func lock(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lock(path) }
    func lockDirectory(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lockDirectory(path) }
    func freeBytes(at path: String) throws(DiskError) -> UInt64 {
        isFull.load(ordering: .sequentiallyConsistent) ? 0 : try disk.freeBytes(at: path)
    }
}

private final class FaultyFile: DiskFile {
    private let file: any DiskFile
    private let disk: FaultyDisk

    init(_ file: any DiskFile, _ disk: FaultyDisk) {
        self.file = file
        self.disk = disk
    }

    var path: String { file.path }
    func size() throws(DiskError) -> UInt64 { try file.size() }
    func isInPlace() throws(DiskError) -> Bool { try file.isInPlace() }
    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: FileOffset) throws(DiskError) -> Int {
        try file.readSome(into: buffer, at: offset)
    }
    func writeSome(_ pieces: [UnsafeRawBufferPointer], at offset: FileOffset) throws(DiskError) -> Int {
        try file.writeSome(pieces, at: offset)
    }
    func reserve(_ bytes: UInt64) throws(DiskError) { try file.reserve(bytes) }
    func sync() throws(DiskError) { try disk.sync(file) }
}
