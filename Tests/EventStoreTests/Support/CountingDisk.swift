// Owns: the machine's disk, and how often it has been read from, by whoever only reads.

import Disk
import Synchronization

/// Passes everything on to `PosixDisk`.
final class CountingDisk: Disk {
    private let disk = PosixDisk()
    private let count = Atomic(0)

    /// Of files that were opened for reading alone, as sealed segments are.
    var reads: Int { count.load(ordering: .relaxed) }

    fileprivate func note() { count.add(1, ordering: .relaxed) }

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        let file = try disk.open(path, mode)
        return mode.isReadOnly ? CountedFile(file, self) : file
    }

    func createDirectory(_ path: String) throws(DiskError) { try disk.createDirectory(path) }
    func names(in directory: String) throws(DiskError) -> [String] { try disk.names(in: directory) }
    func rename(_ source: String, to destination: String) throws(DiskError) { try disk.rename(source, to: destination) }
    func remove(_ path: String) throws(DiskError) { try disk.remove(path) }
    func syncDirectory(_ path: String) throws(DiskError) { try disk.syncDirectory(path) }
    func lock(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lock(path) }
    func lockDirectory(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lockDirectory(path) }
    func freeBytes(at path: String) throws(DiskError) -> UInt64 { try disk.freeBytes(at: path) }
}

private final class CountedFile: DiskFile {
    private let file: any DiskFile
    private let disk: CountingDisk

    init(_ file: any DiskFile, _ disk: CountingDisk) {
        self.file = file
        self.disk = disk
    }

    var path: String { file.path }
    func size() throws(DiskError) -> UInt64 { try file.size() }
    func isInPlace() throws(DiskError) -> Bool { try file.isInPlace() }
    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: FileOffset) throws(DiskError) -> Int {
        disk.note()
        return try file.readSome(into: buffer, at: offset)
    }
    func writeSome(_ pieces: [UnsafeRawBufferPointer], at offset: FileOffset) throws(DiskError) -> Int {
        try file.writeSome(pieces, at: offset)
    }
    func reserve(_ bytes: UInt64) throws(DiskError) { try file.reserve(bytes) }
    func sync() throws(DiskError) { try file.sync() }
}
