// Owns: the snapshots of one projection: whether one is due, the state that it holds, and its way to the disk. To write the
// state down holds up the fold; to compress it and put it on the disk does not, and is done on another thread.

import EventModel
import EventRecords
import Reducers
import SegmentLog

extension Projection {
    /// Whether the policy wants a snapshot now.
    func isSnapshotDue(_ policy: SnapshotPolicy, now: Timestamp) -> Bool {
        progress.withLock { progress in
            !progress.health.isFaulted && progress.ladder.isDue(policy, at: progress.position, now: now)
        }
    }

    /// The state as it is, for `save`. Nil where there is nothing new to save, or nothing that should be: a projection that
    /// lacks events would pass its gap on to every restart.
    func takeSnapshot(_ log: SegmentLog, now: Timestamp) throws(StoreError) -> Snapshot? {
        try betweenTurns { folding throws(StoreError) -> Snapshot? in
            let isWanted = progress.withLock { progress in
                guard !progress.health.isFaulted, progress.lacking.isEmpty,
                    folding.position > progress.ladder.position
                else { return false }
                progress.ladder.take(at: folding.position, now: now)
                return true
            }
            guard isWanted else { return nil }
            let begun = ProcessorTime.ofThread
            do throws(StoreError) {
                let json = try written(&folding, log)
                progress.withLock { $0.ladder.spend(ProcessorTime.ofThread - begun) }
                return Snapshot(
                    hash: source.contentHash,
                    position: folding.position,
                    state: folding.fold,
                    stateJSON: json
                )
            } catch {
                progress.withLock { $0.ladder.end() }
                throw error
            }
        }
    }

    /// Puts what was taken on the disk. Returns the bytes written; nil where there is no room for it in the ladder.
    func save(_ snapshot: Snapshot) throws(StoreError) -> Int? {
        let begun = ProcessorTime.ofThread
        defer {
            progress.withLock { progress in
                progress.ladder.spend(ProcessorTime.ofThread - begun)
                progress.ladder.end()
            }
        }
        return try snapshots.save(snapshot, of: source)
    }

    /// Both, on the calling thread.
    func snapshot(_ log: SegmentLog, now: Timestamp) throws(StoreError) -> (position: EventID, bytes: Int)? {
        guard let taken = try takeSnapshot(log, now: now), let bytes = try save(taken) else { return nil }
        return (taken.position, bytes)
    }
}
