// Owns: the promise that projections which catch up keep in step, and that none holds another up near the tail, or for long.

import EventModel
import Testing

@testable import EventStore

@Suite struct FoldStepTests {
    /// Projections that fold so many events a turn, until all are at the tail: the widest they were apart far from the tail, and
    /// how many turns it took.
    private func run(_ speeds: [UInt64], from start: [UInt64], to tail: UInt64) -> (
        widest: UInt64, turns: Int, ends: [Int]
    ) {
        var positions = start.map { EventID($0) }
        var (widest, turns, ends) = (UInt64(0), 0, speeds.map { _ in 0 })
        var waited = speeds.map { _ in 0 }
        while let least = positions.min(), least.rawValue < tail {
            turns += 1
            for index in speeds.indices where positions[index].rawValue < tail {
                let going = positions.filter { $0.rawValue < tail }
                let waits = FoldStep.waits(
                    at: positions[index],
                    waited: waited[index],
                    for: going,
                    tail: EventID(tail)
                )
                waited[index] = waits ? waited[index] + 1 : 0
                guard !waits else { continue }
                let end = min(FoldStep.end(after: positions[index]).rawValue, tail)
                positions[index] = EventID(min(positions[index].rawValue + speeds[index], end))
                if positions[index].rawValue == tail { ends[index] = turns }
            }
            guard let most = positions.max(), let last = positions.min() else { break }
            if most.rawValue + FoldStep.reach < tail { widest = max(widest, most.rawValue - last.rawValue) }
        }
        return (widest, turns, ends)
    }

    @Test func `Far from the tail those that are about as fast are a step apart at most`() {
        for speeds in [[1500, 3000, 9000], [8192, 1200, 8191], [2000, 2000, 20_000]] as [[UInt64]] {
            let found = run(speeds, from: [0, 0, 0], to: 500_000)
            #expect(found.widest <= 2 * FoldStep.events, "\(speeds): \(found)")
        }
    }

    @Test func `A slow one is left behind`() {
        let slow = run([10, 8192], from: [0, 0], to: 2_000_000)
        #expect(slow.ends[1] <= 2_000_000 / 8192 + 16 * 9, "\(slow)")
    }

    @Test func `One that begins anew holds nobody up, and near the tail nobody does`() {
        let anew = run([10, 5000], from: [0, 1_000_000], to: 1_400_000)
        #expect(anew.ends[1] <= 100, "\(anew)")
        let near = run([10, 5000], from: [900_000, 900_000], to: 1_000_000)
        #expect(near.ends[1] <= 30, "\(near)")
    }

    @Test func `Projections that begin far behind the tail come to it, and the store answers meanwhile`() throws {
        let count = Int(FoldStep.reach) + 20_000
        let test = try TestStore(reducers: ["one": Self.counts, "other": Self.counts])
        for start in stride(from: 0, to: count, by: 2000) {
            test.append((start..<min(start + 2000, count)).map { .numbered($0) })
        }
        for name in ["one", "other"] { try test.store.rebuildProjection(name) }
        #expect(eventually { test.store.projectionStatuses().allSatisfy { $0.health == .live } })
        #expect(test.store.projectionStatuses().map(\.eventsProcessed) == [UInt64(count), UInt64(count)])
    }

    private static let counts = "return { reduce = function(s) s.n = (s.n or 0) + 1 return s end }"
}
