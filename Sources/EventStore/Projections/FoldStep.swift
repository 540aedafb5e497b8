// Owns: how projections that catch up keep in step, so that a block is read and inflated once for all of them and not once for each.
//
// Ids are cut into steps, and a turn ends where a step does. Whoever has come to a later step than another that is not far behind
// waits for it. Who is far behind, or begins anew, holds nobody up; and near the tail each goes on by itself, so that a slow one keeps
// no other from being live.

import EventModel

enum FoldStep {
    /// So many ids: a few dozen blocks, which stay in the cache until the last of the projections is through.
    static let events: UInt64 = 8192
    /// Whoever is so far from another, or from the tail, has nothing to share with it.
    static let reach = 16 * events

    /// Where a turn that begins behind `position` ends at the latest.
    static func end(after position: EventID) -> EventID {
        EventID((position.rawValue / events + 1) * events)
    }

    /// Whether one at `position` waits for others that go on, which are at these.
    static func waits(at position: EventID, for others: some Sequence<EventID>, tail: EventID) -> Bool {
        guard tail.rawValue > position.rawValue &+ reach else { return false }
        return others.contains { other in
            other.rawValue / events < position.rawValue / events && position.rawValue - other.rawValue <= reach
        }
    }
}
