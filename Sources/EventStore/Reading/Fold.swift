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

/// Folds records of a block in one go, as many as take no longer than others may be kept waiting.
struct FoldBatch {
    private static let most = 64

    /// The last record that was dealt with: folded, or passed over.
    private(set) var position: RecordID?
    private var events = ReducerEvents()
    /// The records of the events, those among them that are passed over, and one that ends them.
    private var folded: [Record] = []
    private var passed: [RecordID] = []
    private var bad: (id: RecordID, error: StoreError)?

    /// Folds the first of some records of one block, and takes them off. `foreign` is told of those that are no events, where such
    /// damage is passed over; else one of them throws, behind those before it. A throw names the event; the reducer must then be reset
    /// or restored before it is used again.
    mutating func fold(
        _ records: inout ArraySlice<Record>,
        with reducer: Reducer,
        into state: inout FoldState,
        skippingDamage: Bool,
        foreign: (RecordID) -> Void
    ) throws(StoreError) {
        let batch = records.prefix(Self.most)
        try Record.withBlock(of: batch) { block throws(StoreError) in
            gather(batch, in: block, for: reducer, skippingDamage)
            var done = 0
            defer {
                // All those before the next one have been dealt with.
                let next = done < folded.count ? folded[done].id : bad?.id ?? .maximum
                passed.prefix { $0 < next }.forEach(foreign)
                let dealt = batch.prefix { $0.id < next }
                position = dealt.last?.id ?? position
                records = records.dropFirst(dealt.count)
            }
            try reducer.fold(events, of: folded, done: &done, into: &state)
            if done == folded.count, let bad { throw bad.error }
        }
    }

    /// Makes events of records up to the first that is none, or, where such are passed over, of all that are.
    private mutating func gather(
        _ records: ArraySlice<Record>,
        in block: UnsafeRawBufferPointer,
        for reducer: Reducer,
        _ skipsDamage: Bool
    ) {
        events.removeAll()
        folded.removeAll(keepingCapacity: true)
        passed.removeAll()
        bad = nil
        let (readsID, readsTags) = (reducer.reads(.id), reducer.reads(.tags))
        for record in records {
            let body = record.body(in: block)
            let legibility = EventParts.legibility(of: body)
            if case .known = legibility {
                events.append(ReducerEvent(record, body, withID: readsID, withTags: readsTags))
                folded.append(record)
            } else if skipsDamage {
                passed.append(record.id)
            } else {
                bad = (record.id, StoreError(unreadable: EventID(record.id), legibility))
                return
            }
        }
    }
}

extension Reducer {
    /// Folds events, as many as take no longer than others may be kept waiting; `done` is told how many. A throw names the next.
    fileprivate func fold(
        _ events: ReducerEvents,
        of records: [Record],
        done: inout Int,
        into state: inout FoldState
    ) throws(StoreError) {
        guard !records.isEmpty else { return }
        let before = eventsProcessed
        defer {
            if let last = records.prefix(done).last {
                state.lastEvent = EventID(last.id)
                for record in records.prefix(done) {
                    state.maximumTimestamp = max(state.maximumTimestamp, Timestamp(record.time))
                }
                state.eventsProcessed = eventsProcessed
            }
        }
        do throws(ReducerError) {
            done = try reduce(events)
        } catch {
            done = Int(eventsProcessed - before)
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
