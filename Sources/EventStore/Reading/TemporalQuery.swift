// Owns: the state of something at a moment: of an aggregate, of any filter, of a projection. All are one fold over the
// events that a query finds, from the beginning or from the nearest snapshot.

package import EventModel
import EventRecords
import Reducers
package import SegmentLog

/// Where the reducer of a query comes from.
package enum ReducerChoice: Sendable {
    case named(String)
    /// Lua source text, given with the query.
    case source([UInt8])
}

extension EventStore {
    /// The state of one aggregate at a moment, of its category where one is given, else of every category: events with a timestamp up to `at`, of those the store knew by `asOf`. Over
    /// damage it throws `corrupt`, or, with `skippingDamage`, says what is lacking.
    package func state(
        of aggregate: String,
        category: String? = nil,
        reducer: String,
        at: Timestamp? = nil,
        asOf: AsOf? = nil,
        skippingDamage: Bool = false,
        for work: Work? = nil
    ) throws(StoreError) -> FoldedState {
        try fold(
            .named(reducer),
            Filter(
                alternatives: [Criteria(categories: category.map { [$0] } ?? [], aggregates: [aggregate])],
                until: at,
                asOf: asOf,
                skipsDamage: skippingDamage
            ),
            for: work
        )
    }

    /// Makes ready what the next query with this reducer will need.
    package func prepareReducer(_ name: String) {
        reducers.prepare(name)
    }

    /// The fold of a reducer over every event that matches the filter and that the reducer selects. Over damage it throws
    /// `corrupt`, or, where the filter skips damage, says what is lacking.
    package func fold(
        _ choice: ReducerChoice,
        _ filter: Filter,
        for work: Work? = nil
    ) throws(StoreError) -> FoldedState {
        let (source, limits) =
            switch choice {
            case .named(let name): (try reducers.source(name), ReducerLimits?.none)
            case .source(let text): (ReducerSource(name: "(query)", text: text), options.sourceLimits)
            }
        let query = try LogQuery(filter, in: log.view)
        return try withReducer(source, limits, for: work) { reducer throws(StoreError) in
            var state = FoldState()
            return try folded(reducer, query, into: &state, for: work)
        }
    }

    /// The state of a projection as it is now, or as it was at a moment: the nearest snapshot that holds nothing from
    /// after the moment, and the rest of the log up to it. A projection goes on over damage, and so does the answer: it
    /// says what is lacking, now as at any moment of the past. Of now it reaches to `target`, or else to the tail; where it does
    /// not come there within `waitMilliseconds`, by default as the store's options have it, it throws `lagging`.
    package func projection(
        _ name: String,
        at: Timestamp? = nil,
        asOf: AsOf? = nil,
        reaching target: EventID? = nil,
        waitMilliseconds: Int? = nil,
        for work: Work? = nil
    ) throws(StoreError) -> FoldedState {
        let projection = try projections.projection(name)
        let view = log.view
        let isOfThePast = at != nil || asOf != nil
        let wait = waitMilliseconds ?? projectionWait(past: isOfThePast)
        guard isOfThePast else {
            let target = target ?? EventID(view.tail)
            return try projection.current(log, reaching: target, waitMilliseconds: wait, for: work)
        }
        try projection.waitUntilBegun(waitMilliseconds: wait, for: work)
        let bound = try asOf.map { asOf throws(StoreError) in try view.bound(asOf, skippingDamage: true) }
        let through = EventID(bound ?? view.tail)
        return try withReducer(projection.source, for: work) { reducer throws(StoreError) in
            var state = FoldState()
            var position = EventID.zero
            if let snapshot = projections.snapshots.latest(
                of: projection.source,
                through: through,
                until: at ?? .distantFuture
            ) {
                // Its text, and the state that is made of it.
                if let work { try inLog { () throws(LogError) in try work.hold(3 * snapshot.stateJSON.count) } }
                do throws(ReducerError) {
                    try reducer.restore(
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
            return try folded(reducer, query, into: &state, for: work)
        }
    }

    /// Runs what a reducer does for some work, from its source's first line on. It is stopped within milliseconds, wherever it is,
    /// where the work ends.
    private func withReducer(
        _ source: ReducerSource,
        _ limits: ReducerLimits? = nil,
        for work: Work?,
        _ body: (Reducer) throws(StoreError) -> FoldedState
    ) throws(StoreError) -> FoldedState {
        guard let work else { return try body(try reducers.make(source, limits: limits).reducer) }
        // In the middle of an event others have their turn, and the time may be up.
        let stop = ReducerStop(pausing: {
            let paused = work.host?.step() ?? 0
            return work.ending == nil ? paused : nil
        })
        do throws(StoreError) {
            return try body(try reducers.make(source, limits: limits, stop: stop).reducer)
        } catch {
            if work.ending != nil { try inLog { () throws(LogError) in try work.check() } }
            throw error
        }
    }

    /// The state behind the events that a query finds, and the ids that were passed over.
    private func folded(
        _ reducer: Reducer,
        _ query: LogQuery,
        into state: inout FoldState,
        for work: Work?
    ) throws(StoreError) -> FoldedState {
        var query = query
        query.keys = query.keys.restricted(to: reducer.selection)
        var scan = LogScan(log.view, query, for: work)
        var foreign: [ClosedRange<RecordID>] = []
        var held = Self.smallStateBytes
        var batch = FoldBatch()
        // What it begins with.
        if let work, reducer.memoryBytes > held { try hold(reducer.memoryBytes, &held, for: work) }
        while let records = try inLog({ () throws(LogError) in try scan.next() }) {
            var left = records[...]
            while !left.isEmpty {
                // A reducer may take its time with each.
                try inLog { () throws(LogError) in try work?.check() }
                try batch.fold(&left, with: reducer, into: &state, skippingDamage: query.skipsDamage) {
                    foreign.append($0...$0)
                }
                if let work, reducer.memoryBytes > held { try hold(reducer.memoryBytes, &held, for: work) }
            }
        }
        // The text is about as long as the state is large, and is copied into the answer.
        if let work, reducer.memoryBytes > Self.smallStateBytes {
            try inLog { () throws(LogError) in try work.hold(2 * reducer.memoryBytes) }
        }
        let lacking = RecordRanges.merged(scan.skipped + foreign)
        return FoldedState(
            eventsProcessed: state.eventsProcessed,
            lastEvent: state.lastEvent,
            stateJSON: try reducer.json(),
            lacking: lacking.map { EventID($0.lowerBound)...EventID($0.upperBound) }
        )
    }

    /// A reducer that uses no more is not worth asking room for.
    private static let smallStateBytes = 256 << 10

    /// Has room for so much of a reducer's state; `held` is what it has been asked for.
    private func hold(_ bytes: Int, _ held: inout Int, for work: Work) throws(StoreError) {
        let more = bytes - held
        try inLog { () throws(LogError) in try work.hold(more) }
        held = bytes
    }
}
