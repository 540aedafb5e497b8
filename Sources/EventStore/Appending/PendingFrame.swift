// Owns: the frame that is being gathered, as the append conditions must see it: its events are not durable yet, but they
// come before whatever is appended next.

import EventModel
import EventRecords
import SegmentLog

/// A frame under construction. Belongs to the writer's thread.
struct PendingFrame {
    private(set) var frame: CommitFrame
    /// Which units of which batches have their outcome from this frame.
    private(set) var settled: [(batch: AppendBatch, unit: Int)] = []
    private var index = FrameIndex()

    init(firstID: RecordID, recordedAt: RecordTime, clock: RecordTime) {
        frame = CommitFrame(firstID: firstID, recordedAt: recordedAt, clock: clock)
    }

    mutating func add(_ batch: AppendBatch, unit: Int) {
        let range = batch.units[unit].range
        batch.settle(unit, .appended(first: EventID(frame.nextID)))
        frame.add(batch.buffer, range, records: batch.units[unit].records)
        settled.append((batch, unit))
    }

    /// Settles a unit that adds nothing to the frame. An outcome that speaks of the frame's events shares their fate.
    mutating func settle(_ batch: AppendBatch, unit: Int, _ outcome: AppendOutcome) {
        batch.settle(unit, outcome)
        if outcome.ids.contains(where: { $0 >= EventID(frame.firstID) }) { settled.append((batch, unit)) }
    }

    /// The last event of the frame that matches and comes behind `after`; nil where there is none. Throws `ended` where the work
    /// does.
    mutating func lastMatch(
        _ expression: KeyExpression,
        after: EventID,
        for work: Work
    ) throws(LogError) -> EventID? {
        try index.last(of: frame, matching: expression, after: RecordID(after), for: work).map { EventID($0) }
    }
}

extension AppendOutcome {
    /// The events, appended before, that the outcome speaks of.
    fileprivate var ids: [EventID] {
        switch self {
        case .appended: []
        case .existing(let ids): ids
        case .refused(let error): error.ids
        }
    }
}
