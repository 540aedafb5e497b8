// Owns: a simulated disk with somebody looking over its shoulder, who is told of each operation before it is done, and may
// have it fail.

import Disk
import DiskSimulation
import Synchronization

final class WatchedDisk: Disk {
    typealias Watcher = @Sendable (DiskError.Operation, String) throws(DiskError) -> Void

    let simulated: SimulatedDisk
    private let watcher = Mutex<Watcher?>(nil)
    private let reads = Mutex<[String: Int]>([:])
    private let expectations = Mutex<[(path: String, place: Range<UInt64>)]>([])

    init(_ simulated: SimulatedDisk) {
        self.simulated = simulated
    }

    /// From now on `watcher` is asked before each operation, with the path that it is about; nil to have nobody asked.
    func watch(_ watcher: Watcher?) {
        self.watcher.withLock { $0 = watcher }
    }

    /// Bytes that have been read of files with this ending.
    func bytesRead(of suffix: String) -> Int {
        reads.withLock { $0.filter { $0.key.hasSuffix(suffix) }.values.reduce(0, +) }
    }

    /// What the disk has been told to fetch, in order.
    var expected: [(path: String, place: Range<UInt64>)] { expectations.withLock { $0 } }

    fileprivate func noteExpected(_ place: Range<UInt64>, of path: String) {
        expectations.withLock { $0.append((path, place)) }
    }

    fileprivate func noteRead(_ bytes: Int, of path: String) {
        reads.withLock { $0[path, default: 0] += bytes }
    }

    /// Has the first operation of this kind on a path with this ending fail, as `reported` where that is another.
    func failOnce(
        _ operation: DiskError.Operation,
        of suffix: String,
        errno: Int32,
        as reported: DiskError.Operation? = nil
    ) {
        let fault = Fault()
        watch { found, path throws(DiskError) in
            guard found == operation, path.hasSuffix(suffix), fault.isDue() else { return }
            throw DiskError(reported ?? operation, path: path, errno: errno)
        }
    }

    fileprivate func tell(_ operation: DiskError.Operation, _ path: String) throws(DiskError) {
        guard let watcher = watcher.withLock({ $0 }) else { return }
        try watcher(operation, path)
    }

    func createDirectory(_ path: String) throws(DiskError) {
        try tell(.createDirectory, path)
        try simulated.createDirectory(path)
    }

    func names(in directory: String) throws(DiskError) -> [String] {
        try tell(.list, directory)
        return try simulated.names(in: directory)
    }

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        try tell(.open, path)
        return WatchedFile(try simulated.open(path, mode), self)
    }

    func rename(_ source: String, to destination: String) throws(DiskError) {
        try tell(.rename, source)
        try simulated.rename(source, to: destination)
    }

    func remove(_ path: String) throws(DiskError) {
        try tell(.remove, path)
        try simulated.remove(path)
    }

    func syncDirectory(_ path: String) throws(DiskError) {
        try tell(.syncDirectory, path)
        try simulated.syncDirectory(path)
    }

    func lock(_ path: String) throws(DiskError) -> (any DiskLock)? { try simulated.lock(path) }
    func lockDirectory(_ path: String) throws(DiskError) -> (any DiskLock)? { try simulated.lockDirectory(path) }
    func freeBytes(at path: String) throws(DiskError) -> UInt64 { try simulated.freeBytes(at: path) }
}

/// Something that happens once.
private final class Fault: Sendable {
    private let isDone = Atomic(false)
    func isDue() -> Bool { !isDone.exchange(true, ordering: .sequentiallyConsistent) }
}

private final class WatchedFile: DiskFile {
    private let file: any DiskFile
    private let disk: WatchedDisk
    var path: String { file.path }

    init(_ file: any DiskFile, _ disk: WatchedDisk) {
        self.file = file
        self.disk = disk
    }

    func size() throws(DiskError) -> UInt64 { try file.size() }
    func isInPlace() throws(DiskError) -> Bool { try file.isInPlace() }
    func forget(at offset: FileOffset, count: Int) { file.forget(at: offset, count: count) }

    func expect(at offset: FileOffset, count: Int) {
        disk.noteExpected(offset.rawValue..<(offset + count).rawValue, of: path)
        file.expect(at: offset, count: count)
    }

    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: FileOffset) throws(DiskError) -> Int {
        try disk.tell(.read, path)
        let bytes = try file.readSome(into: buffer, at: offset)
        disk.noteRead(bytes, of: path)
        return bytes
    }

    func writeSome(_ pieces: [UnsafeRawBufferPointer], at offset: FileOffset) throws(DiskError) -> Int {
        try disk.tell(.write, path)
        return try file.writeSome(pieces, at: offset)
    }

    func reserve(_ bytes: UInt64) throws(DiskError) {
        try disk.tell(.reserve, path)
        try file.reserve(bytes)
    }

    func sync() throws(DiskError) {
        try disk.tell(.sync, path)
        try file.sync()
    }
}
