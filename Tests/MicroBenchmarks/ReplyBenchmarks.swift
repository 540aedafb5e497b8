// Owns: replies as bytes.

import EventModel
import EventStore
import EventWire
import SegmentLog

extension Benchmark {
    static let replies = [
        Benchmark(name: "reply-integer", operation: "the id of an appended event as a reply") {
            let count: UInt64 = 4096
            let sheet = ReplySheet()
            return Loop(operations: Int(count), bytes: 0) {
                sheet.write { replies in
                    for offset in 0..<count { replies.integer(1_234_567 + offset) }
                }
            }
        },
        Benchmark(name: "reply-event", operation: "an event of a block as a reply") { try events(withOptions: false) },
        Benchmark(name: "reply-event-options", operation: "the same of an event with every option") {
            try events(withOptions: true)
        },
    ]

    private static func events(withOptions: Bool) throws -> Loop {
        let scratch = try ScratchLog()
        try scratch.commit(RecordBuffer(Sample(events: 1024, withOptions: withOptions)))
        var scan = LogScan(scratch.log.view, LogQuery())
        var events: [StoredEvent] = []
        while let records = try scan.next() {
            for record in records { events.append(try StoredEvent(record)) }
        }
        let stored = events
        let sheet = ReplySheet()
        func write() -> Int {
            sheet.write { replies in
                for event in stored { event.withParts { replies.event($0) } }
            }
        }
        return Loop(operations: stored.count, bytes: write(), iterate: write)
    }
}

/// Memory for replies that is used again, as a connection's is.
final class ReplySheet {
    private var replies = ReplyEncoder()

    /// Writes replies from the start; returns how many bytes.
    func write(_ body: (inout ReplyEncoder) throws -> Void) rethrows -> Int {
        // Taken out, because access to a class's property is checked at run time.
        var replies = ReplyEncoder()
        swap(&replies, &self.replies)
        defer { self.replies = replies }
        replies.bytes.removeAll(keepingCapacity: true)
        try body(&replies)
        return replies.bytes.count
    }
}
