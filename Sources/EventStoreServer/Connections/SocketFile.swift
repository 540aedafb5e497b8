// Owns: the socket's place in the file system: that a daemon takes it from nobody who lives, and gives up only what is its own.
//
// Whoever begins and whoever ends look at a name first, and remove it then. So that nobody else begins in between, both hold a
// lock meanwhile: on the folder itself, which leaves no file behind.

import Glibc

/// The file of a socket that a server has bound, known by its device and inode: the name may have come to be another's.
struct SocketFile: Sendable {
    private let path: String
    private let device: dev_t
    private let inode: ino_t

    /// Makes way for a socket at the path, and makes one that listens there, with that mode before anybody can connect. Removes
    /// the file of a server that is gone, and refuses to touch one that answers. The descriptor is the caller's.
    static func listen(
        at path: String,
        mode: UInt32,
        backlog: Int32
    ) throws(Server.StartError) -> (descriptor: Int32, file: SocketFile) {
        guard path.utf8.count <= ServerOptions.maximumPathBytes else {
            throw Server.StartError(
                description: "the socket path is \(path.utf8.count) bytes long, "
                    + "the limit is \(ServerOptions.maximumPathBytes): \(path)"
            )
        }
        let lock = FolderLock(of: path)
        defer { lock.release() }
        try clear(path)
        let descriptor = socket(AF_UNIX, socketType, 0)
        guard descriptor >= 0, withAddress(path, { bind(descriptor, $0, $1) }) == 0 else {
            throw failure("cannot make a socket at", path, closing: descriptor)
        }
        guard chmod(path, mode_t(mode)) == 0, Glibc.listen(descriptor, backlog) == 0, let status = status(path) else {
            let failure = failure("cannot listen, with mode 0\(String(mode, radix: 8)), at", path, closing: descriptor)
            unlink(path)
            throw failure
        }
        return (descriptor, SocketFile(path: path, device: status.st_dev, inode: status.st_ino))
    }

    private static func failure(_ what: String, _ path: String, closing descriptor: Int32) -> Server.StartError {
        let reason = String(cString: strerror(errno))
        if descriptor >= 0 { close(descriptor) }
        return Server.StartError(description: "\(what) \(path): \(reason)")
    }

    /// Removes the file, if it is still the one that was made. To be called while the socket is open: then no other file can
    /// have its inode.
    func remove() {
        let lock = FolderLock(of: path)
        defer { lock.release() }
        guard let status = Self.status(path), status.st_dev == device, status.st_ino == inode else { return }
        unlink(path)
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    private static func clear(_ path: String) throws(Server.StartError) {
        guard let status = status(path) else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw Server.StartError(description: "\(path) exists and is not a socket")
        }
        switch connectionError(path) {
        // Nobody listens, or the file went by itself.
        case ECONNREFUSED, ENOENT: unlink(path)
        // A daemon with so many clients waiting that one more would have to wait is a live one; so is one of another kind.
        case 0, EAGAIN, EPROTOTYPE:
            throw Server.StartError(description: "\(path) is in use by a live daemon", isInUse: true)
        case let error:
            throw Server.StartError(
                description: "\(path) is a socket, and nobody can tell whether a daemon lives there: "
                    + String(cString: strerror(error))
            )
        }
    }

    /// What comes of connecting, without waiting; 0 where somebody answers.
    private static func connectionError(_ path: String) -> Int32 {
        let descriptor = socket(AF_UNIX, socketType, 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        return withAddress(path) { connect(descriptor, $0, $1) == 0 ? 0 : errno }
    }

    private static var socketType: Int32 {
        Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    }

    private static func withAddress<Result>(
        _ path: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

/// A lock on the folder that a path is in, for as long as it takes to look at a name and to remove it.
private struct FolderLock {
    private let descriptor: Int32

    /// Waits two seconds at most: anybody may lock a folder that he may read, and must not keep a daemon from beginning or
    /// ending by that.
    init(of path: String) {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        descriptor = open(slash == path.startIndex ? "/" : String(path[..<slash]), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        for _ in 0..<200 where flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK { usleep(10_000) }
    }

    func release() {
        if descriptor >= 0 { close(descriptor) }
    }
}
