// Owns: whether a connection takes events that the hub has for it. One delivery at a time is on its way to the client,
// however many subscriptions the connection has, and its bytes are in the budget. What is refused stays in the log.

import NIOCore
import Synchronization

/// Asked on the hub's thread, opened on the connection's event loop.
final class DeliveryGate: Sendable {
    private struct State {
        var isTaken = false
        /// Bytes that were admitted and have not reached the event loop.
        var inTransit = 0
        /// Bytes that the connection has been granted for a delivery which was refused before.
        var reserved = 0
    }

    private let channel: any Channel
    private let budget: BufferBudget
    private let owner: BufferBudget.Owner
    private let state = Mutex(State())

    init(_ channel: any Channel, _ budget: BufferBudget, owner: BufferBudget.Owner) {
        self.channel = channel
        self.budget = budget
        self.owner = owner
    }

    /// Bytes of deliveries that the connection has to answer for though they have not been written.
    var held: Int { state.withLock { $0.inTransit + $0.reserved } }

    /// Takes a delivery in. Returns the bytes that were taken from the budget for it; nil where it is refused.
    func admit(_ bytes: Int) -> Int? {
        guard channel.isWritable else { return nil }
        return state.withLock { state in
            guard !state.isTaken else { return nil }
            let taken = bytes <= max(BufferBudget.share, state.reserved) ? 0 : bytes - state.reserved
            guard taken == 0 || budget.take(taken, for: owner) else { return nil }
            state = State(isTaken: true, inTransit: bytes)
            return taken
        }
    }

    /// Keeps room for the next delivery; 0 lets go of it.
    func reserve(_ bytes: Int) { state.withLock { $0.reserved = bytes } }

    /// The delivery has reached the event loop.
    func arrive() { state.withLock { $0.inTransit = 0 } }

    /// The client takes what it is sent. Returns whether the next delivery can be admitted.
    func open() -> Bool {
        state.withLock { state in
            if state.inTransit == 0 { state.isTaken = false }
            return !state.isTaken
        }
    }
}
