// Owns: what an event loop hands to the writer at once: staged events of its connections, cut into units that succeed or
// fail each on its own, and, when the writer is done, the outcome of each.

package import EventModel
import EventRecords
package import SegmentLog

/// The outcome of one unit.
package enum AppendOutcome: Sendable {
    /// The events have consecutive ids from this one on, and are durable.
    case appended(first: EventID)
    /// The identifiers were known: the events with these ids stand for the ones given, and nothing was appended.
    case existing([EventID])
    case refused(StoreError)
}

/// Where finished batches go: one object for each event loop, so that a loop is woken once for all its batches.
package protocol AppendSink: AnyObject, Sendable {
    /// Called by the writer's thread.
    func complete(_ batches: [AppendBatch])
}

/// Appends on their way to the writer and back.
///
/// `@unchecked Sendable` because a batch is handed over, never shared: an event loop fills it and submits it, the writer
/// works on it and hands it back.
package final class AppendBatch: @unchecked Sendable {
    struct Unit {
        /// Who is to have the outcome.
        let owner: AnyObject
        /// Where the records lie in the buffer.
        var range: Range<Int>
        /// Events of one transaction; or, where it is none, so many events that succeed or fail each on its own.
        var records: Int
        let isTransaction: Bool
        let conditions: [AppendCondition]
        /// One for each record, in order; empty where none has an identifier.
        let identifiers: [EventUUID?]
        var outcome: AppendOutcome?

        /// What the bookkeeping of one takes, about.
        static let memoryBytes = 256
    }

    /// Single events are settled together up to so many bytes: well below what a frame of the smallest segment holds.
    private static let unitBytes = 256 << 10

    package let sink: any AppendSink
    let buffer: RecordBuffer
    private(set) var units: [Unit] = []
    /// Whether everything in it is of one owner.
    private(set) var hasOneOwner = true

    package init(sink: any AppendSink, capacity: Int = 4096) {
        self.sink = sink
        buffer = RecordBuffer(capacity: capacity)
    }

    package var isEmpty: Bool { units.isEmpty }
    package var byteCount: Int { buffer.byteCount }
    package var recordCount: Int { buffer.recordCount }
    /// Bytes of memory that what is staged takes, about.
    package var memoryBytes: Int { buffer.byteCount + Unit.memoryBytes * units.count }

    /// Adds one event that stands alone; it has been checked.
    package func append(
        _ event: borrowing NewEventParts,
        by owner: AnyObject,
        unless condition: AppendCondition? = nil
    ) {
        let start = buffer.byteCount
        buffer.append(event)
        let range = start..<buffer.byteCount
        guard condition != nil || event.uuid != nil else { return add(plain: range, records: 1, of: owner) }
        add(
            Unit(
                owner: owner,
                range: range,
                records: 1,
                isTransaction: false,
                conditions: condition.map { [$0] } ?? [],
                identifiers: event.uuid.map { [$0] } ?? [],
                outcome: nil
            )
        )
    }

    /// Adds events that stand alone and have no options, of one owner, as many as `stage` stages; they have been checked.
    package func appendPlain(by owner: AnyObject, _ stage: (RecordBuffer) -> Void) {
        let (start, before) = (buffer.byteCount, buffer.recordCount)
        stage(buffer)
        guard buffer.recordCount > before else { return }
        add(plain: start..<buffer.byteCount, records: buffer.recordCount - before, of: owner)
    }

    /// Adds events that are appended together or not at all; they have been checked.
    package func append(_ transaction: Transaction, by owner: AnyObject) {
        let start = buffer.byteCount
        for event in transaction.events {
            event.withParts { buffer.append($0) }
        }
        let identifiers = transaction.events.map(\.uuid)
        add(
            Unit(
                owner: owner,
                range: start..<buffer.byteCount,
                records: transaction.events.count,
                isTransaction: true,
                conditions: transaction.conditions,
                identifiers: identifiers.contains { $0 != nil } ? identifiers : [],
                outcome: nil
            )
        )
    }

    /// Adds the place of an event that was refused before it was staged, so that outcomes keep their order.
    package func refuse(_ error: StoreError, to owner: AnyObject) {
        add(
            Unit(
                owner: owner,
                range: buffer.byteCount..<buffer.byteCount,
                records: 1,
                isTransaction: false,
                conditions: [],
                identifiers: [],
                outcome: .refused(error)
            )
        )
    }

    /// Visits the outcomes in the order of the appends. Single events that were appended in a row come as one outcome
    /// with their count.
    package func forEachOutcome(_ visit: (Settled) -> Void) {
        for unit in units {
            guard let outcome = unit.outcome else { preconditionFailure("a batch is read after it was completed") }
            visit(
                Settled(
                    owner: unit.owner,
                    outcome: outcome,
                    records: unit.records,
                    isTransaction: unit.isTransaction,
                    memoryBytes: unit.range.count + Unit.memoryBytes
                )
            )
        }
    }

    /// Visits the owners, some of them more than once.
    package func forEachOwner(_ visit: (AnyObject) -> Void) {
        for unit in units { visit(unit.owner) }
    }

    /// What became of some appends of one owner.
    package struct Settled {
        package let owner: AnyObject
        package let outcome: AppendOutcome
        package let records: Int
        package let isTransaction: Bool
        /// What it had taken, as `AppendBatch.memoryBytes` counts.
        package let memoryBytes: Int
    }

    /// Lengthens the last unit, where it is of the same kind and owner.
    private func add(plain range: Range<Int>, records: Int, of owner: AnyObject) {
        if let last = units.indices.last, units[last].isPlain, units[last].owner === owner,
            units[last].range.count + range.count <= Self.unitBytes
        {
            units[last].range = units[last].range.lowerBound..<range.upperBound
            units[last].records += records
            return
        }
        add(
            Unit(
                owner: owner,
                range: range,
                records: records,
                isTransaction: false,
                conditions: [],
                identifiers: [],
                outcome: nil
            )
        )
    }

    private func add(_ unit: Unit) {
        if let last = units.last, last.owner !== unit.owner { hasOneOwner = false }
        units.append(unit)
    }

    func settle(_ unit: Int, _ outcome: AppendOutcome) {
        units[unit].outcome = outcome
    }
}

