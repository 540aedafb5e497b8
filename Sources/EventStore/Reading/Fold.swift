// Owns: folding events into a state with a reducer: the one loop behind temporal queries and projections.

package import EventModel
import EventRecords
import Reducers
import SegmentLog

/// Where a fold stands.
package struct FoldState: Sendable, Equatable {
    /// The last event that reached `reduce`.
    package var lastEvent: EventID?
    /// The greatest timestamp among those events: a state is that of a moment only if none of them came after it.
    package var maximumTimestamp = Timestamp.distantPast
    package var eventsProcessed: UInt64 = 0

    package init(
        lastEvent: EventID? = nil,
        maximumTimestamp: Timestamp = .distantPast,
        eventsProcessed: UInt64 = 0
    ) {
        self.lastEvent = lastEvent
        self.maximumTimestamp = maximumTimestamp
        self.eventsProcessed = eventsProcessed
    }
}

/// Events that are folded in one go: the fewer, the longer the reducer takes for each, so that nobody waits long for the rest.
struct FoldBatch {
    private static let most = 64
    private static let short = Duration.microseconds(500)

    private(set) var size = 8
    private var begun = ContinuousClock.now
    private var events = ReducerEvents()

    /// Folds the first of some records of one block, and takes them off. Returns when that was done. `foreign` is told of those that
    /// are no events, where such damage is passed over; else one of them throws, behind those before it. A throw names the event; the
    /// reducer must then be reset or restored before it is used again.
    mutating func fold(
        _ records: inout ArraySlice<Record>,
        with reducer: Reducer,
        into state: inout FoldState,
        skippingDamage: Bool,
        foreign: (RecordID) -> Void
    ) throws(StoreError) -> ContinuousClock.Instant {
        let batch = records.prefix(size)
        records = records.dropFirst(size)
        try Record.withBlock(of: batch) { block throws(StoreError) in
            try fold(batch, in: block, with: reducer, into: &state, skippingDamage, foreign)
        }
        let now = ContinuousClock.now
        size = now - begun < Self.short ? min(2 * size, Self.most) : max(1, size / 2)
        begun = now
        return now
    }

    private mutating func fold(
        _ records: ArraySlice<Record>,
        in block: UnsafeRawBufferPointer,
        with reducer: Reducer,
        into state: inout FoldState,
        _ skipsDamage: Bool,
        _ foreign: (RecordID) -> Void
    ) throws(StoreError) {
        events.removeAll()
        var folded: [Record] = []
        folded.reserveCapacity(records.count)
        let (readsID, readsTags) = (reducer.reads(.id), reducer.reads(.tags))
        var unreadable: StoreError?
        for record in records {
            let body = record.body(in: block)
            let legibility = EventParts.legibility(of: body)
            guard case .known = legibility else {
                if skipsDamage {
                    foreign(record.id)
                    continue
                }
                unreadable = StoreError(unreadable: EventID(record.id), legibility)
                break
            }
            events.append(ReducerEvent(record, body, withID: readsID, withTags: readsTags))
            folded.append(record)
        }
        try reducer.fold(events, of: folded, into: &state)
        if let unreadable { throw unreadable }
    }
}

extension Reducer {
    /// Folds events. A throw names the one that failed.
    fileprivate func fold(_ events: ReducerEvents, of records: [Record], into state: inout FoldState) throws(StoreError)
    {
        let before = eventsProcessed
        func note(_ count: Int) {
            guard count > 0 else { return }
            state.lastEvent = EventID(records[count - 1].id)
            for record in records.prefix(count) {
                state.maximumTimestamp = max(state.maximumTimestamp, Timestamp(record.time))
            }
            state.eventsProcessed = eventsProcessed
        }
        do throws(ReducerError) {
            try reduce(events)
            note(records.count)
        } catch {
            let done = Int(eventsProcessed - before)
            note(done)
            throw StoreError(error, reducer: source.name, at: done < records.count ? EventID(records[done].id) : nil)
        }
    }

    func json() throws(StoreError) -> [UInt8] {
        try named { reducer throws(ReducerError) in try reducer.stateJSON() }
    }

    /// Throws where the state cannot be written down.
    func checkWritable() throws(StoreError) {
        try named { reducer throws(ReducerError) in try reducer.checkState() }
    }

    private func named<Result>(_ body: (Reducer) throws(ReducerError) -> Result) throws(StoreError) -> Result {
        do {
            return try body(self)
        } catch {
            throw StoreError(error, reducer: source.name, at: nil)
        }
    }
}

extension ReducerEvent {
    /// The event that a record is, which is `known`, with what the reducer may read of it.
    fileprivate init(_ record: Record, _ body: UnsafeRawBufferPointer, withID: Bool, withTags: Bool) {
        func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
        let parts = EventParts(
            body,
            id: EventID(record.id),
            timestamp: Timestamp(record.time),
            recordedAt: Timestamp(record.recordedAt)
        )
        self.init(
            eventID: parts.id.rawValue,
            category: parts.category,
            eventType: parts.eventType,
            aggregateID: parts.aggregateID,
            data: parts.data,
            timestampNanoseconds: parts.timestamp.nanoseconds,
            recordedAtNanoseconds: parts.recordedAt.nanoseconds,
            version: parts.version,
            id: withID ? parts.identifier?.text : nil,
            tags: withTags ? parts.tags.map(text) : [],
            metadata: parts.metadata
        )
    }
}

/// The answer of a temporal query.
package struct FoldedState: Sendable {
    package let eventsProcessed: UInt64
    /// The last event that reached `reduce`; nil where none did.
    package let lastEvent: EventID?
    /// The state as JSON, keys sorted.
    package let stateJSON: [UInt8]
    /// Ids that could not be read, of events that might belong in here; in order.
    package let lacking: [ClosedRange<EventID>]
}
