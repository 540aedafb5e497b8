// Owns: which block tables of sealed segments are in memory: those that have been asked for lately, as many as a budget takes. So
// what a store holds does not follow its history.
//
// A table takes some eighty bytes for each block, and nobody pays for an order of use: each use leaves a mark, and a hand that goes
// round takes marks away, and the tables without one.

import Synchronization

/// What holds a table that can be read again.
protocol TableOwner: AnyObject, Sendable {
    /// Lets go of the table, and says so; or only takes the mark away that it has been used.
    func letGoOfTable() -> Bool
}

/// May be used from any thread.
final class TableShelf: Sendable {
    private struct Place {
        weak var owner: (any TableOwner)?
        let bytes: Int
    }

    private struct Places {
        var places: [Place] = []
        var hand = 0
        var bytes = 0

        mutating func removeAtHand() {
            bytes -= places[hand].bytes
            places.swapAt(hand, places.count - 1)
            places.removeLast()
        }
    }

    private let budgetBytes: Int
    private let places = Mutex(Places())

    init(budgetBytes: Int) {
        self.budgetBytes = budgetBytes
    }

    /// An owner has read its table. Others let go of theirs until there is room for it; it keeps its own in any case.
    func add(_ owner: any TableOwner, bytes: Int) {
        places.withLock { places in
            places.places.append(Place(owner: owner, bytes: bytes))
            places.bytes += bytes
            // Twice round takes every mark away, and then every table.
            var steps = 2 * places.places.count
            while places.bytes > budgetBytes, steps > 0 {
                steps -= 1
                if places.hand >= places.places.count { places.hand = 0 }
                let other = places.places[places.hand].owner
                if other.map({ $0 !== owner && $0.letGoOfTable() }) ?? true {
                    places.removeAtHand()
                } else {
                    places.hand += 1
                }
            }
        }
    }

    /// Bytes of the tables that are held, as far as they were told.
    var bytes: Int { places.withLock(\.bytes) }
}
