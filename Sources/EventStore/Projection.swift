// Owns: one reducer that is kept live over the log: its state, its position, its health.

package import EventModel
import Reducers
import SegmentLog

/// How a projection is.
package enum ProjectionHealth: Sendable, Equatable {
    /// At the tail, or just behind it.
    case live
    /// On its way from a snapshot, or from the beginning.
    case rebuilding
    /// Stopped by its reducer, with the reason; the log and the others go on.
    case faulted(StoreError)
}

package struct ProjectionStatus: Sendable {
    package let name: String
    /// The events up to this one have been looked at.
    package let position: EventID
    /// Events behind the tail.
    package let lag: UInt64
    package let eventsProcessed: UInt64
    package let health: ProjectionHealth
    /// Ids that could not be read and are lacking in the state.
    package let lacking: [ClosedRange<EventID>]
}

/// A live projection. The engine's thread folds; any thread may ask.
final class Projection: Sendable {
    let source: ReducerSource

    private struct State {
        let box: ReducerBox
        var fold = FoldState()
        var position = EventID.zero
        var health = ProjectionHealth.rebuilding
        var lacking: [ClosedRange<EventID>] = []
        var snapshotPosition = EventID.zero
        var snapshotTime: Timestamp
    }

    private let state: Monitor<State>

    /// Begins with a snapshot of this very reducer, or with nothing.
    init(
        _ source: ReducerSource, reducers: ReducerLibrary, snapshot: Snapshot?, now: Timestamp
    ) throws(StoreError) {
        self.source = source
        let box = try reducers.take(source)
        var initial = State(box: box, snapshotTime: now)
        if let snapshot {
            do {
                try box.reducer.restore(
                    stateJSON: snapshot.stateJSON, eventsProcessed: snapshot.state.eventsProcessed)
                initial.fold = snapshot.state
                initial.position = snapshot.position
                initial.snapshotPosition = snapshot.position
            } catch {
                throw StoreError(error, reducer: source.name, at: nil)
            }
        }
        state = Monitor(initial)
    }

    /// Whether there is something to fold.
    func isBehind(_ tail: EventID) -> Bool {
        state.withLock { state in
            if case .faulted = state.health { return false }
            return state.position < tail
        }
    }

    /// Folds some of what is new: at most about `limit` events, so that others get their turn.
    func advance(_ log: SegmentLog, limit: Int) {
        state.update { state in
            let view = log.view
            if case .faulted = state.health { return }
            let keys = KeyExpression().restricted(to: state.box.reducer.selection)
            var scan = LogScan(view, LogQuery(keys: keys, after: RecordID(state.position)))
            var folded = 0
            do throws(StoreError) {
                while folded < limit {
                    guard let records = try inLog({ () throws(LogError) in try scan.next() }) else {
                        state.position = EventID(view.tail)
                        state.health = .live
                        return
                    }
                    for record in records {
                        try state.box.reducer.fold(StoredEvent(record), into: &state.fold)
                        state.position = EventID(record.id)
                    }
                    folded += records.count
                }
            } catch {
                if error.code == .corrupt, error.ids.count == 2 {
                    // What cannot be read is named, and the rest is folded.
                    state.lacking.append(error.ids[0]...error.ids[1])
                    state.position = max(state.position, error.ids[1])
                } else {
                    state.health = .faulted(error)
                }
            }
        }
    }

    /// The state once it reflects everything up to `target`.
    func current(reaching target: EventID, waitMilliseconds: Int) throws(StoreError) -> FoldedState {
        let answer = state.wait(timeoutMilliseconds: waitMilliseconds) { state -> Result<FoldedState, StoreError>? in
            if case .faulted(let error) = state.health { return .failure(error) }
            guard state.position >= target else { return nil }
            do throws(StoreError) {
                return .success(
                    FoldedState(
                        eventsProcessed: state.fold.eventsProcessed, lastEvent: state.fold.lastEvent,
                        stateJSON: try state.box.reducer.json()))
            } catch {
                return .failure(error)
            }
        }
        guard let answer else {
            throw StoreError(
                .lagging, ids: [state.withLock(\.position)], "projection \(source.name) has not reached \(target) yet")
        }
        return try answer.get()
    }

    func status(tail: EventID) -> ProjectionStatus {
        state.withLock { state in
            ProjectionStatus(
                name: source.name, position: state.position,
                lag: tail.rawValue - min(tail.rawValue, state.position.rawValue),
                eventsProcessed: state.fold.eventsProcessed, health: state.health, lacking: state.lacking)
        }
    }

    /// Whether the policy wants a snapshot now.
    func isSnapshotDue(_ policy: SnapshotPolicy, now: Timestamp) -> Bool {
        state.withLock { state in
            if case .faulted = state.health { return false }
            let events = state.position.rawValue - state.snapshotPosition.rawValue
            let age = now.nanoseconds - state.snapshotTime.nanoseconds
            return events >= policy.everyEvents || events > 0 && age >= Int64(policy.everyMinutes) * 60_000_000_000
        }
    }

    /// Saves the state as it is. Nil where there is nothing new to save, or nothing that should be: a projection that
    /// lacks events would pass its gap on to every restart.
    func snapshot(_ snapshots: SnapshotStore, now: Timestamp) throws(StoreError) -> (position: EventID, bytes: Int)? {
        let taken = try state.withLock { state throws(StoreError) -> Snapshot? in
            if case .faulted = state.health { return nil }
            guard state.position > state.snapshotPosition, state.lacking.isEmpty else { return nil }
            // Noted before the attempt, so that one that fails is not made again at once.
            state.snapshotPosition = state.position
            state.snapshotTime = now
            return Snapshot(
                hash: source.contentHash, position: state.position, state: state.fold,
                stateJSON: try state.box.reducer.json())
        }
        guard let taken else { return nil }
        return (taken.position, try snapshots.save(taken, of: source))
    }
}
