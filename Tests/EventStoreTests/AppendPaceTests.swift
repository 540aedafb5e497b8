// Owns: the promises of a bounded backlog: appends are slowed smoothly beyond the hard limit, each user to its share, and none is refused.

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
            #expect(rate <= last && rate >= 32e3)
            last = rate
        }
        // It is next to any at the limit, and what a disk can do half-way.
        #expect(backlog(1001).rate ?? 0 > 30e9 && backlog(1500).rate == 32e6)
        #expect(backlog(.max).rate == 32e3 && backlog(.max, kind: .projection("p")).rate == 100)
        // Where a single segment is more than the limit, it is not all at once.
        #expect(Backlog(kind: .sealing, waiting: 1 << 20, hardLimit: 1, room: 8 << 20).rate ?? 0 > 200e6)
    }

    /// A pace of what is put into it.
    private final class Seen: Sendable {
        private let backlogs = Mutex<[Backlog]>([])
        private let told = Mutex<[String]>([])

        var lines: [String] { told.withLock { $0 } }

        func pace() -> AppendPace {
            AppendPace(calm: .milliseconds(100)) { line in
                self.told.withLock { $0.append(line) }
            } backlogs: {
                self.backlogs.withLock { $0 }
            }
        }

        func put(_ backlogs: [Backlog], _ pace: AppendPace) {
            self.backlogs.withLock { $0 = backlogs }
            // It is looked at now and then.
            usleep(60_000)
            pace.look()
        }
    }

    @Test func `Whoever appends much waits for its share, whoever appends little does not, and nobody for ever`() {
        let seen = Seen()
        let pace = seen.pace()
        pace.note(of: 1, bytes: 1 << 30, events: 1)
        #expect(pace.delay(of: 1) == nil && pace.figures.slowing == nil)
        let (sealing, slow) = (backlog(1500), backlog(1600, kind: .projection("slow")))
        seen.put([sealing, backlog(900, kind: .projection("live"))], pace)
        #expect(pace.figures.slowing == sealing)
        // Two seconds' worth, of which a tenth of a second's may be had at once.
        pace.note(of: 1, bytes: 64_000_000, events: 1)
        #expect(pace.delay(of: 1).map { $0 > .seconds(1) && $0 <= .seconds(2) } == true)
        pace.note(of: 2, bytes: 1000, events: 1)
        #expect(pace.delay(of: 2).map { $0 < .milliseconds(1) } ?? true)
        #expect(pace.delay(of: 3) == nil)
        // Two have half of it each.
        pace.note(of: 2, bytes: 64_000_000, events: 1)
        #expect(pace.delay(of: 2).map { $0 > .seconds(3) } == true)
        pace.note(of: 1, bytes: 1 << 40, events: 1)
        #expect(pace.delay(of: 1).map { $0 > .seconds(9) && $0 <= .seconds(10) } == true)
        #expect(pace.figures.delayed > .seconds(9))
        // The one whose room is used up most counts, in its own unit.
        seen.put([sealing, slow], pace)
        #expect(pace.figures.slowing == slow)
        pace.note(of: 4, bytes: 1 << 40, events: 1)
        #expect(pace.delay(of: 4).map { $0 < .milliseconds(1) } ?? true)
    }

    @Test func `An operator is told that appends are slowed, once, and when it is over`() {
        let seen = Seen()
        let pace = seen.pace()
        for _ in 0..<3 { seen.put([backlog(1500)], pace) }
        #expect(seen.lines == ["appends are slowed: \(backlog(1500))"])
        pace.note(of: 1, bytes: 1 << 30, events: 1)
        for _ in 0..<4 { seen.put([], pace) }
        #expect(seen.lines.count == 2 && seen.lines.last == "appends are no longer slowed")
        #expect(pace.delay(of: 1) == nil)
    }

    @Test func `A projection that cannot keep pace slows appends`() throws {
        let slow = "return { reduce = function(s, e) for i = 1, 200000 do end s.n = (s.n or 0) + 1 return s end }"
        let test = try TestStore(reducers: ["slow": slow]) {
            $0.backlog.hardEvents = 1
            $0.projectionWaitMilliseconds = 60_000
        }
        test.append(.numbered(0))
        _ = try test.projection("slow")
        for n in 0..<200 { test.append((0..<100).map { .numbered($0 + n) }) }
        #expect(eventually { test.store.info.slowing?.kind == .projection("slow") })
        test.store.pace.note(of: 7, bytes: 1, events: 1 << 30)
        #expect(test.store.pace.delay(of: 7) != nil && test.store.info.slowed > .zero)
        #expect(test.reports.contains { $0.hasPrefix("appends are slowed: projection slow is ") })
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
