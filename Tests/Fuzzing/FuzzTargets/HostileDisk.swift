// Owns: a disk in memory whose files hold what a target has put there. It never fails and never forgets: what is tried
// on it is what the bytes do.

import Disk
import Glibc

/// `@unchecked Sendable` because a target runs in one thread and makes a disk of its own for each input.
final class HostileDisk: Disk, @unchecked Sendable {
    fileprivate var files: [String: DiskContent] = [:]
    private var directories: Set<String> = ["/"]
    private var locks: Set<String> = []

    /// How often anything was changed.
    fileprivate(set) var changes = 0

    /// The same files once more, as they are now.
    func copy() -> HostileDisk {
        let copy = HostileDisk()
        copy.directories = directories
        for (path, file) in files { copy.files[path] = DiskContent(copy, path, file.content) }
        return copy
    }

    subscript(path: String) -> [UInt8]? {
        get { files[path]?.content }
        set { files[path] = newValue.map { DiskContent(self, path, $0) } }
    }

    func createDirectory(_ path: String) {
        changes += directories.insert(path).inserted ? 1 : 0
    }

    func names(in directory: String) throws(DiskError) -> [String] {
        guard directories.contains(directory) else { throw DiskError(.list, path: directory, errno: ENOENT) }
        return (Array(files.keys) + directories).filter { $0.hasPrefix(directory + "/") }
            .map { String($0.dropFirst(directory.utf8.count + 1)) }.filter { !$0.contains("/") }
    }

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        switch (files[path], mode) {
        case (_?, .createNew): throw DiskError(.open, path: path, errno: EEXIST)
        case (let file?, .read), (let file?, .readLinked), (let file?, .readWrite): return file
        case (nil, .read), (nil, .readLinked), (nil, .readWrite): throw DiskError(.open, path: path, errno: ENOENT)
        case (_, .createNew), (_, .createOrTruncate):
            changes += 1
            let file = DiskContent(self, path, [])
            files[path] = file
            return file
        }
    }

    func rename(_ source: String, to destination: String) throws(DiskError) {
        guard let file = files.removeValue(forKey: source) else {
            throw DiskError(.rename, path: source, errno: ENOENT)
        }
        changes += 1
        file.path = destination
        files[destination] = file
    }

    func remove(_ path: String) throws(DiskError) {
        guard files.removeValue(forKey: path) != nil else { throw DiskError(.remove, path: path, errno: ENOENT) }
        changes += 1
    }

    func syncDirectory(_ path: String) {}

    func lock(_ path: String) throws(DiskError) -> (any DiskLock)? { HostileLock() }

    func lockDirectory(_ path: String) throws(DiskError) -> (any DiskLock)? { HostileLock() }

    func freeBytes(at path: String) throws(DiskError) -> UInt64 { 1 << 40 }
}

/// `@unchecked Sendable` because it is its disk's.
private final class DiskContent: DiskFile, @unchecked Sendable {
    /// Goes with a rename: there is one of these for all who have the file open.
    fileprivate(set) var path: String
    fileprivate var content: [UInt8]
    private unowned let disk: HostileDisk

    init(_ disk: HostileDisk, _ path: String, _ content: [UInt8]) {
        self.disk = disk
        self.path = path
        self.content = content
    }

    func size() -> UInt64 { UInt64(content.count) }

    func isInPlace() -> Bool { disk.files.values.contains { $0 === self } }

    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: FileOffset) -> Int {
        let start = min(Int(clamping: offset.rawValue), content.count)
        let count = min(buffer.count, content.count - start)
        content.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<start + count])) }
        return count
    }

    func writeSome(_ pieces: [UnsafeRawBufferPointer], at offset: FileOffset) -> Int {
        disk.changes += 1
        var position = Int(offset.rawValue)
        for piece in pieces {
            let end = position + piece.count
            if end > content.count { content += [UInt8](repeating: 0, count: end - content.count) }
            content.withUnsafeMutableBytes {
                UnsafeMutableRawBufferPointer(rebasing: $0[position..<end]).copyMemory(from: piece)
            }
            position = end
        }
        return position - Int(offset.rawValue)
    }

    func reserve(_ bytes: UInt64) {
        disk.changes += 1
        if content.count < Int(bytes) { content += [UInt8](repeating: 0, count: Int(bytes) - content.count) }
    }

    func sync() {}
}

private final class HostileLock: DiskLock {}
