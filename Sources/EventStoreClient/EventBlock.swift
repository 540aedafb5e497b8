// Owns: a stretch of the log as a client holds it: checked and inflated, its events left where they lie until somebody asks
// for one.

public import EventModel
import EventRecords
import SegmentLog

/// Consecutive events of the log, in the order of their ids; never empty.
///
/// Cheap to hand about and safe to use from any task. An ``EventView`` of it holds the whole block in memory.
public struct EventBlock: Sendable, RandomAccessCollection {
    private let block: Block
    /// The first event asked for may not be the first that lies there.
    public let startIndex: Int
    /// Behind the last event that can be read.
    public let endIndex: Int
    /// Why the block ends before its last event, where it does.
    let refusal: StoreError?

    /// The events of a block behind `after`, up to the first that cannot be read. Throws where it is none, or has none.
    init(_ bytes: UnsafeRawBufferPointer, after: EventID) throws(ClientError) {
        guard let block = TransferBlock.decode(bytes) else {
            throw .protocolViolation("a block of the log arrived damaged")
        }
        let first = block.firstIndex(from: RecordID(after).next)
        guard first < block.count else { throw .protocolViolation("a block of the log has nothing after \(after)") }
        var end = first
        var legibility = Legibility.known
        while end < block.count {
            legibility = block.record(at: end).withBody(EventParts.legibility)
            guard case .known = legibility else { break }
            end += 1
        }
        refusal = end == block.count ? nil : StoreError(unreadable: EventID(block.record(at: end).id), legibility)
        if end == first, let refusal { throw .store(refusal) }
        self.block = block
        (startIndex, endIndex) = (first, end)
    }

    /// The event at an index; nothing is copied.
    public subscript(index: Int) -> EventView {
        precondition(indices.contains(index), "index out of range")
        return EventView(block.record(at: index))
    }
}

/// An event in an ``EventBlock``. What is asked for is copied out then, and not before.
public struct EventView: Sendable {
    private let record: Record

    fileprivate init(_ record: Record) {
        self.record = record
    }

    /// Its position in the log.
    public var id: EventID { EventID(record.id) }
    /// When it happened, as its author said.
    public var timestamp: Timestamp { Timestamp(record.time) }
    /// When it was committed.
    public var recordedAt: Timestamp { Timestamp(record.recordedAt) }
    /// The whole event.
    public var event: Event { withParts(Event.init) }

    /// Gives `body` the bytes of the event's data, JSON as it was appended; valid within the call.
    public func withData<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withParts { try body($0.data) }
    }

    /// Gives `body` all parts, valid within the call.
    package func withParts<Result>(_ body: (EventParts) throws -> Result) rethrows -> Result {
        try record.withBody { bytes in
            try body(EventParts(bytes, id: id, timestamp: timestamp, recordedAt: recordedAt))
        }
    }
}
