// Owns: the replies of one connection as values, where there are few of them.

import EventModel
import EventStoreClient
import EventWire
import Glibc

/// Used by one thread at a time.
final class ReplyReader {
    let descriptor: Int32
    private var decoder = RESPReplyDecoder()
    private var unread: [UInt8] = []
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 64)

    init(_ socketPath: String) throws {
        descriptor = try UnixStream.connect(socketPath)
    }

    deinit {
        close(descriptor)
        buffer.deallocate()
    }

    /// Sends a command and waits for its answer, which is no error.
    func ask(_ words: [String]) throws -> RESPValue {
        var encoder = CommandEncoder()
        encoder.command(words)
        try send(encoder.bytes[...])
        while true {
            if let value = try next() {
                if case .error(let error) = value { throw ClientError.store(error) }
                return value
            }
            wait(POLLIN)
            try receive()
        }
    }

    /// Writes all of it, and waits where it has to. What comes meanwhile is taken in: a daemon whose answers nobody takes would
    /// take no more commands either.
    func send(_ bytes: ArraySlice<UInt8>) throws {
        var rest = bytes
        while !rest.isEmpty {
            switch rest.withUnsafeBytes({ UnixStream.send(descriptor, $0) }) {
            case .moved(let count): rest = rest.dropFirst(count)
            case .blocked:
                wait(POLLIN | POLLOUT)
                try receive()
            case .closed: throw ClientError.disconnected(reason: "the daemon closed the connection")
            }
        }
    }

    /// Takes in what has come.
    func receive() throws {
        switch UnixStream.receive(descriptor, into: buffer) {
        case .moved(let count): unread += buffer[..<count]
        case .blocked: break
        case .closed: throw ClientError.disconnected(reason: "the daemon closed the connection")
        }
    }

    /// The next value of what has been taken in; nil where it is not all there.
    func next() throws -> RESPValue? {
        do {
            switch try unread.withUnsafeBytes({ bytes in try decoder.next(bytes) }) {
            case .value(let value, let consumed):
                unread.removeFirst(consumed)
                return value
            case .incomplete(let consumed):
                unread.removeFirst(consumed)
                return nil
            }
        } catch {
            throw ClientError.protocolViolation("\(error)")
        }
    }

    private func wait(_ interest: Int32) {
        var request = pollfd(fd: descriptor, events: Int16(interest), revents: 0)
        poll(&request, 1, 1000)
    }
}
