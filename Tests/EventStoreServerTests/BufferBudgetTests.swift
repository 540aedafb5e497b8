// Owns: the promises of the budget itself: what is granted, to whom, in which order, and that nobody waits for ever.

import Synchronization
import Testing

@testable import EventStoreServer

@Suite struct BufferBudgetTests {
    /// 100 bytes, 40 of them kept back.
    private let budget = BufferBudget(bytes: 100, reserve: 40, perUser: 60)

    /// The owners in the order in which they were granted what they wait for.
    private final class Granted: Sendable {
        private let list = Mutex<[Int64]>([])
        var owners: [Int64] { list.withLock { $0 } }
        func add(_ owner: Int64) { list.withLock { $0.append(owner) } }
    }

    private func wait(_ bytes: Int, _ owner: Int64, _ granted: Granted) {
        budget.wait(for: bytes, for: one(owner)) { granted.add(owner) }
    }

    private func give(_ bytes: Int, of owner: Int64) { budget.give(bytes, of: one(owner)) }

    /// A connection of the one user.
    private func one(_ connection: Int64) -> BufferBudget.Owner { owner(1, connection) }

    private func owner(_ user: UInt32, _ connection: Int64) -> BufferBudget.Owner {
        BufferBudget.Owner(user: user, connection: connection)
    }

    @Test("However many users take all they may, another one finds room")
    func newcomers() {
        let budget = BufferBudget(bytes: 2 << 20, reserve: 1 << 20)
        var taken: [Int] = []
        for user in 0..<7 as Range<UInt32> {
            var held = 0
            while budget.take(1024, for: owner(user, Int64(user))) { held += 1024 }
            taken.append(held)
        }
        // Two thirds of what the others have left of three quarters; the last quarter is for those who hold little.
        #expect(taken[0] == 512 << 10 && taken[1] == 170 << 10 && taken[2] == 64 << 10, "\(taken)")
        #expect(taken.allSatisfy { $0 >= 28 << 10 }, "\(taken)")
        // Who comes to hold less leaves room to all of them.
        budget.give(taken[0], of: owner(0, 0))
        #expect(budget.take(128 << 10, for: owner(5, 5)))
    }

    @Test("What is free can be taken, but for the reserve; what is given back can be taken again")
    func take() {
        #expect(!budget.take(61, for: one(1)))
        #expect(budget.take(60, for: one(1)))
        #expect(!budget.take(1, for: one(2)))
        #expect(budget.used == 60)
        give(10, of: 1)
        #expect(budget.take(10, for: one(2)))
    }

    @Test("Who asks while others wait is refused, though there would be room; who waits is granted in order")
    func order() {
        let granted = Granted()
        #expect(budget.take(60, for: one(1)))
        // This one has the reserve, so that the next ones wait.
        wait(20, 2, granted)
        wait(50, 3, granted)
        wait(5, 4, granted)
        #expect(granted.owners == [2])
        #expect(budget.waiting == 2)
        give(15, of: 1)
        #expect(!budget.take(1, for: one(5)))
        #expect(granted.owners == [2])
        give(45, of: 1)
        give(20, of: 2)
        #expect(granted.owners == [2, 3, 4])
        #expect(!budget.isContended)
    }

    @Test("The reserve goes to the one that has waited longest, one at a time, and it need not wait any more")
    func reserve() {
        let granted = Granted()
        #expect(budget.take(60, for: one(1)))
        wait(20, 2, granted)
        wait(20, 3, granted)
        #expect(granted.owners == [2])
        #expect(budget.take(20, for: one(2)))
        #expect(!budget.take(1, for: one(3)))
        // It is done, and the next has the reserve.
        give(40, of: 2)
        #expect(granted.owners == [2, 3])
        #expect(!budget.take(1, for: one(2)))
        #expect(budget.take(20, for: one(3)))
    }

    @Test("A debt keeps others waiting until it is paid")
    func debt() {
        let granted = Granted()
        budget.owe(70, for: one(9))
        #expect(!budget.take(1, for: one(1)))
        wait(1, 1, granted)
        wait(1, 2, granted)
        #expect(granted.owners == [1])
        give(70, of: 9)
        #expect(granted.owners == [1, 2])
    }

