// Owns: the memory that all connections together may hold for their clients, beyond a small share that each has anyway.
//
// Two budgets of this kind make up `limits.buffer_bytes`, one for what clients send (half commands, open transactions,
// staged appends) and one for what they are sent (answers and events that they have not taken yet). Each connection may
// always hold `share` bytes of either, so that small commands get through whatever the others do. What goes beyond is
// taken from the budget before it is held; where there is no room, the connection waits: it reads no further, begins no
// query, takes no delivery.
//
// Why nobody waits for ever:
// - Waiting is first come, first served: who asks while others wait is refused, and who waits is granted in order.
// - A connection that waits may hold something that others wait for. So a part of the budget is kept back, enough for the
//   most that one connection can come to hold. When there is no room for the one that has waited longest, it gets this
//   reserve, and is granted all it asks for until it has given all back, or the budget is out of debt. One connection has
//   it at a time.
// - Who has the reserve, or holds anything, gives it back: staged appends when the writer is done with them, which needs
//   no budget; half commands, transactions and answers when the client has sent or read them, or when its time is up
//   (`limits.command_seconds`, `limits.write_seconds`), for which a client that trickles does not count as going on while
//   others wait.
// - A connection that waits for room for an answer may hold what has been sent to it, never the other way round: nothing
//   more is read from a client that does not take its answers. So the two budgets do not wait for each other in a circle.
//
// Little is held beyond what was granted, and that is entered as a debt, which keeps others waiting until it is paid: the
// last command of a burst, and an answer that came out longer than it was expected to.

import NIOCore
import Synchronization

/// A budget, in bytes. May be used from any thread.
final class BufferBudget: Sendable {
    /// What a connection may hold without asking.
    static let share = 16 << 10

    private struct Waiter {
        let owner: Int64
        let bytes: Int
        let granted: @Sendable () -> Void
    }

    private struct State {
        /// Below zero when the reserve is in use, or there are debts.
        var free: Int
        var waiting = CircularBuffer<Waiter>()
        /// Who has the reserve.
        var favoured: Int64?

        /// Grants whoever can be granted, in order.
        mutating func serve() -> [@Sendable () -> Void] {
            if free >= 0 { favoured = nil }
            var granted: [@Sendable () -> Void] = []
            while let first = waiting.first {
                if free < first.bytes, favoured != first.owner {
                    guard favoured == nil else { break }
                    favoured = first.owner
                }
                free -= first.bytes
                granted.append(first.granted)
                waiting.removeFirst()
            }
            return granted
        }
    }

    /// All of it, the reserve included.
    let bytes: Int
    private let unreserved: Int
    private let state: Mutex<State>

    /// `reserve` is the most that one connection can come to hold; at most half of the whole is kept back for it.
    init(bytes: Int, reserve: Int) {
        self.bytes = bytes
        unreserved = bytes - min(reserve, bytes / 2)
        state = Mutex(State(free: unreserved))
    }

    /// Bytes that are held beyond the shares.
    var used: Int { state.withLock { unreserved - $0.free } }
    var isContended: Bool { waiting > 0 }
    var waiting: Int { state.withLock(\.waiting.count) }

    /// Takes so many bytes if they are free, and nobody has asked before.
    func take(_ bytes: Int, for owner: Int64) -> Bool {
        state.withLock { state in
            guard state.favoured == owner || state.waiting.isEmpty && state.free >= bytes else { return false }
            state.free -= bytes
            return true
        }
    }

    /// Takes so many bytes as soon as it can, then calls `granted`, from any thread; perhaps at once.
    func wait(for bytes: Int, for owner: Int64, granted: @escaping @Sendable () -> Void) {
        settle { state in
            state.waiting.append(Waiter(owner: owner, bytes: bytes, granted: granted))
        }
    }

    /// Takes note of bytes that are held already.
    func owe(_ bytes: Int) {
        state.withLock { $0.free -= bytes }
    }

    /// Gives bytes back. An owner that has no more of its own leaves the reserve to the next, whatever others owe.
    func give(_ bytes: Int, of owner: Int64, isLast: Bool) {
        settle { state in
            state.free += bytes
            if isLast, state.favoured == owner { state.favoured = nil }
        }
    }

    /// The connection has gone: it waits for nothing, and what it held is free. Where it is granted something at this very
    /// moment, it is still called.
    func leave(_ owner: Int64, giving bytes: Int) {
        settle { state in
            state.free += bytes
            if state.favoured == owner { state.favoured = nil }
            if state.waiting.contains(where: { $0.owner == owner }) {
                state.waiting = CircularBuffer(state.waiting.filter { $0.owner != owner })
            }
        }
    }

    private func settle(_ change: (inout State) -> Void) {
        let granted = state.withLock { state in
            change(&state)
            return state.serve()
        }
        for tell in granted { tell() }
    }
}
