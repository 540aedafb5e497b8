// Owns: whole writes and reads on a file descriptor, with the system's reason when they fail.

import Glibc

struct Descriptor {
    static let standardInput = Descriptor(STDIN_FILENO)
    static let standardOutput = Descriptor(STDOUT_FILENO)
    static let standardError = Descriptor(STDERR_FILENO)

    let number: Int32

    init(_ number: Int32) {
        self.number = number
    }

    /// Opens a file; `-` is standard input.
    init(reading path: String) throws(Failure) {
        number = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { throw Failure(.error, "cannot open \(path): \(Self.lastReason)") }
    }

    /// What the last failed call of this thread was about.
    static var lastReason: String {
        String(cString: strerror(errno))
    }

    /// Its size, where it is a regular file.
    var fileSize: UInt64? {
        var status = stat()
        guard fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return UInt64(status.st_size)
    }

    func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
            if written >= 0 {
                rest = rest.dropFirst(written)
            } else if errno == EPIPE {
                throw OutputClosed()
            } else if errno != EINTR {
                throw Failure(.error, "cannot write: \(Self.lastReason)")
            }
        }
    }

    /// For messages whose loss changes nothing.
    func writeIgnoringErrors(_ text: String) {
        try? write(Array(text.utf8))
    }

    /// Appends what is there, up to `limit` bytes, waiting for the first; false at the end.
    func read(into bytes: inout [UInt8], limit: Int) throws(Failure) -> Bool {
        var count = 0
        repeat {
            let start = bytes.count
            bytes.append(contentsOf: repeatElement(0, count: limit))
            count = bytes.withUnsafeMutableBytes { Glibc.read(number, $0.baseAddress! + start, limit) }
            bytes.removeLast(limit - max(count, 0))
        } while count < 0 && errno == EINTR
        guard count >= 0 else { throw Failure(.error, "cannot read: \(Self.lastReason)") }
        return count > 0
    }

    /// Everything up to the end.
    func readAll() throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        while try read(into: &bytes, limit: 1 << 16) {}
        return bytes
    }

    /// Waits until nobody is left to read what is written here; false where that cannot be waited for, or does not happen, as
    /// with a file.
    func waitUntilReaderHasGone() -> Bool {
        var request = pollfd(fd: number, events: 0, revents: 0)
        while poll(&request, 1, -1) < 0 {
            guard errno == EINTR || errno == EAGAIN else { return false }
        }
        return request.revents & Int16(POLLERR | POLLHUP) != 0
    }

    /// Whether a read would return at once; waits so long for it to become true.
    func isReadable(withinMilliseconds timeout: Int32) -> Bool {
        var request = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        return poll(&request, 1, timeout) > 0
    }
}