    @Test("Who has given all back leaves the reserve to the next, though others are in debt")
    func debtAndReserve() {
        let granted = Granted()
        budget.owe(70, for: one(9))
        wait(1, 1, granted)
        wait(1, 2, granted)
        #expect(granted.owners == [1])
        give(1, of: 1)
        #expect(granted.owners == [1, 2])
    }

    @Test("Who leaves waits no more, and leaves the reserve and its bytes to the next")
    func leave() {
        let granted = Granted()
        #expect(budget.take(60, for: one(1)))
        wait(10, 2, granted)
        wait(20, 3, granted)
        wait(5, 4, granted)
        budget.leave(one(3), giving: 0)
        budget.leave(one(2), giving: 10)
        #expect(granted.owners == [2, 4])
        budget.leave(one(1), giving: 60)
        #expect(budget.used == 5)
    }

    @Test("However many hold and wait, each that is granted gives back, so each is granted; the limit is kept")
    func everybody() {
        let granted = Granted()
        var queue = Array(Int64(1)...200)
        var holding: [Int64: Int] = [:]
        // Each holds 7 and wants 13 more, which is more than fits for all who hold.
        while let owner = queue.first, budget.take(7, for: one(owner)) {
            holding[owner] = 7
            queue.removeFirst()
        }
        for owner in holding.keys.sorted() { wait(13, owner, granted) }
        var done = 0
        while done < granted.owners.count {
            #expect(budget.used <= budget.bytes)
            let owner = granted.owners[done]
            give(holding[owner]! + 13, of: owner)
            done += 1
        }
        #expect(done == holding.count)
        #expect(budget.used == 0)
    }

    @Test(
        "Who has the reserve of one budget gets at once what it asks of the other, and others wait until it has given back"
    )
    func joined() {
        let other = BufferBudget(bytes: 100, reserve: 40, perUser: 60)
        BufferBudget.join(budget, other)
        let (granted, grantedOther) = (Granted(), Granted())
        // One and two fill the first, three the second; four and one wait for the second, in this order.
        #expect(budget.take(30, for: one(1)) && budget.take(30, for: one(2)) && other.take(60, for: one(3)))
        other.wait(for: 30, for: one(4)) { grantedOther.add(4) }
        other.wait(for: 30, for: one(1)) { grantedOther.add(1) }
        #expect(grantedOther.owners == [4])
        // Now one is favoured by the first, and so need not wait for four, which waits for the first.
        wait(30, 1, granted)
        #expect(granted.owners == [1])
        #expect(grantedOther.owners == [4, 1])
        #expect(other.take(10, for: one(1)))
        wait(10, 4, granted)
        // Four has the second's reserve.
        #expect(granted.owners == [1, 4])
        wait(10, 5, granted)
        #expect(granted.owners == [1, 4])
        budget.give(60, of: one(1))
        budget.give(30, of: one(2))
        budget.give(10, of: one(4))
        #expect(granted.owners == [1, 4, 5])
        other.give(40, of: one(1))
        #expect(!other.take(1, for: one(1)))
    }

    @Test("However often the reserve has changed hands, the next change costs as much as the first")
    func manyChanges() {
        // Where each change cost more than the last, this would have no end.
        let other = BufferBudget(bytes: 100, reserve: 40, perUser: 60)
        BufferBudget.join(budget, other)
        #expect(budget.take(60, for: one(1)))
        for owner in Int64(2)..<100_000 {
            budget.wait(for: 20, for: one(owner)) {}
            give(20, of: owner)
        }
        #expect(budget.used == 60)
    }

    @Test(
        "A user takes its share and no more, one of its connections beyond that, and the rest is there for the others"
    )
    func users() {
        let budget = BufferBudget(bytes: 200, reserve: 100, perUser: 60)
        let granted = Granted()
        #expect(budget.take(50, for: owner(1, 1)))
        #expect(!budget.take(20, for: owner(1, 2)))
        budget.wait(for: 20, for: owner(1, 2)) { granted.add(2) }
        // One connection may go beyond, or those of a user could wait for each other.
        #expect(granted.owners == [2])
        #expect(budget.take(1, for: owner(1, 2)))
        budget.wait(for: 20, for: owner(1, 3)) { granted.add(3) }
        #expect(granted.owners == [2])
        // The other need not wait for that.
        #expect(budget.take(20, for: owner(2, 4)))
        #expect(!budget.take(1, for: owner(1, 1)))
        budget.give(50, of: owner(1, 1))
        #expect(granted.owners == [2, 3])
        #expect(budget.used == 61)
    }

