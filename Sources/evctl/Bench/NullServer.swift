// Owns: a server that answers every command with a fixed reply of its kind and stores nothing: the ceiling of what a load
// generator can measure.

import EventModel
import EventStore
import EventWire
import Glibc

/// Runs on a thread of its own from its creation until it is stopped.
final class NullServer: Sendable {
    private let path: String
    private let listener: Int32
    private let thread: NamedThread

    init(_ path: String) throws(Failure) {
        let listener = try UnixStream.listen(path)
        self.path = path
        self.listener = listener
        thread = NamedThread("null-server") {
            var loop = NullLoop(listener)
            loop.run()
        }
    }

    func stop() {
        // Wakes the loop, and has it fail to accept.
        shutdown(listener, Int32(SHUT_RDWR))
        thread.join()
        close(listener)
        unlink(path)
    }
}

private struct NullLoop {
    private let listener: Int32
    private let epoll = Epoll()
    private let answers = NullAnswers()
    private var peers: [Int: NullPeer] = [:]

    init(_ listener: Int32) {
        self.listener = listener
    }

    mutating func run() {
        let listenerTag = Int(listener)
        epoll.add(listener, tag: listenerTag)
        while true {
            for index in 0..<epoll.wait(milliseconds: -1) {
                let tag = epoll[index].tag
                if tag == listenerTag {
                    guard accept() else { return }
                } else if let peer = peers[tag], !peer.serve(answers) {
                    peers[tag] = nil
                }
            }
        }
    }

    /// False where the listener has been shut down.
    private mutating func accept() -> Bool {
        let number = Glibc.accept(listener, nil, nil)
        guard number >= 0 else { return false }
        peers[Int(number)] = NullPeer(number)
        epoll.add(number, tag: Int(number))
        return true
    }
}

private final class NullPeer {
    private let descriptor: Int32
    private var decoder = RESPDecoder()
    /// Bytes that came, from the front; the last command among them may not be whole.
    private var input = [UInt8](repeating: 0, count: 1 << 17)
    private var filled = 0
    private var output: [UInt8] = []
    /// Commands of the transaction that is open; nil outside of one.
    private var queued: Int?

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Answers what has come; false where the peer has gone, or does not speak RESP.
    func serve(_ answers: NullAnswers) -> Bool {
        if filled == input.count { input += [UInt8](repeating: 0, count: input.count) }
        let transfer = input.withUnsafeMutableBytes {
            UnixStream.receive(descriptor, into: UnsafeMutableRawBufferPointer(rebasing: $0[filled...]))
        }
        guard case .moved(let count) = transfer else { return false }
        filled += count
        guard let used = try? answer(answers) else { return false }
        input.withUnsafeMutableBytes { bytes in
            bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[used..<filled]))
        }
        filled -= used
        defer { output.removeAll(keepingCapacity: true) }
        // Blocks until the peer reads: a yardstick need not do better.
        var rest = output[...]
        while !rest.isEmpty {
            guard case .moved(let count) = rest.withUnsafeBytes({ UnixStream.send(descriptor, $0) }) else {
                return false
            }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Decodes whole commands and gathers their answers. Returns how many bytes those were.
    private func answer(_ answers: NullAnswers) throws -> Int {
        try input.withUnsafeBytes { bytes in
            var used = 0
            while used < filled {
                switch try decoder.next(UnsafeRawBufferPointer(rebasing: bytes[used..<filled])) {
                case .command(let arguments, let consumed):
                    answer(String(decoding: arguments[0], as: UTF8.self), answers)
                    used += consumed
                case .refused(_, let consumed):
                    output += answers.ok
                    used += consumed
                case .incomplete(let consumed):
                    return used + consumed
                }
            }
            return used
        }
    }

    private func answer(_ command: String, _ answers: NullAnswers) {
        switch command {
        case "EV.APPEND" where queued != nil:
            queued! += 1
            output += answers.queued
        case "EV.APPEND": output += answers.id
        case "MULTI":
            queued = 0
            output += answers.ok
        case "EXEC":
            output += Array("*\(queued ?? 0)\r\n".utf8)
            for _ in 0..<(queued ?? 0) { output += answers.id }
            queued = nil
        case "EV.READ": output += answers.events
        case "EV.STATE": output += answers.state
        case "EV.COUNT": output += answers.none
        case "EV.INFO": output += answers.info
        case "PING": output += answers.pong
        // What redis-benchmark asks before it begins.
        case "CONFIG": output += answers.nothing
        default: output += answers.ok
        }
    }
}

private struct NullAnswers {
    let ok = Array("+OK\r\n".utf8)
    let queued = Array("+QUEUED\r\n".utf8)
    let pong = Array("+PONG\r\n".utf8)
    let id = Array(":1234567\r\n".utf8)
    let none = Array(":0\r\n".utf8)
    let nothing = Array("*0\r\n".utf8)
    let info: [UInt8]
    let state: [UInt8]
    /// Ten of them.
    let events: [UInt8]

    init() {
        var replies = ReplyEncoder()
        replies.bulk("# Store\r\nstate:ok\r\nlast_id:0\r\n")
        info = replies.bytes
        replies.bytes.removeAll()
        replies.bulk(
            #"{"aggregate_id":"order-000001","reducer":"null","events_processed":10,"event_id":10,"state":{"quantity":1}}"#
        )
        state = replies.bytes
        replies.bytes.removeAll()
        let names = AggregateNames(category: "order", aggregates: 1)
        var source = EventSource(seed: 1, aggregates: 4)
        replies.array(10)
        for id in 1...10 {
            let event = source.next(names)
            replies.map(8)
            replies.bulk("event_id")
            replies.integer(UInt64(id))
            for (field, value) in [
                ("category", Array("order".utf8)), ("event_type", Array(event.type.utf8)),
                ("aggregate_id", Array(names.first(of: 0).utf8)), ("data", event.data),
                ("timestamp", Array("1735689600.123456789".utf8)),
            ] {
                replies.bulk(field)
                replies.bulk(value)
            }
            replies.bulk("version")
            replies.integer(UInt64(1))
            replies.bulk("recorded_at")
            replies.bulk("1735689600.123456789")
        }
        events = replies.bytes
    }
}
