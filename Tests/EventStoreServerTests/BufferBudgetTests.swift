// Owns: the promises of the budget itself: what is granted, to whom, in which order, and that nobody waits for ever.

import Synchronization
import Testing

@testable import EventStoreServer

@Suite struct BufferBudgetTests {
    /// 100 bytes, 40 of them kept back.
    private let budget = BufferBudget(bytes: 100, reserve: 40)

    /// The owners in the order in which they were granted what they wait for.
    private final class Granted: Sendable {
        private let list = Mutex<[Int64]>([])
        var owners: [Int64] { list.withLock { $0 } }
        func add(_ owner: Int64) { list.withLock { $0.append(owner) } }
    }

    private func wait(_ bytes: Int, _ owner: Int64, _ granted: Granted) {
        budget.wait(for: bytes, for: owner) { granted.add(owner) }
    }

    private func give(_ bytes: Int, of owner: Int64 = 0) { budget.give(bytes, of: owner, isLast: true) }

    @Test("What is free can be taken, but for the reserve; what is given back can be taken again")
    func take() {
        #expect(!budget.take(61, for: 1))
        #expect(budget.take(60, for: 1))
        #expect(!budget.take(1, for: 2))
        #expect(budget.used == 60)
        give(10)
        #expect(budget.take(10, for: 2))
    }

    @Test("Who asks while others wait is refused, though there would be room; who waits is granted in order")
    func order() {
        let granted = Granted()
        #expect(budget.take(60, for: 1))
        // This one has the reserve, so that the next ones wait.
        wait(20, 2, granted)
        wait(50, 3, granted)
        wait(5, 4, granted)
        #expect(granted.owners == [2])
        #expect(budget.waiting == 2)
        give(15)
        #expect(!budget.take(1, for: 5))
        #expect(granted.owners == [2])
        give(65)
        #expect(granted.owners == [2, 3, 4])
        #expect(!budget.isContended)
    }

    @Test("The reserve goes to the one that has waited longest, one at a time, and it need not wait any more")
    func reserve() {
        let granted = Granted()
        #expect(budget.take(60, for: 1))
        wait(20, 2, granted)
        wait(20, 3, granted)
        #expect(granted.owners == [2])
        #expect(budget.take(20, for: 2))
        #expect(!budget.take(1, for: 3))
        // It is done, and the next has the reserve.
        give(40)
        #expect(granted.owners == [2, 3])
        #expect(!budget.take(1, for: 2))
        #expect(budget.take(20, for: 3))
    }

    @Test("A debt keeps others waiting until it is paid")
    func debt() {
        let granted = Granted()
        budget.owe(70)
        #expect(!budget.take(1, for: 1))
        wait(1, 1, granted)
        wait(1, 2, granted)
        #expect(granted.owners == [1])
        give(70)
        #expect(granted.owners == [1, 2])
    }

    @Test("Who has given all back leaves the reserve to the next, though others are in debt")
    func debtAndReserve() {
        let granted = Granted()
        budget.owe(70)
        wait(1, 1, granted)
        wait(1, 2, granted)
        #expect(granted.owners == [1])
        give(1, of: 1)
        #expect(granted.owners == [1, 2])
    }

    @Test("Who leaves waits no more, and leaves the reserve and its bytes to the next")
    func leave() {
        let granted = Granted()
        #expect(budget.take(60, for: 1))
        wait(10, 2, granted)
        wait(20, 3, granted)
        wait(5, 4, granted)
        budget.leave(3, giving: 0)
        budget.leave(2, giving: 10)
        #expect(granted.owners == [2, 4])
        budget.leave(1, giving: 60)
        #expect(budget.used == 5)
    }

    @Test("However many hold and wait, each that is granted gives back, so each is granted; the limit is kept")
    func everybody() {
        let granted = Granted()
        var queue = Array(Int64(1)...200)
        var holding: [Int64: Int] = [:]
        // Each holds 7 and wants 13 more, which is more than fits for all who hold.
        while let owner = queue.first, budget.take(7, for: owner) {
            holding[owner] = 7
            queue.removeFirst()
        }
        for owner in holding.keys.sorted() { wait(13, owner, granted) }
        var done = 0
        while done < granted.owners.count {
            #expect(budget.used <= budget.bytes)
            let owner = granted.owners[done]
            give(holding[owner]! + 13)
            done += 1
        }
        #expect(done == holding.count)
        #expect(budget.used == 0)
    }
}
