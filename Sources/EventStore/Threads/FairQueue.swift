// Owns: whose turn it is on a thread that works for all: users have equal shares of its time, whatever each of them asks.
// This is start-time fair queueing: each user's clock runs while the thread works for him, and whoever has least goes first.

import DequeModule

/// Things to be done, each for a user; those of one user in the order in which they have come.
package struct FairQueue<Element> {
    private struct User {
        /// Nanoseconds.
        var clock: UInt64
        var elements: Deque<Element> = []
    }

    /// Those who wait, and those who have had more than they.
    private var users: [UInt32: User] = [:]
    /// How far on the one was who went last; whoever comes begins there.
    private var clock: UInt64 = 0

    package init() {}

    package private(set) var count = 0
    package var isEmpty: Bool { count == 0 }

    package mutating func add(_ element: Element, of user: UInt32) {
        users[user, default: User(clock: clock)].elements.append(element)
        count += 1
    }

    /// Who has had least of those who wait; nil where nobody does.
    package var first: UInt32? {
        users.lazy.filter { !$0.value.elements.isEmpty }.min { ($0.value.clock, $0.key) < ($1.value.clock, $1.key) }?
            .key
    }

    /// Takes out the next of a user.
    package mutating func next(of user: UInt32) -> Element? {
        guard let element = users[user]?.elements.popFirst() else { return nil }
        count -= 1
        clock = max(clock, users[user]?.clock ?? 0)
        return element
    }

    /// Says how long the thread has worked for a user, after what there was to be done again for him has been added.
    package mutating func charge(_ time: Duration, to user: UInt32) {
        let (seconds, attoseconds) = time.components
        users[user]?.clock += UInt64(max(seconds * 1_000_000_000 + attoseconds / 1_000_000_000, 0))
        if isEmpty {
            // Nobody is to be compared with.
            users.removeAll(keepingCapacity: true)
            clock = 0
        } else {
            users = users.filter { !$0.value.elements.isEmpty || $0.value.clock > clock }
        }
    }

    /// Takes out everything.
    package mutating func removeAll() -> [Element] {
        defer { self = FairQueue() }
        return users.values.flatMap(\.elements)
    }
}
