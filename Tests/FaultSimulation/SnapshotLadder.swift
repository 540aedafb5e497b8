// Owns: snapshots of a projection that counts and sums, kept as the daemon keeps them, and what they must say.

import EventModel
import EventStore
import Reducers
import SegmentLog

/// The snapshots of one projection over a known log.
struct SnapshotLadder {
    static let source = ReducerSource(name: "sum", text: Array("return {}".utf8))
    private static let hash = source.contentHash

    private let store: SnapshotStore

    /// Looks through what is on the disk, as a start does; also returns what it finds wrong.
    static func open(_ log: SegmentLog) -> (ladder: SnapshotLadder, notes: [String]) {
        let store = SnapshotStore(log, keep: 3)
        let notes = store.load(source, tail: EventID(log.view.tail.rawValue))
        return (SnapshotLadder(store: store), notes)
    }

    /// The projection after the record `id`.
    private static func state(of known: KnownLog, at id: RecordID) -> Snapshot {
        var sum = 0
        var greatest = Int64.min
        var count: UInt64 = 0
        for record in known.records.prefix(known.firstIndex(from: id.next)) {
            sum = sum &* 31 &+ record.number
            greatest = max(greatest, record.time.rawValue)
            count += 1
        }
        return Snapshot(
            hash: hash,
            position: EventID(id.rawValue),
            state: FoldState(
                lastEvent: EventID(id.rawValue),
                maximumTimestamp: Timestamp(nanoseconds: greatest),
                eventsProcessed: count
            ),
            stateJSON: Array(#"{"count":\#(count),"sum":\#(sum)}"#.utf8)
        )
    }

    func save(_ known: KnownLog, at id: RecordID) throws(StoreError) {
        _ = try store.save(Self.state(of: known, at: id), of: Self.source)
    }

    /// What is wrong with the newest snapshot up to `tail`; nil where there is none, or nothing.
    func violation(_ known: KnownLog, tail: RecordID) -> String? {
        guard let snapshot = store.latest(of: Self.source, through: EventID(tail.rawValue)) else { return nil }
        let id = RecordID(snapshot.position.rawValue)
        let expected = Self.state(of: known, at: id)
        let isRight =
            snapshot.hash == expected.hash && snapshot.position == expected.position
            && snapshot.state == expected.state && snapshot.stateJSON == expected.stateJSON
        return isRight ? nil : "the snapshot at \(id) is not the state at \(id)"
    }
}
