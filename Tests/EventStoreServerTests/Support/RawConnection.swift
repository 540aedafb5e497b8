// Owns: a client that is nothing but a blocking socket: it sends any bytes, and reads replies one by one.

import EventModel
import Glibc

@testable import EventWire

final class RawConnection {
    enum Failure: Error {
        case cannotConnect(Int32)
        case silence
        case closed
        case garbage(WireError)
    }

    private let descriptor: Int32
    private var isClosed = false
    private var unread: [UInt8] = []
    private var decoder = RESPReplyDecoder()

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else { throw Failure.cannotConnect(errno) }
        var patience = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close() }

    /// Leaves, with whatever has not been read.
    func close() {
        if !isClosed { _ = Glibc.close(descriptor) }
        isClosed = true
    }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw errno == EAGAIN ? Failure.silence : Failure.closed }
            rest = rest.dropFirst(count)
        }
    }

    /// Says that nothing more will be sent; replies can still be read.
    func endSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    /// Sends commands in one write.
    func send(_ commands: [[String]]) throws {
        var encoder = CommandEncoder()
        for command in commands { encoder.command(command) }
        try send(encoder.bytes)
    }

    /// Reads what is there, or the next that comes, and lets it go. False where nothing more comes.
    func skim() -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 1) {
            recv(descriptor, $0.baseAddress, $0.count, 0)
        } > 0
    }

    /// The next reply.
    func receive() throws -> RESPValue {
        while true {
            if let value = try decode() { return value }
            try fill()
        }
    }

    func receive(_ count: Int) throws -> [RESPValue] { try (0..<count).map { _ in try receive() } }

    func ask(_ words: String...) throws -> RESPValue { try ask(words) }

    func ask(_ words: [String]) throws -> RESPValue {
        try send([words])
        return try receive()
    }

    func ask(_ words: [[UInt8]]) throws -> RESPValue {
        var encoder = CommandEncoder()
        encoder.command(words)
        try send(encoder.bytes)
        return try receive()
    }

    /// Sends a command and returns the text of the error it is answered with.
    func error(_ words: String...) throws -> String? { try error(words) }

    func error(_ words: [String]) throws -> String? { try ask(words).errorText }

    /// Whether the server closes the connection, and says nothing more before that.
    func isClosedByServer() -> Bool {
        guard unread.isEmpty else { return false }
        do {
            try fill()
            return false
        } catch Failure.closed {
            return true
        } catch {
            return false
        }
    }

    /// The bytes of the next reply that ends with a line: for tests of the very form.
    func receiveLine() throws -> String {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                defer { unread.removeFirst(end + 1) }
                return String(decoding: unread[...end], as: UTF8.self)
            }
            try fill()
        }
    }

    private func fill() throws {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count != 0 else { throw Failure.closed }
        guard count > 0 else { throw errno == EAGAIN ? Failure.silence : Failure.closed }
        unread += buffer[..<count]
    }

    private func decode() throws -> RESPValue? {
        let result = unread.withUnsafeBytes { bytes in
            Result { () throws(WireError) in try decoder.next(bytes) }
        }
        do {
            switch try result.get() {
            case .value(let value, let consumed):
                unread.removeFirst(consumed)
                return value
            case .incomplete(let consumed):
                unread.removeFirst(consumed)
                return nil
            }
        } catch {
            throw Failure.garbage(error)
        }
    }
}

extension RESPValue {
    /// The error as it went over the wire; nil where it is none.
    var errorText: String? {
        if case .error(let error) = self { error.description } else { nil }
    }

    var event: Event? { Event(self) }
    var events: [Event]? { elements?.compactMap(Event.init) }

    static let ok = RESPValue.simple("OK")
    static let queued = RESPValue.simple("QUEUED")
}
