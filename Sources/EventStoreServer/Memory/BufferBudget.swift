// Owns: the memory that all connections together may hold for their clients, beyond a small share that each has anyway.
//
// Two budgets of this kind make up `limits.buffer_bytes`, one for what clients send (half commands, open transactions,
// staged appends) and one for what they are sent (answers and events that they have not taken yet). Each connection may
// always hold `share` bytes of either, so that small commands get through whatever the others do. What goes beyond is
// taken from the budget before it is held; where there is no room, the connection waits: it reads no further, begins no
// query, takes no delivery.
//
// Why nobody waits for ever, and nobody for another user's clients:
// - One user takes at most a part of the budget (`limits.buffer_bytes_per_user`), of what the others do not hold: so there is
//   room for another one, however many there are; beyond it goes whoever has the reserve.
// - Some is kept for users who hold little: a quarter, or what `limits.buffer_bytes_per_user` leaves where that is less. Of it each
//   takes a quarter at most, and of what is left: so those who take all they may leave others room for ordinary questions.
// - Of one user's connections, whoever asks first is served first: who asks while another of the same user waits is refused.
//   Of several users who wait, the one that holds least is served first.
// - A connection that waits may hold something that others wait for. So a part of the budget is kept back, enough for the
//   most that one connection can come to hold. When there is no room for those that wait, one of them gets this
//   reserve, and is granted all it asks for until it has given all back, or could have what it holds without it. One connection
//   has it at a time, and what that one holds, however much, is none of the others'.
// - Who has the reserve, or holds anything, gives it back: staged appends when the writer is done with them, which needs
//   no budget; half commands, transactions and answers when the client has sent or read them, or when its time is up
//   (`limits.command_seconds`, `limits.write_seconds`), for which a client that trickles does not count as going on while
//   others wait; a question that is worked on when it is answered, or its time is up (`limits.query_seconds`).
// - A client that writes all of its commands before it reads an answer is read from until it is done: where no more answers
//   may wait for it, its commands do, up to as many bytes as the longest command. Such a connection holds of one budget while
//   it waits for the other. So the two know of each other: who has the reserve of one is granted at once what it asks of
//   the other, and neither waits for somebody who waits for it. Two at a time are let pass for that, or whoever had a reserve
//   would hold what he was granted meanwhile, one after the other; a third waits, at most until the deadlines above.
//
// Little is held beyond what was granted, and that is entered as a debt, which keeps others waiting until it is paid: the
// last command of a burst, and an answer that came out longer than it was expected to.

import NIOCore
import Synchronization

/// A budget, in bytes. May be used from any thread.
final class BufferBudget: Sendable {
    /// What a connection may hold without asking.
    static let share = 16 << 10

    /// So many at a time pass for having the other budget's reserve.
    private static let passes = 2

    /// A connection, and the user it is of.
    struct Owner: Hashable, Sendable {
        let user: UInt32
        let connection: Int64
    }

    private struct Waiter {
        let number: UInt64
        let owner: Owner
        let bytes: Int
        let granted: @Sendable () -> Void
    }

    /// What the connections of one user hold and wait for.
    private struct User {
        var held = 0
        /// Of each of its connections that holds anything.
        var connections: [Int64: Int] = [:]
        var waiting = CircularBuffer<Waiter>(initialCapacity: 1)
    }

    private struct State {
        /// What is there for those who do not have the reserve; below zero when there are debts.
        var free: Int
        /// What is kept for users who hold little, and how much that is.
        let entrance: Int
        var little: Int { entrance / 4 }
        /// One user's part of what the others do not hold, but for that.
        let part: Double
        let perUser: Int
        var held = 0
        var users: [UInt32: User] = [:]
        var waiting = 0
        var number: UInt64 = 0
        /// Who has the reserve: what it holds, all of it, is none of the others'.
        var favoured: Owner?
        /// How often that has changed.
        var changes: UInt64 = 0
        /// Who has the other budget's, and how often that had changed by then.
        var other: (owner: Owner?, changes: UInt64) = (nil, 0)

        /// Those who have the other budget's reserve, or had, and were let pass here for that; until they hold nothing.
        var passing: Set<Owner> = []

        /// Whoever has the other budget's reserve is let pass, so that the two never wait for each other; and few at a time, or one
        /// after the other would pass and stay.
        private func mayPass(_ owner: Owner) -> Bool {
            other.owner == owner && (passing.contains(owner) || passing.count < BufferBudget.passes)
        }

