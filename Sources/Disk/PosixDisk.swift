// Owns: the disk of the running machine. System calls and EINTR end here.

import Glibc

extension DiskError {
    static func text(_ errno: Int32) -> String {
        String(cString: strerror(errno))
    }

    fileprivate init(_ operation: Operation, _ path: String) {
        self.init(operation, path: path, errno: Glibc.errno)
    }

    package var isNoSpace: Bool { errno == ENOSPC || errno == EDQUOT }
    package var isMissing: Bool { errno == ENOENT }
    package var isNotDirectory: Bool { errno == ENOTDIR }
    package var isDirectory: Bool { errno == EISDIR }
    /// Whether there is something of the name, but a folder, a link, a pipe, a socket or a device.
    package var isNotRegularFile: Bool { operation == .regularFile }
    /// Whether the process, or the system, has no more to open a file with. It says nothing about the file.
    package var isWantOfResources: Bool { [EMFILE, ENFILE, ENOMEM].contains(errno) }
    /// Whether a name is not to be had: a folder or somebody else's file stands there, or may not be replaced.
    package var isRefusedName: Bool {
        [EISDIR, ENOTDIR, EEXIST, ENOTEMPTY, EACCES, EPERM, EROFS, EBUSY, EXDEV, ENAMETOOLONG].contains(errno)
    }
    /// Whether a read failed because the medium, or the file system's own checksums, would not give the bytes back.
    package var isUnreadableMedium: Bool {
        operation == .read && [EIO, ENODATA, EBADMSG, EUCLEAN].contains(errno)
    }
}

/// The operating system's file system.
package struct PosixDisk: Disk {
    private let anchor: Anchor?

    package init() {
        anchor = nil
    }

    private init(_ anchor: Anchor) {
        self.anchor = anchor
    }

    package func anchored(at directory: String) throws(DiskError) -> any Disk {
        PosixDisk(Anchor(path: directory, descriptor: try directoryDescriptor(directory, .open)))
    }

    /// Where a path leads: a directory that is open, or that of the process, and the path from there.
    private func place(_ path: String) -> (directory: Int32, path: String) {
        guard let anchor else { return (AT_FDCWD, path) }
        if path == anchor.path { return (anchor.descriptor, ".") }
        guard path.hasPrefix(anchor.path + "/") else { return (AT_FDCWD, path) }
        return (anchor.descriptor, String(path.dropFirst(anchor.path.count + 1)))
    }

    private func directoryDescriptor(
        _ path: String,
        _ operation: DiskError.Operation
    ) throws(DiskError) -> Int32 {
        let place = place(path)
        let descriptor = openat(place.directory, place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw DiskError(operation, path) }
        return descriptor
    }

    /// What stands at a path; nil where nothing does, or `errno` says why nobody can tell.
    fileprivate func status(_ path: String, followingLinks: Bool) -> stat? {
        let place = place(path)
        var status = stat()
        let flags = followingLinks ? 0 : AT_SYMLINK_NOFOLLOW
        return fstatat(place.directory, place.path, &status, flags) == 0 ? status : nil
    }

    package func createDirectory(_ path: String) throws(DiskError) {
        let place = place(path)
        guard mkdirat(place.directory, place.path, 0o700) == 0 || errno == EEXIST else {
            throw DiskError(.createDirectory, path)
        }
        guard let status = status(path, followingLinks: true) else { throw DiskError(.status, path) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw DiskError(.createDirectory, path: path, errno: ENOTDIR)
        }
    }

    package func names(in directory: String) throws(DiskError) -> [String] {
        let descriptor = try directoryDescriptor(directory, .list)
        guard let stream = fdopendir(descriptor) else {
            close(descriptor)
            throw DiskError(.list, directory)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw DiskError(.list, directory) }
                return names
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
    }

    package func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        let flags =
            switch mode {
            case .read: O_RDONLY | O_NOFOLLOW
            case .readLinked: O_RDONLY
            case .readWrite: O_RDWR | O_NOFOLLOW
            case .createNew: O_RDWR | O_CREAT | O_EXCL
            case .createOrTruncate: O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW
            }
        return PosixFile(descriptor: try descriptor(path, flags, .open), path: path, disk: self)
    }

    /// Opens a regular file. Whatever else has the name is refused, and not waited for: without O_NONBLOCK, to open a pipe
    /// takes until somebody opens its other end.
    private func descriptor(
        _ path: String,
        _ flags: Int32,
        _ operation: DiskError.Operation
    ) throws(DiskError) -> Int32 {
        let place = place(path)
        let descriptor = openat(place.directory, place.path, flags | O_NONBLOCK | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let error = DiskError(operation, path)
            // These say that it is no regular file, but not that alone, and not always in the same words.
            guard [EISDIR, ELOOP, ENXIO].contains(error.errno),
                let status = status(path, followingLinks: flags & O_NOFOLLOW == 0),
                let kind = Self.irregular(status)
            else { throw error }
            throw DiskError(.regularFile, path: path, errno: kind)
        }
        do throws(DiskError) {
            var status = stat()
            guard fstat(descriptor, &status) == 0 else { throw DiskError(.status, path) }
            if let kind = Self.irregular(status) { throw DiskError(.regularFile, path: path, errno: kind) }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// The error that says best what stands in the place of a regular file; nil where it is one.
    private static func irregular(_ status: stat) -> Int32? {
        switch status.st_mode & S_IFMT {
        case S_IFREG: nil
        case S_IFDIR: EISDIR
        case S_IFLNK: ELOOP
        default: ENOTSUP
        }
    }

    package func rename(_ source: String, to destination: String) throws(DiskError) {
        let (from, to) = (place(source), place(destination))
        guard renameat(from.directory, from.path, to.directory, to.path) == 0 else {
            throw DiskError(.rename, source)
        }
    }

    package func remove(_ path: String) throws(DiskError) {
        let place = place(path)
        guard unlinkat(place.directory, place.path, 0) == 0 else { throw DiskError(.remove, path) }
    }

    package func syncDirectory(_ path: String) throws(DiskError) {
        let descriptor = try directoryDescriptor(path, .open)
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw DiskError(.syncDirectory, path) }
    }

    package func lock(_ path: String) throws(DiskError) -> (any DiskLock)? {
        try lock(try descriptor(path, O_RDWR | O_CREAT | O_NOFOLLOW, .lock), path)
    }

    package func lockExisting(_ path: String) throws(DiskError) -> (any DiskLock)? {
        try lock(try descriptor(path, O_RDONLY | O_NOFOLLOW, .lock), path)
    }

    package func lockDirectory(_ path: String) throws(DiskError) -> (any DiskLock)? {
        try lock(try directoryDescriptor(path, .lock), path)
    }

    /// Takes the descriptor over.
    private func lock(_ descriptor: Int32, _ path: String) throws(DiskError) -> (any DiskLock)? {
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let held = errno == EWOULDBLOCK
            let error = DiskError(.lock, path)
            close(descriptor)
            if held { return nil }
            throw error
        }
        return PosixLock(descriptor: descriptor)
    }

    package func freeBytes(at path: String) throws(DiskError) -> UInt64 {
        var status = statvfs()
        if let anchor, let device = self.status(path, followingLinks: true)?.st_dev,
            device == self.status(anchor.path, followingLinks: true)?.st_dev
        {
            // Without another descriptor: there may be none.
            guard fstatvfs(anchor.descriptor, &status) == 0 else { throw DiskError(.status, path) }
        } else {
            let descriptor = try directoryDescriptor(path, .status)
            defer { close(descriptor) }
            guard fstatvfs(descriptor, &status) == 0 else { throw DiskError(.status, path) }
        }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }
}

