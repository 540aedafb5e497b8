// Owns: the promise that users have equal shares of a thread that works for all of them.

import Testing

@testable import EventStore

@Suite struct FairQueueTests {
    /// Serves so many elements, each of which takes `cost` milliseconds and comes again, and says how many were whose.
    private func serve(_ queue: inout FairQueue<UInt32>, _ count: Int, cost: (UInt32) -> Int) -> [UInt32: Int] {
        var served: [UInt32: Int] = [:]
        for _ in 0..<count {
            guard let user = queue.first, let element = queue.next(of: user) else { break }
            served[user, default: 0] += 1
            queue.add(element, of: user)
            queue.charge(.milliseconds(cost(user)), to: user)
        }
        return served
    }

    @Test func `Whoever has much that waits has no more of the time than whoever has little`() {
        var queue = FairQueue<UInt32>()
        for _ in 0..<100 { queue.add(1, of: 1) }
        queue.add(2, of: 2)
        #expect(serve(&queue, 100) { _ in 1 } == [1: 50, 2: 50])
        // It is the time that is shared, not the number of turns.
        #expect(serve(&queue, 110) { $0 == 1 ? 10 : 1 } == [1: 10, 2: 100])
    }

    @Test func `Those of one user are served in the order in which they have come`() {
        var queue = FairQueue<Int>()
        for element in 0..<5 { queue.add(element, of: 7) }
        var served: [Int] = []
        while let element = queue.next(of: 7) {
            served.append(element)
            queue.charge(.milliseconds(1), to: 7)
        }
        #expect(served == [0, 1, 2, 3, 4] && queue.isEmpty && queue.first == nil)
    }

    @Test func `Whoever comes late begins where the others are, and has not saved up anything`() {
        var queue = FairQueue<UInt32>()
        queue.add(1, of: 1)
        queue.add(2, of: 2)
        _ = serve(&queue, 1000) { _ in 1 }
        queue.add(3, of: 3)
        let served = serve(&queue, 30) { _ in 1 }
        #expect(served.values.allSatisfy { (9...11).contains($0) }, "\(served)")
    }

    @Test func `Whoever has had much is remembered for as long as others wait`() {
        var queue = FairQueue<UInt32>()
        queue.add(1, of: 1)
        queue.add(2, of: 2)
        queue.add(2, of: 2)
        #expect(queue.first == 1)
        #expect(queue.next(of: 1) == 1)
        queue.charge(.seconds(1), to: 1)
        // It comes again, and has had its second already.
        queue.add(1, of: 1)
        #expect(queue.first == 2)
        #expect(serve(&queue, 500) { _ in 1 } == [2: 500])
        // Nobody is left to be compared with.
        _ = queue.removeAll()
        queue.add(1, of: 1)
        queue.add(2, of: 2)
        #expect(queue.first == 1)
    }

    @Test func `What is taken out is everything`() {
        var queue = FairQueue<Int>()
        for element in 0..<10 { queue.add(element, of: UInt32(element % 3)) }
        #expect(queue.count == 10)
        #expect(queue.removeAll().sorted() == Array(0..<10) && queue.isEmpty)
    }
}