        private func isFavoured(_ owner: Owner) -> Bool { favoured == owner || mayPass(owner) }

        private func held(by owner: Owner) -> Int { users[owner.user]?.connections[owner.connection] ?? 0 }

        mutating func take(_ bytes: Int, for owner: Owner) {
            held += bytes
            if favoured != owner { free -= bytes }
            if other.owner == owner { passing.insert(owner) }
            users[owner.user, default: User()].held += bytes
            users[owner.user]?.connections[owner.connection, default: 0] += bytes
        }

        /// Who has given all back has no reserve any more.
        mutating func give(_ bytes: Int, of owner: Owner) {
            held -= bytes
            if favoured != owner { free += bytes }
            users[owner.user]?.held -= bytes
            users[owner.user]?.connections[owner.connection]? -= bytes
            if held(by: owner) <= 0 {
                users[owner.user]?.connections[owner.connection] = nil
                if favoured == owner { favoured = nil }
                passing.remove(owner)
            }
            forget(owner.user)
        }

        private func isWithinShare(_ bytes: Int, of user: UInt32) -> Bool {
            let held = users[user]?.held ?? 0
            // What is held with the reserve is not of what was free.
            let reserved = favoured.map { $0.user == user ? self.held(by: $0) : 0 } ?? 0
            let open = max(free + held - reserved, 0)
            if held - reserved + bytes <= min(little, open / 4, perUser) { return true }
            return held + bytes <= perUser && Double(held - reserved + bytes) <= part * Double(max(open - entrance, 0))
        }

        func mayTake(_ bytes: Int, _ owner: Owner) -> Bool {
            if isFavoured(owner) { return true }
            guard free >= bytes, isWithinShare(bytes, of: owner.user) else { return false }
            guard waiting > 0 else { return true }
            // Who comes later than another of the same user waits, too; so does who would take what somebody waits for who
            // has less.
            let held = users[owner.user]?.held ?? 0
            return users.allSatisfy { number, user in
                guard let first = user.waiting.first else { return true }
                return number != owner.user && (user.held > held || !isWithinShare(first.bytes, of: number))
            }
        }

        /// Grants whoever can be granted; who has a reserve before all, then those who hold least.
        mutating func serve() -> [@Sendable () -> Void] {
            releaseReserve()
            var granted: [@Sendable () -> Void] = []
            while waiting > 0, let next = next(), remove(next.number, of: next.owner) {
                take(next.bytes, for: next.owner)
                granted.append(next.granted)
            }
            return granted
        }

        /// Who has the reserve, and could have what it holds without it, leaves it to the next.
        private mutating func releaseReserve() {
            guard let owner = favoured, free >= held(by: owner), (users[owner.user]?.held ?? 0) <= perUser else {
                return
            }
            free -= held(by: owner)
            favoured = nil
        }

        /// Who is granted what it waits for. Beyond what is free, and beyond its user's share, one goes with the reserve alone.
        private mutating func next() -> Waiter? {
            for owner in [favoured, other.owner] {
                if let owner, isFavoured(owner),
                    let next = users[owner.user]?.waiting.first(where: { $0.owner == owner })
                {
                    return next
                }
            }
            let first = users.compactMap { number, user in
                user.waiting.first.map { (isBeyond: !isWithinShare($0.bytes, of: number), held: user.held, waiter: $0) }
            }
            .min { ($0.isBeyond ? 1 : 0, $0.held, $0.waiter.number) < ($1.isBeyond ? 1 : 0, $1.held, $1.waiter.number) }
            guard let (isBeyond, _, waiter) = first else { return nil }
            if isBeyond || free < waiter.bytes {
                guard favoured == nil else { return nil }
                favoured = waiter.owner
                free += held(by: waiter.owner)
            }
            return waiter
        }

        mutating func wait(for bytes: Int, _ owner: Owner, again: Bool, _ granted: @escaping @Sendable () -> Void)
            -> UInt64
        {
            number += 1
            waiting += 1
            let waiter = Waiter(number: number, owner: owner, bytes: bytes, granted: granted)
            if again {
                users[owner.user, default: User()].waiting.prepend(waiter)
            } else {
                users[owner.user, default: User()].waiting.append(waiter)
            }
            return number
        }

        /// One waits no more. False where it does not wait.
        @discardableResult
        mutating func remove(_ number: UInt64, of owner: Owner) -> Bool {
            guard let place = users[owner.user]?.waiting.firstIndex(where: { $0.number == number }) else {
                return false
            }
            users[owner.user]?.waiting.remove(at: place)
            waiting -= 1
            forget(owner.user)
            return true
        }

