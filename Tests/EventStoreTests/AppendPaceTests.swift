// Owns: the promises of a bounded backlog: appends are slowed smoothly beyond the hard limit, never refused, and what does not wait for
// them goes on.

import EventModel
import Glibc
import SegmentLog
import Synchronization
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct AppendPaceTests {
    private func backlog(_ waiting: UInt64, limit: UInt64 = 1000, kind: Backlog.Kind = .sealing) -> Backlog {
        Backlog(kind: kind, waiting: waiting, hardLimit: limit, room: 1)
    }

    @Test func `The rate falls smoothly from any to next to none, and never to none`() {
        #expect(backlog(0).rate == nil && backlog(1000).rate == nil && backlog(.max, limit: 0).rate == nil)
        var last = Double.infinity
        for waiting in stride(from: UInt64(1001), through: 2000, by: 1) {
            let rate = backlog(waiting).rate ?? 0
            #expect(rate <= last && rate >= 320e3)
            last = rate
        }
        // It is next to any at the limit, and what a disk can do half-way.
        #expect(backlog(1001).rate ?? 0 > 30e9 && backlog(1500).rate == 32e6)
        #expect(backlog(.max).rate == 320e3 && backlog(.max, kind: .projection("p")).rate == 1000)
        // Where a single segment is more than the limit, it is not all at once.
        #expect(Backlog(kind: .sealing, waiting: 1 << 20, hardLimit: 1, room: 8 << 20).rate ?? 0 > 200e6)
    }

    @Test
    func
        `The next commit waits for the one that slows most, a second at most; an operator is told, and when it is over`()
    {
        let seen = Mutex<[Backlog]>([])
        let lines = Mutex<[String]>([])
        let pace = AppendPace(calm: .milliseconds(100)) { line in
            lines.withLock { $0.append(line) }
        } backlogs: {
            seen.withLock { $0 }
        }
        func waits(bytes: Int, events: Int) -> Duration {
            // What waits is looked at now and then.
            usleep(60_000)
            let before = max(pace.next, .now)
            pace.note(bytes: bytes, events: events)
            return max(pace.next - before, .zero)
        }
        #expect(waits(bytes: 1 << 30, events: 1) == .zero && pace.figures.slowing == nil)
        let (sealing, slow) = (backlog(1500), backlog(1500, kind: .projection("slow")))
        seen.withLock { $0 = [sealing, slow, backlog(900, kind: .projection("live"))] }
        #expect(waits(bytes: 3_200_000, events: 1) > .milliseconds(99))
        #expect(waits(bytes: 3_200_000, events: 20_000) > .milliseconds(199))
        #expect(pace.figures.slowing == slow)
        #expect(waits(bytes: 1 << 40, events: 1) <= .milliseconds(1001))
        #expect(pace.figures.delayed > .milliseconds(1298))
        #expect(lines.withLock { $0 } == ["appends are slowed: \(sealing)"])
        seen.withLock { $0 = [] }
        for _ in 0..<4 { #expect(waits(bytes: 0, events: 0) == .zero) }
        #expect(lines.withLock { $0.count == 2 && $0.last == "appends are no longer slowed" })
    }

    @Test func `A projection that cannot keep pace slows appends to its own, refuses none, and holds up nothing else`()
        async throws
    {
        let slow = "return { reduce = function(s, e) for i = 1, 200000 do end s.n = (s.n or 0) + 1 return s end }"
        let test = try TestStore(reducers: ["slow": slow]) {
            $0.backlog.hardEvents = 1
            $0.projectionWaitMilliseconds = 60_000
        }
        test.append(.numbered(0))
        _ = try test.projection("slow")
        for n in 0..<200 { test.append((0..<100).map { .numbered($0 + n) }) }
        #expect(test.store.info.slowing?.kind == .projection("slow"))
        #expect(test.store.info.slowed > .zero)
        #expect(test.reports.contains { $0.hasPrefix("appends are slowed: projection slow is ") })
        // Half a million events wait for their turn; the writer answers all the same.
        let sink = WaitingSink()
        for _ in 0..<50 {
            let batch = AppendBatch(sink: sink)
            for n in 0..<10_000 { NewEvent.numbered(n).withParts { batch.append($0, by: batch) } }
            #expect(test.store.submit(batch))
        }
        let begun = ContinuousClock.now
        #expect(await test.store.reachWriter())
        try test.roll()
        #expect(ContinuousClock.now - begun < .seconds(10))
        // A stop waits for no pace.
        let stopped = ContinuousClock.now
        try test.restart()
        #expect(ContinuousClock.now - stopped < .seconds(30))
        #expect(sink.wait(for: 500_000).count > 0)
    }

    @Test func `A projection that is being rebuilt slows nothing`() throws {
        let slow = "return { reduce = function(s, e) for i = 1, 2000000 do end return s end }"
        let test = try TestStore(reducers: ["slow": slow]) { $0.backlog.hardEvents = 1 }
        test.append((0..<2000).map { .numbered($0) })
        _ = try? test.store.rebuildProjection("slow")
        test.append((0..<2000).map { .numbered($0) })
        #expect(eventually { test.store.info.slowing == nil })
        #expect(test.store.info.projections[0].health == .rebuilding)
    }
}