/// A directory by which the paths in it are found.
private final class Anchor: Sendable {
    let path: String
    let descriptor: Int32

    init(path: String, descriptor: Int32) {
        (self.path, self.descriptor) = (path, descriptor)
    }

    deinit {
        close(descriptor)
    }
}

private final class PosixLock: DiskLock {
    private let descriptor: Int32

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        // By its name: a child process between fork and exec holds the descriptor, too, and would keep the lock.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}

private final class PosixFile: DiskFile {
    private let descriptor: Int32
    let path: String
    private let disk: PosixDisk

    init(descriptor: Int32, path: String, disk: PosixDisk) {
        self.descriptor = descriptor
        self.path = path
        self.disk = disk
    }

    deinit {
        close(descriptor)
    }

    func size() throws(DiskError) -> UInt64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw DiskError(.status, path) }
        return UInt64(status.st_size)
    }

    func isInPlace() throws(DiskError) -> Bool {
        var opened = stat()
        guard fstat(descriptor, &opened) == 0 else { throw DiskError(.status, path) }
        guard let named = disk.status(path, followingLinks: false) else {
            if errno == ENOENT || errno == ENOTDIR { return false }
            throw DiskError(.status, path)
        }
        return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
    }

    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: FileOffset) throws(DiskError) -> Int {
        while true {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset.rawValue))
            if count >= 0 { return count }
            guard errno == EINTR else { throw DiskError(.read, path) }
        }
    }

    func writeSome(_ pieces: [UnsafeRawBufferPointer], at offset: FileOffset) throws(DiskError) -> Int {
        // The kernel takes at most IOV_MAX (1024) pieces a call.
        let vectors = pieces.prefix(1024).map {
            iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
        }
        while true {
            let count = pwritev(descriptor, vectors, Int32(vectors.count), off_t(offset.rawValue))
            if count >= 0 { return count }
            guard errno == EINTR else { throw DiskError(.write, path) }
        }
    }

    func reserve(_ bytes: UInt64) throws(DiskError) {
        while true {
            let status = posix_fallocate(descriptor, 0, off_t(bytes))
            if status == EINTR { continue }
            guard status == 0 else { throw DiskError(.reserve, path: path, errno: status) }
            return
        }
    }

    func forget(at offset: FileOffset, count: Int) {
        _ = posix_fadvise(descriptor, off_t(offset.rawValue), off_t(count), POSIX_FADV_DONTNEED)
    }

    func expect(at offset: FileOffset, count: Int) {
        _ = posix_fadvise(descriptor, off_t(offset.rawValue), off_t(count), POSIX_FADV_WILLNEED)
    }

    func sync() throws(DiskError) {
        // EINTR included: a sync that did not say yes has failed, and a second try may lie.
        guard fdatasync(descriptor) == 0 else { throw DiskError(.sync, path) }
    }
}
