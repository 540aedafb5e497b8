// Owns: one reducer that is kept live over the log: its state, its position, its health.

package import EventModel
import EventRecords
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
    /// How long to wait for a projection to be restored: that takes as long as its state is large, and comes to an end, which
    /// catching up with a log that grows need not.
    static let restoreMilliseconds = 10_000

    let source: ReducerSource

    /// The reducer with its state. The engine's thread holds it for a turn at a time.
    private struct Folding {
        let box: ReducerBox
        var fold = FoldState()
        var position = EventID.zero
    }

    /// What can be asked at any moment. Nobody holds it for long.
    private struct Progress {
        var position = EventID.zero
        var eventsProcessed: UInt64 = 0
        var health = ProjectionHealth.rebuilding
        /// Whether it has looked for a snapshot to begin with.
        var hasBegun: Bool
        var lacking: [ClosedRange<RecordID>] = []
        var snapshotPosition = EventID.zero
        var snapshotTime: Timestamp
        /// Threads that want the state: the next turn waits for them, since a lock alone would be taken again at once.
        var readers = 0

        var lackingEvents: [ClosedRange<EventID>] { lacking.map { EventID($0.lowerBound)...EventID($0.upperBound) } }
    }

    private let folding: Monitor<Folding>
    private let progress: Monitor<Progress>

    /// `begins` says that it begins at the first event, whatever snapshots there are; else `begin` comes first.
    init(
        _ source: ReducerSource,
        reducers: ReducerLibrary,
        begins: Bool = false,
        now: Timestamp
    ) throws(StoreError) {
        self.source = source
        folding = Monitor(Folding(box: try reducers.make(source)))
        progress = Monitor(Progress(hasBegun: begins, snapshotTime: now))
    }

    var hasBegun: Bool { progress.withLock(\.hasBegun) }

    /// Goes to the newest snapshot of this very reducer, if there is one. Not done when it is made: the state of a projection
    /// may be large, and a store that opens is not to wait for it.
    func begin(_ snapshots: SnapshotStore, _ log: SegmentLog, report: (String) -> Void) {
        let tail = EventID(log.view.tail)
        for note in snapshots.load(source, tail: tail) { report(note) }
        let snapshot = snapshots.latest(of: source, through: tail)
        folding.withLock { folding in
            var failure: StoreError?
            if let snapshot {
                do throws(ReducerError) {
                    try folding.box.reducer.restore(
                        stateJSON: snapshot.stateJSON,
                        eventsProcessed: snapshot.state.eventsProcessed
                    )
                    folding.fold = snapshot.state
                    folding.position = snapshot.position
                } catch {
                    failure = StoreError(error, reducer: source.name, at: nil)
                }
            }
            progress.update { progress in
                progress.hasBegun = true
                progress.position = folding.position
                progress.eventsProcessed = folding.fold.eventsProcessed
                progress.snapshotPosition = folding.position
                if let failure {
                    progress.health = .faulted(failure)
                } else if folding.position >= tail {
                    progress.health = .live
                }
            }
        }
    }

    /// Returns once it has begun, so that its snapshots are known.
    func waitUntilBegun(waitMilliseconds: Int) throws(StoreError) {
        guard progress.wait(timeoutMilliseconds: waitMilliseconds, until: { $0.hasBegun ? true : nil }) != nil else {
            throw StoreError(.lagging, ids: [.zero], "projection \(source.name) is being restored")
        }
    }

    /// Whether there is something to fold.
    func isBehind(_ tail: EventID) -> Bool {
        progress.withLock { !$0.hasBegun || !$0.health.isFaulted && $0.position < tail }
    }

    /// Folds some of what is new, for about `duration`, so that others get their turn.
    func advance(_ log: SegmentLog, for duration: Duration) {
        _ = progress.wait { $0.readers == 0 ? true : nil }
        folding.withLock { folding in
            guard !progress.withLock(\.health.isFaulted) else { return }
            let end = ContinuousClock.now + duration
            let view = log.view
            let keys = KeyExpression().restricted(to: folding.box.reducer.selection)
            // What cannot be read is named, and the rest is folded.
            let query = LogQuery(keys: keys, after: RecordID(folding.position), skipsDamage: true)
            var scan = LogScan(view, query)
            do throws(StoreError) {
                while let records = try inLog({ () throws(LogError) in try scan.step() }) {
                    for record in records {
                        if let event = try StoredEvent.reading(record, skippingDamage: true) {
                            try folding.box.reducer.fold(event, into: &folding.fold)
                        } else {
                            progress.update { $0.lacking.append(record.id...record.id) }
                        }
                        folding.position = EventID(record.id)
                        if ContinuousClock.now >= end { return publish(folding, scan, view) }
                    }
                    folding.position = EventID(scan.position)
                    if ContinuousClock.now >= end { return publish(folding, scan, view) }
                }
                folding.position = EventID(view.tail)
                publish(folding, scan, view)
            } catch {
                progress.update { $0.health = .faulted(error) }
                publish(folding, scan, view)
            }
        }
    }

    private func publish(_ folding: Folding, _ scan: LogScan, _ view: LogView) {
        progress.update { progress in
            progress.position = folding.position
            progress.eventsProcessed = folding.fold.eventsProcessed
            progress.lacking = RecordRanges.merged(progress.lacking + scan.skipped)
            if !progress.health.isFaulted, folding.position >= EventID(view.tail) { progress.health = .live }
        }
    }

    /// Runs `body` between two turns.
    private func betweenTurns<Result>(_ body: (Folding) throws(StoreError) -> Result) throws(StoreError) -> Result {
        progress.update { $0.readers += 1 }
        defer { progress.update { $0.readers -= 1 } }
        return try folding.withLock { folding throws(StoreError) in try body(folding) }
    }

    /// The state once it reflects everything up to `target`.
    func current(reaching target: EventID, waitMilliseconds: Int) throws(StoreError) -> FoldedState {
        let hasReached = progress.wait(timeoutMilliseconds: waitMilliseconds) { progress in
            progress.health.isFaulted || progress.hasBegun && progress.position >= target ? true : nil
        }
        guard hasReached != nil else {
            throw StoreError(
                .lagging,
                ids: [progress.withLock(\.position)],
                "projection \(source.name) has not reached \(target) yet"
            )
        }
        return try betweenTurns { folding throws(StoreError) in
            if case .faulted(let error) = progress.withLock(\.health) { throw error }
            return FoldedState(
                eventsProcessed: folding.fold.eventsProcessed,
                lastEvent: folding.fold.lastEvent,
                stateJSON: try folding.box.reducer.json(),
                lacking: progress.withLock(\.lackingEvents)
            )
        }
    }

    func status(tail: EventID) -> ProjectionStatus {
        progress.withLock { progress in
            ProjectionStatus(
                name: source.name,
                position: progress.position,
                lag: tail.rawValue - min(tail.rawValue, progress.position.rawValue),
                eventsProcessed: progress.eventsProcessed,
                health: progress.health,
                lacking: progress.lackingEvents
            )
        }
    }

    /// Whether the policy wants a snapshot now.
    func isSnapshotDue(_ policy: SnapshotPolicy, now: Timestamp) -> Bool {
        progress.withLock { progress in
            guard !progress.health.isFaulted else { return false }
            let events = progress.position.rawValue - progress.snapshotPosition.rawValue
            // In either direction: a clock that was years ahead at the last snapshot is not to hold up the next for years.
            let minutes = now.nanoseconds(since: progress.snapshotTime).magnitude / 60_000_000_000
            return events >= policy.everyEvents || events > 0 && minutes >= UInt64(max(policy.everyMinutes, 0))
        }
    }

    /// Saves the state as it is. Nil where there is nothing new to save, or nothing that should be: a projection that
    /// lacks events would pass its gap on to every restart.
    func snapshot(_ snapshots: SnapshotStore, now: Timestamp) throws(StoreError) -> (position: EventID, bytes: Int)? {
        let taken = try betweenTurns { folding throws(StoreError) -> Snapshot? in
            let isWanted = progress.withLock { progress in
                guard !progress.health.isFaulted, progress.lacking.isEmpty,
                    folding.position > progress.snapshotPosition
                else { return false }
                // Noted before the attempt, so that one that fails is not made again at once.
                progress.snapshotPosition = folding.position
                progress.snapshotTime = now
                return true
            }
            guard isWanted else { return nil }
            return Snapshot(
                hash: source.contentHash,
                position: folding.position,
                state: folding.fold,
                stateJSON: try folding.box.reducer.json()
            )
        }
        guard let taken, let bytes = try snapshots.save(taken, of: source) else { return nil }
        return (taken.position, bytes)
    }
}

extension ProjectionHealth {
    fileprivate var isFaulted: Bool {
        if case .faulted = self { true } else { false }
    }
}