    @Test("Of several users who wait, the one that holds least is first, though it has come last")
    func leastFirst() {
        let budget = BufferBudget(bytes: 200, reserve: 100, perUser: 100)
        let granted = Granted()
        #expect(budget.take(70, for: owner(1, 1)))
        #expect(budget.take(20, for: owner(2, 2)))
        // Has the reserve.
        budget.wait(for: 40, for: owner(3, 3)) { granted.add(3) }
        budget.wait(for: 20, for: owner(1, 4)) { granted.add(4) }
        budget.wait(for: 20, for: owner(2, 5)) { granted.add(5) }
        budget.wait(for: 20, for: owner(4, 6)) { granted.add(6) }
        #expect(granted.owners == [3])
        budget.give(40, of: owner(3, 3))
        #expect(granted.owners == [3, 6])
        budget.give(20, of: owner(4, 6))
        #expect(granted.owners == [3, 6, 5])
    }

    @Test("What somebody takes who has the reserve, however much, is none of the others'")
    func giant() {
        let budget = BufferBudget(bytes: 200, reserve: 100, perUser: 60)
        let granted = Granted()
        #expect(budget.take(30, for: owner(1, 1)))
        budget.wait(for: 500, for: owner(1, 1)) { granted.add(1) }
        #expect(granted.owners == [1])
        #expect(budget.take(1000, for: owner(1, 1)))
        #expect(budget.take(60, for: owner(2, 2)))
        #expect(budget.used == 1590)
        // It holds something yet, and so the reserve.
        budget.give(1480, of: owner(1, 1))
        #expect(budget.take(12, for: owner(3, 3)))
        budget.wait(for: 30, for: owner(4, 4)) { granted.add(4) }
        #expect(granted.owners == [1])
        budget.give(50, of: owner(1, 1))
        #expect(granted.owners == [1, 4])
    }

    @Test("Who has given up waits no more, and keeps nobody waiting")
    func cancel() {
        let budget = BufferBudget(bytes: 200, reserve: 100, perUser: 100)
        let granted = Granted()
        #expect(budget.take(60, for: one(1)))
        #expect(budget.take(30, for: owner(2, 9)))
        // Has the reserve.
        budget.wait(for: 20, for: one(2)) { granted.add(2) }
        let number = budget.wait(for: 15, for: one(3)) { granted.add(3) }
        budget.wait(for: 5, for: one(4)) { granted.add(4) }
        #expect(granted.owners == [2])
        budget.cancel(number, of: one(3))
        #expect(granted.owners == [2, 4])
        #expect(budget.waiting == 0)
    }

    @Test("One user who goes beyond his share has the reserve for that, and never what is free for others")
    func beyond() {
        let budget = BufferBudget(bytes: 200, reserve: 100, perUser: 60)
        let granted = Granted()
        for connection in 1...3 { budget.wait(for: 50, for: one(Int64(connection))) { granted.add(Int64(connection)) } }
        #expect(granted.owners == [1, 2])
        // Of the other half, but for what is kept for those who hold little, another may have as much a part.
        #expect(!budget.take(21, for: owner(2, 9)))
        #expect(budget.take(20, for: owner(2, 9)))
        #expect(granted.owners == [1, 2])
    }

    @Test("Those who pass for having the other's reserve, one after the other, do not pile up")
    func passing() {
        let other = BufferBudget(bytes: 100, reserve: 40, perUser: 60)
        BufferBudget.join(budget, other)
        #expect(budget.take(60, for: one(100)) && other.take(60, for: one(100)))
        var passed = 0
        for connection in Int64(1)...20 {
            // Has the one's reserve, takes of the other, and gives the first back.
            budget.wait(for: 20, for: one(connection)) {}
            passed += other.take(20, for: one(connection)) ? 1 : 0
            budget.give(20, of: one(connection))
        }
        #expect(passed == 2)
        other.give(20, of: one(1))
        budget.wait(for: 20, for: one(21)) {}
        #expect(other.take(20, for: one(21)))
    }
}
