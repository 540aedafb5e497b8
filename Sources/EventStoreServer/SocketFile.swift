// Owns: the socket's place in the file system.

import Glibc

enum SocketFile {
    /// Makes way for a new socket: removes the file of a server that is gone, and refuses to touch one that answers.
    static func clear(_ path: String) throws(Server.StartError) {
        guard path.utf8.count <= ServerOptions.maximumPathBytes else {
            throw Server.StartError(
                description: "the socket path is \(path.utf8.count) bytes long, "
                    + "the limit is \(ServerOptions.maximumPathBytes): \(path)"
            )
        }
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw Server.StartError(description: "\(path) exists and is not a socket")
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        if connected { throw Server.StartError(description: "\(path) is in use by a live daemon", isInUse: true) }
        unlink(path)
    }

    static func setMode(_ mode: UInt32, of path: String) throws(Server.StartError) {
        guard chmod(path, mode_t(mode)) == 0 else {
            throw Server.StartError(description: "cannot set the mode of \(path): \(String(cString: strerror(errno)))")
        }
    }
}
