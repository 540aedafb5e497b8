// Owns: stream sockets of the Unix domain as bare descriptors, which a loop of its own reads and writes.

import Glibc

enum UnixStream {
    /// What came of one attempt to move bytes.
    enum Transfer: Equatable {
        case moved(Int)
        /// Nothing at the moment: waiting would be necessary.
        case blocked
        case closed
    }

    /// Connects; the socket does not block from then on.
    static func connect(_ path: String) throws(Failure) -> Int32 {
        let number = try make(path) { Glibc.connect($0, $1, $2) }
        guard fcntl(number, F_SETFL, O_NONBLOCK) == 0 else {
            throw Failure(.error, "cannot prepare a socket: \(Descriptor.lastReason)")
        }
        return number
    }

    static func listen(_ path: String) throws(Failure) -> Int32 {
        let number = try make(path) { Glibc.bind($0, $1, $2) }
        guard Glibc.listen(number, 1024) == 0 else {
            throw Failure(.error, "cannot listen on \(path): \(Descriptor.lastReason)")
        }
        return number
    }

    static func receive(_ number: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        while true {
            let count = recv(number, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .moved(count) }
            if count == 0 { return .closed }
            if errno == EAGAIN { return .blocked }
            if errno != EINTR { return .closed }
        }
    }

    static func send(_ number: Int32, _ bytes: UnsafeRawBufferPointer) -> Transfer {
        while true {
            let count = Glibc.send(number, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .moved(count) }
            if errno == EAGAIN { return .blocked }
            if errno != EINTR { return .closed }
        }
    }

    /// Makes a socket and has `use` apply it to the path.
    private static func make(
        _ path: String,
        _ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(Failure) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Failure(.cannotConnect, "\(path): a socket's path has at most 107 bytes")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { throw Failure(.error, "cannot make a socket: \(Descriptor.lastReason)") }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                use(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else {
            let reason = Descriptor.lastReason
            close(number)
            throw Failure(.cannotConnect, "cannot use the socket \(path): \(reason)")
        }
        return number
    }
}
