// Owns: how projections that catch up keep in step, so that a block is read and inflated once for all of them and not once for each.
//
// Ids are cut into steps, and a turn ends behind a step's last block. Whoever has come to a later step than another that is not far
// behind lets it go first, a few times. So those that are about as fast stay together; of one that is slow, far behind or begun anew
// the others go on ahead, and near the tail each goes on by itself.

import EventModel

enum FoldStep {
    /// So many ids: a few dozen blocks, which stay in the cache, unless they are large, until the last of the projections is through.
    static let events: UInt64 = 8192
    /// Whoever is so far from another, or from the tail, has nothing to share with it.
    static let reach = 16 * events
    /// So often in a row a projection lets others go first.
    static let patience = 8

    /// The last id of the step that begins or goes on behind `position`.
    static func end(after position: EventID) -> EventID {
        EventID((position.rawValue / events + 1) * events)
    }

    /// Whether one at `position`, which has waited so often in a row, waits for others that go on, which are at these.
    static func waits(
        at position: EventID,
        waited: Int,
        for others: [EventID],
        tail: EventID
    ) -> Bool {
        guard waited < patience, tail.rawValue > position.rawValue &+ reach else { return false }
        return others.contains { other in
            other.rawValue / events < position.rawValue / events && position.rawValue - other.rawValue <= reach
        }
    }
}
