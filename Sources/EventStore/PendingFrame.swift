// Owns: the frame that is being gathered, as the append conditions must see it: its events are not durable yet, but they
// come before whatever is appended next.

import EventModel
import EventRecords
import SegmentLog

/// A frame under construction, with the keys of its events indexed once somebody has asked for them.
struct PendingFrame {
    private(set) var frame: CommitFrame
    /// Which units of which batches have their outcome from this frame.
    private(set) var settled: [(batch: AppendBatch, unit: Int)] = []
    private var keys: Set<[UInt8]> = []
    private var indexedPieces = 0
    private var indexedBytes = 0

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

    /// The last event of the frame that matches; nil where there is none.
    mutating func lastMatch(_ expression: KeyExpression) -> EventID? {
        guard frame.recordCount > 0 else { return nil }
        indexKeys()
        // Most conditions name a key that no event of the frame has; then no event need be looked at.
        let mayMatch =
            expression.isEmpty
            || expression.alternatives.contains { clauses in
                clauses.allSatisfy { clause in clause.contains { keys.contains($0) } }
            }
        guard mayMatch else { return nil }
        var last: EventID?
        var id = frame.firstID
        for piece in frame.pieces {
            piece.buffer.forEachBody(in: piece.range) { body in
                if expression.matches(body) { last = EventID(id) }
                id = id.next
            }
        }
        return last
    }

    private mutating func indexKeys() {
        for (position, piece) in frame.pieces.enumerated().dropFirst(indexedPieces) {
            // The last piece may have grown since it was looked at.
            let start = position == indexedPieces ? piece.range.lowerBound + indexedBytes : piece.range.lowerBound
            piece.buffer.forEachBody(in: start..<piece.range.upperBound) { body in
                _ = RecordBody.forEachKey(of: body) { key in
                    keys.insert(Array(key))
                    return true
                }
            }
        }
        indexedPieces = max(frame.pieces.count - 1, 0)
        indexedBytes = frame.pieces.last?.range.count ?? 0
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
