// Owns: a disk that breaks one promise and keeps the others: the test of the tests. An exploration of crashes that finds
// nothing wrong with this disk would find nothing wrong with anything.

package import Disk

/// Passes every operation on to another disk, save one, which it claims to have done.
package struct BrokenPromiseDisk: Disk {
    package enum Promise: Sendable {
        /// `DiskFile.sync` makes bytes durable.
        case sync
        /// `syncDirectory` makes names durable.
        case syncDirectory
    }

    private let disk: any Disk
    private let broken: Promise

    package init(_ disk: any Disk, breaks promise: Promise) {
        self.disk = disk
        broken = promise
    }

    package func createDirectory(_ path: String) throws(DiskError) { try disk.createDirectory(path) }
    package func names(in directory: String) throws(DiskError) -> [String] { try disk.names(in: directory) }
    package func rename(_ source: String, to destination: String) throws(DiskError) {
        try disk.rename(source, to: destination)
    }
    package func remove(_ path: String) throws(DiskError) { try disk.remove(path) }
    package func lock(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lock(path) }
    package func lockDirectory(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lockDirectory(path) }
    package func freeBytes(at path: String) throws(DiskError) -> UInt64 { try disk.freeBytes(at: path) }

    package func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        let file = try disk.open(path, mode)
        return broken == .sync ? ForgetfulFile(file) : file
    }

    package func syncDirectory(_ path: String) throws(DiskError) {
        if broken != .syncDirectory { try disk.syncDirectory(path) }
    }
}

private final class ForgetfulFile: DiskFile {
    private let file: any DiskFile

    init(_ file: any DiskFile) {
        self.file = file
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
    func sync() {}
}
