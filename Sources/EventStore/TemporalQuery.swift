// Owns: the state of something at a moment: of an aggregate, of any filter, of a projection. All are one fold over the
// events that a query finds, from the beginning or from the nearest snapshot.

package import EventModel
import EventRecords
import Reducers
import SegmentLog

/// Where the reducer of a query comes from.
package enum ReducerChoice: Sendable {
    case named(String)
    /// Lua source text, given with the query.
    case source([UInt8])
}

extension EventStore {
    /// The state of one aggregate at a moment: events with a timestamp up to `at`, of those the store knew by `asOf`. Over
    /// damage it throws `corrupt`, or, with `skippingDamage`, says what is lacking.
    package func state(
        of aggregate: String,
        reducer: String,
        at: Timestamp? = nil,
        asOf: AsOf? = nil,
        skippingDamage: Bool = false
    ) throws(StoreError) -> FoldedState {
        try fold(
            .named(reducer),
            Filter(
                alternatives: [Criteria(aggregates: [aggregate])],
                until: at,
                asOf: asOf,
                skipsDamage: skippingDamage
            )
        )
    }

    /// Makes ready what the next query with this reducer will need.
    package func prepareReducer(_ name: String) {
        reducers.prepare(name)
    }

    /// The fold of a reducer over every event that matches the filter and that the reducer selects. Over damage it throws
    /// `corrupt`, or, where the filter skips damage, says what is lacking.
    package func fold(_ choice: ReducerChoice, _ filter: Filter) throws(StoreError) -> FoldedState {
        let source: ReducerSource
        switch choice {
        case .named(let name): source = try reducers.source(name)
        case .source(let text): source = ReducerSource(name: "(query)", text: text)
        }
        let box = try reducers.make(source)
        var state = FoldState()
        let lacking = try fold(box.reducer, try LogQuery(filter, in: log.view), into: &state)
        return FoldedState(
            eventsProcessed: state.eventsProcessed,
            lastEvent: state.lastEvent,
            stateJSON: try box.reducer.json(),
            lacking: lacking
        )
    }

    /// The state of a projection as it is now, or as it was at a moment: the nearest snapshot that holds nothing from
    /// after the moment, and the rest of the log up to it. A projection goes on over damage, and so does the answer: it
    /// says what is lacking, now as at any moment of the past.
    package func projection(
        _ name: String,
        at: Timestamp? = nil,
        asOf: AsOf? = nil
    ) throws(StoreError) -> FoldedState {
        let projection = try projections.projection(name)
        let view = log.view
        guard at != nil || asOf != nil else {
            return try projection.current(
                reaching: EventID(view.tail),
                waitMilliseconds: options.projectionWaitMilliseconds
            )
        }
        try projection.waitUntilBegun(waitMilliseconds: Projection.restoreMilliseconds)
        let bound = try asOf.map { asOf throws(StoreError) in try view.bound(asOf, skippingDamage: true) }
        let through = EventID(bound ?? view.tail)
        let box = try reducers.make(projection.source)
        var state = FoldState()
        var position = EventID.zero
        if let snapshot = projections.snapshots.latest(
            of: projection.source,
            through: through,
            until: at ?? .distantFuture
        ) {
            do {
                try box.reducer.restore(
                    stateJSON: snapshot.stateJSON,
                    eventsProcessed: snapshot.state.eventsProcessed
                )
            } catch {
                throw StoreError(error, reducer: name, at: nil)
            }
            state = snapshot.state
            position = snapshot.position
        }
        var query = try LogQuery(Filter(after: position, until: at, skipsDamage: true), in: view)
        query.through = RecordID(through)
        let lacking = try fold(box.reducer, query, into: &state)
        return FoldedState(
            eventsProcessed: state.eventsProcessed,
            lastEvent: state.lastEvent,
            stateJSON: try box.reducer.json(),
            lacking: lacking
        )
    }

    /// Returns the ids that were passed over.
    private func fold(
        _ reducer: Reducer,
        _ query: LogQuery,
        into state: inout FoldState
    ) throws(StoreError) -> [ClosedRange<EventID>] {
        var query = query
        query.keys = query.keys.restricted(to: reducer.selection)
        var scan = LogScan(log.view, query)
        var foreign: [ClosedRange<RecordID>] = []
        while let records = try inLog({ () throws(LogError) in try scan.next() }) {
            for record in records {
                if let event = try StoredEvent.reading(record, skippingDamage: query.skipsDamage) {
                    try reducer.fold(event, into: &state)
                } else {
                    foreign.append(record.id...record.id)
                }
            }
        }
        return RecordRanges.merged(scan.skipped + foreign).map { EventID($0.lowerBound)...EventID($0.upperBound) }
    }
}
