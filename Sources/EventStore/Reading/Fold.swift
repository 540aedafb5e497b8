// Owns: folding events into a state with a reducer: the one loop behind temporal queries and projections.

package import EventModel
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

extension Reducer {
    /// Folds one event. A throw names it; the reducer must then be reset or restored before it is used again.
    func fold(_ event: StoredEvent, into state: inout FoldState) throws(StoreError) {
        do {
            try event.withEvent(for: self) { event throws(ReducerError) in try reduce(event) }
        } catch {
            throw StoreError(error, reducer: source.name, at: event.id)
        }
        state.lastEvent = event.id
        state.maximumTimestamp = max(state.maximumTimestamp, event.timestamp)
        state.eventsProcessed = eventsProcessed
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

extension StoredEvent {
    /// The event, with what the reducer may read of it.
    fileprivate func withEvent(
        for reducer: Reducer,
        _ body: (ReducerEvent) throws(ReducerError) -> Void
    ) throws(ReducerError) {
        var failure: ReducerError?
        withParts { parts in
            func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
            let event = ReducerEvent(
                eventID: parts.id.rawValue,
                category: parts.category,
                eventType: parts.eventType,
                aggregateID: parts.aggregateID,
                data: parts.data,
                timestampNanoseconds: parts.timestamp.nanoseconds,
                recordedAtNanoseconds: parts.recordedAt.nanoseconds,
                version: parts.version,
                id: reducer.reads(.id) ? parts.identifier?.text : nil,
                tags: reducer.reads(.tags) ? parts.tags.map(text) : [],
                metadata: parts.metadata
            )
            do throws(ReducerError) {
                try body(event)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
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
