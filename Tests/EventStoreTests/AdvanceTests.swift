// Owns: the promises of what is told of a projection on its way: its pace, and when it will be there.

import EventModel
import Testing

@testable import EventStore

@Suite struct AdvanceTests {
    private let start = ContinuousClock.now

    private func advance(_ marks: [(seconds: Double, position: UInt64, tail: UInt64)]) -> Advance {
        var advance = Advance()
        for mark in marks {
            advance.note(EventID(mark.position), tail: EventID(mark.tail), at: start + .seconds(mark.seconds))
        }
        return advance
    }

    @Test func `The rate is that of the last seconds, and the time left is by how it comes nearer`() {
        let standing = advance([(0, 0, 1000), (0.5, 50, 1000), (1, 100, 1000), (2, 200, 1000)])
        #expect(standing.rate == 100 && standing.seconds(behind: 800) == 8)
        // The log grows by half of that.
        let growing = advance([(0, 0, 1000), (1, 100, 1050), (2, 200, 1100)])
        #expect(growing.rate == 100 && growing.seconds(behind: 900) == 18)
    }

    @Test func `Nothing is told of what is not known, nor a time of what comes no nearer`() {
        #expect(advance([]).rate == nil && advance([(0, 5, 10)]).seconds(behind: 5) == nil)
        let losing = advance([(0, 0, 1000), (1, 10, 2000)])
        #expect(losing.rate == 10 && losing.seconds(behind: 1990) == nil)
        var there = advance([(0, 0, 1000), (1, 100, 1000)])
        there.arrive()
        #expect(there.rate == nil && there.seconds(behind: 0) == nil)
        // Rebuilt, it begins anew.
        #expect(advance([(0, 500, 1000), (1, 0, 1000), (2, 100, 1000)]).rate == 100)
    }
}
