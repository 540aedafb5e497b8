// Owns: the only door to the file system, as a protocol. Everything above reads, writes, renames and syncs through it,
// so that a test can put a disk beneath it that loses what was not synced.
// Refuses to know: what the bytes mean.
//
// What is assumed of a disk, and of nothing else:
//
//   * Bytes are durable once `sync` of their file has returned; a name is durable once `syncDirectory` has.
//   * What was not synced may be there after a crash, or not, in any order, torn between 512-byte sectors. A sector is
//     written whole or not at all.
//   * A write never changes bytes outside its range, save by damage, which checksums find.
//   * After a failed sync nothing is known about the bytes that were not synced before it.

import Glibc

/// A position in a file, in bytes from its beginning.
package struct FileOffset: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package init(_ value: Int) {
        rawValue = UInt64(value)
    }

    package init(_ value: UInt32) {
        rawValue = UInt64(value)
    }

    package init(_ value: UInt64) {
        rawValue = value
    }

    package static func < (lhs: FileOffset, rhs: FileOffset) -> Bool {
        lhs.rawValue < rhs.rawValue
    }

    package static func + (lhs: FileOffset, bytes: Int) -> FileOffset {
        FileOffset(rawValue: lhs.rawValue + UInt64(bytes))
    }

    /// The bytes from `rhs` to `lhs`.
    package static func - (lhs: FileOffset, rhs: FileOffset) -> Int {
        Int(lhs.rawValue) - Int(rhs.rawValue)
    }

    package var description: String {
        String(rawValue)
    }
}

/// A file system, or what stands in for one. All paths are absolute; all methods may be called from any thread.
package protocol Disk: Sendable {
    /// The same disk, for which a path in `directory` leads into the directory that has this name now, whatever becomes of
    /// the name: one that was moved stays its owner's, and what takes its place is not touched.
    func anchored(at directory: String) throws(DiskError) -> any Disk
    /// Creates one directory; succeeds where it already is one. Durable only after the parent's `syncDirectory`.
    func createDirectory(_ path: String) throws(DiskError)
    /// The names in a directory, in no order, without `.` and `..`.
    func names(in directory: String) throws(DiskError) -> [String]
    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile
    /// Replaces `destination` where it exists. Durable only after `syncDirectory`.
    func rename(_ source: String, to destination: String) throws(DiskError)
    func remove(_ path: String) throws(DiskError)
    /// Makes the names in a directory durable: what was created, renamed or removed in it. A failure of this operation is
    /// final, as one of `DiskFile.sync` is; one of `open` says that the directory could not be opened, and nothing else.
    func syncDirectory(_ path: String) throws(DiskError)
    /// Creates the file where it is missing and locks it for as long as the returned value lives; nil where another
    /// process holds the lock.
    func lock(_ path: String) throws(DiskError) -> (any DiskLock)?
    /// The same for a file that must be there, without changing anything, a read-only file system's included.
    func lockExisting(_ path: String) throws(DiskError) -> (any DiskLock)?
    /// The same for a directory that must be there, which is not changed either: its owner stays its owner, whatever
    /// becomes of the names in it.
    func lockDirectory(_ path: String) throws(DiskError) -> (any DiskLock)?
    /// Bytes that can still be written to the file system that holds `path`.
    func freeBytes(at path: String) throws(DiskError) -> UInt64
}

/// How a file is opened. Only a regular file is: what a disk has stored is never anything else, and to open a pipe may
/// never end. Neither is a link followed, save by `readLinked`.
package enum OpenMode: Sendable {
    case read
    /// As `read`, for a file that somebody else has put there, and may have put there by a link to it.
    case readLinked
    case readWrite
    /// Fails with EEXIST where the file exists.
    case createNew
    /// Truncates where the file exists.
    case createOrTruncate

    package var isReadOnly: Bool {
        switch self {
        case .read, .readLinked: true
        case .readWrite, .createNew, .createOrTruncate: false
        }
    }
}

/// An open file, closed when its last reference goes. Reads may run concurrently with each other and with a write to
/// other bytes.
package protocol DiskFile: AnyObject, Sendable {
    var path: String { get }
    func size() throws(DiskError) -> UInt64
    /// Whether its path still leads to the file. Of what is written to one that was removed, renamed or replaced the next
    /// opening finds nothing there.
    func isInPlace() throws(DiskError) -> Bool
    /// One read of the system: puts bytes from `offset` on at the beginning of `buffer` and returns how many. They may be
    /// fewer than asked; none only where nothing was asked or the file ends at or before `offset`.
    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: FileOffset) throws(DiskError) -> Int
    /// One write of the system: writes the pieces, one after the other, from `offset` on, and returns how many bytes of
    /// them. They may be fewer than asked. A throw leaves an unknown part of them written.
    func writeSome(_ pieces: [UnsafeRawBufferPointer], at offset: FileOffset) throws(DiskError) -> Int
    /// Grows the file to `bytes`, which read as zeros, with room on the disk: a later write within them finds space. Unlike
    /// zeros that were written, the room makes the first sync of each part of it slow.
    func reserve(_ bytes: UInt64) throws(DiskError)
    /// Has the next read of these bytes come from the medium, not from memory, as far as the system allows. Bytes that
    /// have not been synced stay where they are.
    func forget(at offset: FileOffset, count: Int)
    /// Has the medium begin to read these bytes into memory, and does not wait for them. Where it cannot, the next read does.
    func expect(at offset: FileOffset, count: Int)
    /// `fdatasync`: on return all bytes written before are durable. A failure is final: it must not be retried.
    func sync() throws(DiskError)
}