extension AppendBatch.Unit {
    /// Single events without anything to be asked about them.
    fileprivate var isPlain: Bool {
        !isTransaction && conditions.isEmpty && identifiers.isEmpty && outcome == nil
    }
}

/// Events between MULTI and EXEC.
package struct Transaction: Sendable {
    private(set) var events: [NewEvent] = []
    private(set) var conditions: [AppendCondition] = []
    package private(set) var byteCount = 0

    package init() {}

    package var count: Int { events.count }

    /// Adds an event that has been checked.
    package mutating func append(_ event: borrowing NewEventParts, unless condition: AppendCondition?) {
        let copy = NewEvent(event)
        byteCount += copy.data.count + (copy.metadata?.count ?? 0) + 128
        events.append(copy)
        if let condition { conditions.append(condition) }
    }
}

extension NewEvent {
    fileprivate init(_ parts: borrowing NewEventParts) {
        func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
        self.init(
            category: text(parts.category),
            aggregateID: text(parts.aggregateID),
            eventType: text(parts.eventType),
            data: Array(parts.data),
            timestamp: parts.timestamp,
            version: parts.version,
            uuid: parts.uuid,
            tags: parts.tags.map(text),
            metadata: parts.metadata.map { Array($0) }
        )
    }

    /// Gives `body` the parts of the event, valid within the call.
    package func withParts<Result>(_ body: (NewEventParts) -> Result) -> Result {
        var bytes: [UInt8] = []
        var ranges: [Range<Int>] = []
        for part in [Array(category.utf8), Array(aggregateID.utf8), Array(eventType.utf8), data, metadata ?? []]
            + tags.map({ Array($0.utf8) })
        {
            ranges.append(bytes.count..<bytes.count + part.count)
            bytes += part
        }
        return bytes.withUnsafeBytes { buffer in
            func part(_ index: Int) -> UnsafeRawBufferPointer {
                UnsafeRawBufferPointer(rebasing: buffer[ranges[index]])
            }
            return body(
                NewEventParts(
                    category: part(0),
                    aggregateID: part(1),
                    eventType: part(2),
                    data: part(3),
                    timestamp: timestamp,
                    version: version,
                    uuid: uuid,
                    tags: tags.indices.map { part(5 + $0) },
                    metadata: metadata == nil ? nil : part(4)
                )
            )
        }
    }
}