        /// A connection waits for nothing any more.
        mutating func removeAll(of owner: Owner) {
            while let place = users[owner.user]?.waiting.firstIndex(where: { $0.owner == owner }) {
                users[owner.user]?.waiting.remove(at: place)
                waiting -= 1
            }
            forget(owner.user)
        }

        private mutating func forget(_ user: UInt32) {
            if let found = users[user], found.connections.isEmpty, found.waiting.isEmpty { users[user] = nil }
        }
    }

    /// The other budget of the same connections.
    private struct Partner {
        weak var budget: BufferBudget?
    }

    /// All of it, the reserve included.
    let bytes: Int
    /// What the connections of one user may hold together.
    let perUser: Int
    private let unreserved: Int
    private let state: Mutex<State>
    private let partner = Mutex(Partner())

    /// `reserve` is the most that one connection can come to hold; at most half of the whole is kept back for it. One user takes
    /// at most `perUser` bytes of the rest; 0 for half of it. Where others hold some of it, it takes the same part of what is left.
    init(bytes: Int, reserve: Int, perUser: Int = 0) {
        self.bytes = bytes
        unreserved = bytes - min(reserve, bytes / 2)
        self.perUser = perUser > 0 ? min(perUser, unreserved) : unreserved / 2
        let entrance = min(unreserved / 4, unreserved - self.perUser)
        let part = Double(self.perUser) / Double(max(unreserved - entrance, 1))
        state = Mutex(State(free: unreserved, entrance: entrance, part: part, perUser: self.perUser))
    }

    /// Has each of two budgets know who has the other's reserve.
    static func join(_ one: BufferBudget, _ other: BufferBudget) {
        one.partner.withLock { $0.budget = other }
        other.partner.withLock { $0.budget = one }
    }

    private func note(favouredByOther owner: Owner?, changes: UInt64) {
        settle { state in
            // Two changes may come in either order.
            if changes > state.other.changes { state.other = (owner, changes) }
        }
    }

    /// Bytes that are held beyond the shares.
    var used: Int { state.withLock(\.held) }
    var isContended: Bool { waiting > 0 }
    var waiting: Int { state.withLock(\.waiting) }

    /// Takes so many bytes if they are free and the user's share holds them, and none of the same user has asked before.
    func take(_ bytes: Int, for owner: Owner) -> Bool {
        state.withLock { state in
            guard state.mayTake(bytes, owner) else { return false }
            state.take(bytes, for: owner)
            return true
        }
    }

    /// Takes so many bytes as soon as it can, then calls `granted`, on whatever thread has made room; perhaps at once, within this
    /// call. One that has had its turn, and not enough, asks `again`, before the others of its user. Returns a number to `cancel`
    /// it by.
    @discardableResult
    func wait(
        for bytes: Int,
        for owner: Owner,
        again: Bool = false,
        granted: @escaping @Sendable () -> Void
    ) -> UInt64 {
        settle { $0.wait(for: bytes, owner, again: again, granted) }
    }

    /// Waits no more. It may be granted at this very moment, and is then called all the same.
    func cancel(_ number: UInt64, of owner: Owner) {
        settle { _ = $0.remove(number, of: owner) }
    }

    /// Takes note of bytes that are held already.
    func owe(_ bytes: Int, for owner: Owner) {
        state.withLock { $0.take(bytes, for: owner) }
    }

    /// Gives bytes back. An owner that holds no more leaves the reserve to the next, whatever others owe.
    func give(_ bytes: Int, of owner: Owner) {
        settle { $0.give(bytes, of: owner) }
    }

    /// The connection has gone: it waits for nothing, and what it held is free. Where it is granted something at this very
    /// moment, it is still called.
    func leave(_ owner: Owner, giving bytes: Int) {
        settle { state in
            state.removeAll(of: owner)
            state.give(bytes, of: owner)
        }
    }

    private func settle<Result>(_ change: (inout State) -> Result) -> Result {
        let (result, granted, news) = state.withLock { state in
            let before = state.favoured
            let result = change(&state)
            let granted = state.serve()
            guard state.favoured != before else { return (result, granted, (Owner?, UInt64)?.none) }
            state.changes += 1
            return (result, granted, (state.favoured, state.changes))
        }
        for tell in granted { tell() }
        if let (owner, changes) = news {
            partner.withLock(\.budget)?.note(favouredByOther: owner, changes: changes)
        }
        return result
    }
}