/// A held lock; released when its last reference goes.
package protocol DiskLock: AnyObject, Sendable {}

extension Disk {
    /// What stands in for a disk has no directory that somebody could move.
    package func anchored(at directory: String) -> any Disk { self }
}

extension DiskFile {
    /// What stands in for a file has no memory between itself and its medium.
    package func forget(at offset: FileOffset, count: Int) {}

    package func expect(at offset: FileOffset, count: Int) {}

    /// Fills `buffer` from `offset` on; returns fewer bytes than asked only at the end of the file.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: FileOffset) throws(DiskError) -> Int {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = try readSome(into: rest, at: offset + done)
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Writes all the pieces, one after the other, from `offset` on. A throw leaves an unknown part of them written.
    package func write(_ pieces: [UnsafeRawBufferPointer], at offset: FileOffset) throws(DiskError) {
        var rest = pieces.filter { !$0.isEmpty }[...]
        var position = offset
        while !rest.isEmpty {
            var written = try writeSome(Array(rest), at: position)
            // No system may say so; were one to, waiting for it to do better would be for ever.
            guard written > 0 else { throw DiskError(.write, path: path, errno: EIO) }
            position = position + written
            while let first = rest.first, written >= first.count {
                written -= first.count
                rest.removeFirst()
            }
            if written > 0, let first = rest.first {
                rest[rest.startIndex] = UnsafeRawBufferPointer(rebasing: first[written...])
            }
        }
    }

    /// Reads exactly `count` bytes; nil where the file ends before.
    package func bytes(at offset: FileOffset, count: Int) throws(DiskError) -> [UInt8]? {
        let bytes = try prefix(at: offset, count: count)
        return bytes.count == count ? bytes : nil
    }

    /// Reads `count` bytes, or as many as the file has from there on.
    package func prefix(at offset: FileOffset, count: Int) throws(DiskError) -> [UInt8] {
        var failure: DiskError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(DiskError) {
                initialized = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Reads exactly `count` bytes to the end of `bytes`; false, and nothing is there, where the file ends before.
    package func append(_ count: Int, at offset: FileOffset, to bytes: inout [UInt8]) throws(DiskError) -> Bool {
        let start = bytes.count
        var (read, failure): (Int, DiskError?) = (0, nil)
        bytes.append(contentsOf: repeatElement(0, count: count))
        bytes.withUnsafeMutableBytes { buffer in
            do throws(DiskError) {
                read = try self.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[start...]), at: offset)
            } catch {
                failure = error
            }
        }
        if failure == nil, read == count { return true }
        bytes.removeLast(count)
        if let failure { throw failure }
        return false
    }

    package func write(_ bytes: [UInt8], at offset: FileOffset) throws(DiskError) {
        var failure: DiskError?
        bytes.withUnsafeBytes { buffer in
            do throws(DiskError) {
                try write([buffer], at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}

extension Disk {
    package func lockExisting(_ path: String) throws(DiskError) -> (any DiskLock)? {
        _ = try open(path, .read)
        return try lock(path)
    }

    /// All bytes of a file.
    package func contents(of path: String) throws(DiskError) -> [UInt8] {
        guard let bytes = try contents(of: path, limit: .max) else {
            preconditionFailure("no file is longer than an integer can say")
        }
        return bytes
    }

    /// All bytes of a file; nil where they are more than `limit`, and then none is read.
    package func contents(
        of path: String,
        limit: Int,
        _ mode: OpenMode = .read
    ) throws(DiskError) -> [UInt8]? {
        let file = try open(path, mode)
        let size = try file.size()
        guard size <= UInt64(limit) else { return nil }
        guard let bytes = try file.bytes(at: FileOffset(0), count: Int(size)) else {
            throw DiskError(.read, path: path, errno: 0)
        }
        return bytes
    }

    /// Puts a whole file in place so that a crash leaves the old one or the new one, never a mix: temporary name, sync,
    /// rename, directory sync.
    package func replaceFile(_ name: String, in directory: String, with bytes: [UInt8]) throws(DiskError) {
        let temporary = "\(directory)/\(name).tmp"
        let file = try open(temporary, .createOrTruncate)
        try file.write(bytes, at: FileOffset(0))
        try file.sync()
        try rename(temporary, to: "\(directory)/\(name)")
        try syncDirectory(directory)
    }
}
