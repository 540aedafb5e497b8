// Owns: how much of the sealed segments is kept inflated in memory: one budget in bytes for blocks of records, key
// pages, directories and filters alike. The least recently used goes first, one at a time, so that nobody pays for
// many.

import Synchronization

/// A bounded cache of inflated blocks. May be used from any thread.
package final class BlockCache: Sendable {
    struct Key: Hashable {
        let segment: UniqueID
        let offset: UInt64
        /// Tells files apart that belong to one segment: a key file from the one that was made anew in its place. 0 is the segment's own.
        var file: UInt32 = 0
    }

    /// A value in its place in the order of use: a list that is linked by the places of its neighbours.
    private struct Slot {
        let key: Key
        let value: any Sendable
        let bytes: Int
        /// Used after this one; nowhere behind the one used last.
        var newer = Slots.nowhere
        /// Used before this one.
        var older = Slots.nowhere
    }

    private struct Slots {
        static let nowhere = -1

        private var slots: [Slot?] = []
        private var places: [Key: Int] = [:]
        private var free: [Int] = []
        private var newest = nowhere
        private var oldest = nowhere
        private(set) var bytes = 0

        mutating func use(_ key: Key) -> (any Sendable)? {
            guard let place = places[key] else { return nil }
            if place != newest {
                unlink(place)
                link(place)
            }
            return slots[place]?.value
        }

        func holds(_ key: Key) -> Bool { places[key] != nil }

        mutating func insert(_ slot: Slot) {
            let place = free.popLast() ?? slots.count
            if place == slots.count { slots.append(slot) } else { slots[place] = slot }
            places[slot.key] = place
            bytes += slot.bytes
            link(place)
        }

        /// Returns what is let go of.
        mutating func removeOldest() -> (any Sendable)? {
            guard oldest != Self.nowhere, let slot = slots[oldest] else { return nil }
            let place = oldest
            unlink(place)
            slots[place] = nil
            free.append(place)
            places[slot.key] = nil
            bytes -= slot.bytes
            return slot.value
        }

        private mutating func link(_ place: Int) {
            slots[place]?.older = newest
            slots[place]?.newer = Self.nowhere
            if newest == Self.nowhere { oldest = place } else { slots[newest]?.newer = place }
            newest = place
        }

        private mutating func unlink(_ place: Int) {
            guard let slot = slots[place] else { return }
            if slot.older == Self.nowhere { oldest = slot.newer } else { slots[slot.older]?.newer = slot.newer }
            if slot.newer == Self.nowhere { newest = slot.older } else { slots[slot.newer]?.older = slot.older }
        }
    }

    private let slots = Mutex(Slots())
    private let budgetBytes: Int
    /// The tables of segments, which are asked too often to be looked for among the rest.
    let tables: TableShelf

    /// `tableBytes` are for tables, beside the budget.
    package init(budgetBytes: Int, tableBytes: Int = LogOptions().tableBytes) {
        self.budgetBytes = budgetBytes
        tables = TableShelf(budgetBytes: tableBytes)
    }

    /// Whether there is a value under `key` just now.
    func holds(_ key: Key) -> Bool { slots.withLock { $0.holds(key) } }

    /// The value under `key`, made by `load` where it is missing; a value that cannot be made is not remembered. Two
    /// threads may load the same value at once; one of them is kept.
    func value<Value: Sendable>(
        _ key: Key,
        bytes: (Value) -> Int,
        load: () throws(LogError) -> Value?
    ) throws(LogError) -> Value? {
        if let found = slots.withLock({ $0.use(key) }), let value = found as? Value { return value }
        guard let value = try load() else { return nil }
        let size = bytes(value)
        guard size <= budgetBytes / 4 else { return value }
        // Freed when the lock is no longer held.
        var removed: [any Sendable] = []
        slots.withLock { slots in
            guard !slots.holds(key) else { return }
            slots.insert(Slot(key: key, value: value, bytes: size))
            while slots.bytes > budgetBytes, let oldest = slots.removeOldest() { removed.append(oldest) }
        }
        return value
    }
}
