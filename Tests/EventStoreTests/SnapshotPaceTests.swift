// Owns: that snapshots take a share of a projection's time and no more, and that the fold goes on while one is written.

import EventModel
import Foundation
import Synchronization
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct SnapshotPaceTests {
    private static let counter = "return { reduce = function(s, e) return { n = (s.n or 0) + 1 } end }"

    private static func time(minutes: Int64) -> Timestamp { Timestamp(seconds: 60 * minutes) }

    /// How a projection stands whose last snapshot, of event 1000, took so long.
    private static func pace(taken: Duration, worked: Duration) -> SnapshotPace {
        var pace = SnapshotPace(takenAt: time(minutes: 0))
        pace.take(at: EventID(1000), now: time(minutes: 0))
        pace.spend(taken / 2)
        pace.spend(taken / 2)
        pace.end()
        pace.worked += worked
        return pace
    }

    @Test func `A snapshot is due when its events have passed and the fold has worked ten times what the last took`() {
        let policy = SnapshotPolicy()
        let next = EventID(1000 + policy.everyEvents)
        let now = Self.time(minutes: 1)
        #expect(Self.pace(taken: .seconds(1), worked: .seconds(10)).isDue(policy, at: next, now: now))
        #expect(!Self.pace(taken: .seconds(1), worked: .milliseconds(9999)).isDue(policy, at: next, now: now))
        #expect(!Self.pace(taken: .seconds(1), worked: .seconds(60)).isDue(policy, at: EventID(1001), now: now))
        #expect(!Self.pace(taken: .microseconds(1), worked: .zero).isDue(policy, at: next, now: now))
    }

    @Test func `One that takes long is not taken for a few events when its minutes have passed, a short one is`() {
        let policy = SnapshotPolicy()
        let (next, now) = (EventID(1001), Self.time(minutes: Int64(policy.everyMinutes)))
        #expect(!Self.pace(taken: .seconds(1), worked: .milliseconds(1)).isDue(policy, at: next, now: now))
        #expect(Self.pace(taken: .seconds(1), worked: .seconds(10)).isDue(policy, at: next, now: now))
        #expect(Self.pace(taken: .milliseconds(5), worked: .zero).isDue(policy, at: next, now: now))
        #expect(!Self.pace(taken: .milliseconds(5), worked: .zero).isDue(policy, at: EventID(1000), now: now))
    }

    @Test func `None is due while one is written, and a restored one says what the next will take`() {
        let policy = SnapshotPolicy()
        var pace = SnapshotPace(takenAt: Self.time(minutes: 0))
        let next = EventID(2 * policy.everyEvents)
        #expect(pace.isDue(policy, at: next, now: Self.time(minutes: 0)))
        pace.begin(at: EventID(policy.everyEvents), restored: .seconds(1))
        #expect(!pace.isDue(policy, at: next, now: Self.time(minutes: 0)))
        pace.worked += .seconds(10)
        #expect(pace.isDue(policy, at: next, now: Self.time(minutes: 0)))
        pace.take(at: EventID(policy.everyEvents), now: Self.time(minutes: 0))
        pace.worked += .seconds(10)
        #expect(!pace.isDue(policy, at: next, now: Self.time(minutes: 0)))
        pace.end()
        #expect(pace.isDue(policy, at: next, now: Self.time(minutes: 0)))
    }

    @Test func `The fold goes on while a snapshot is written, which is of the state that was taken`() throws {
        let test = try TestStore(reducers: ["counter": Self.counter], live: false)
        let snapshots = test.store.projections.snapshots
        let source = try test.store.reducers.source("counter")
        let now = Self.time(minutes: 0)
        let projection = try Projection(
            source,
            reducers: test.store.reducers,
            snapshots: snapshots,
            begins: true,
            now: now
        )
        test.append((0..<10).map { .numbered($0) })
        projection.advance(test.store.log, for: .seconds(10))
        let taken = try #require(try projection.takeSnapshot(test.store.log, now: now))
        #expect(snapshots.latest(of: source, through: EventID(100)) == nil, "nothing is on the disk yet")
        test.append((10..<15).map { .numbered($0) })
        projection.advance(test.store.log, for: .seconds(10))
        #expect(projection.status(test.store.log).position == EventID(15))
        var policy = SnapshotPolicy()
        policy.everyEvents = 1
        policy.workPerSnapshot = 0
        #expect(!projection.isSnapshotDue(policy, now: now))
        #expect(try projection.save(taken) != nil)
        #expect(projection.isSnapshotDue(policy, now: now))
        let saved = try #require(snapshots.latest(of: source, through: EventID(100)))
        #expect(saved.position == EventID(10) && saved.stateJSON == Array(#"{"n":10}"#.utf8))
        // What the fold has done since is next to nothing, beside a file that is written and synced.
        policy.workPerSnapshot = 1_000_000
        #expect(!projection.isSnapshotDue(policy, now: now))
    }

    @Test func `A state is tried again once the fold has worked for it, and at the tail by the clock`() throws {
        var check = StateCheck()
        func burn() {
            let begun = ProcessorTime.ofThread
            while ProcessorTime.ofThread - begun < .milliseconds(2) {}
        }
        try check.run(at: EventID(1), burn)
        #expect(!check.isDue(at: EventID(2), isBehind: false, asked: false))
        Thread.sleep(forTimeInterval: 0.3)
        #expect(check.isDue(at: EventID(2), isBehind: false, asked: false))
        #expect(!check.isDue(at: EventID(2), isBehind: true, asked: false))
        #expect(check.isDue(at: EventID(2), isBehind: true, asked: true))
        check.worked += .milliseconds(300)
        #expect(check.isDue(at: EventID(2), isBehind: true, asked: false))
        #expect(!check.isDue(at: EventID(1), isBehind: true, asked: true))
        try check.run(at: EventID(2), burn)
        #expect(!check.isDue(at: EventID(3), isBehind: true, asked: false))
    }

    @Test func `Whoever waits for the writer, or closes it, finds everything done that was added before`() {
        let done = Atomic<Int>(0)
        for isClosed in [false, true] {
            let writer = SnapshotWriter()
            writer.start()
            done.store(0, ordering: .relaxed)
            for _ in 0..<20 {
                writer.add {
                    Thread.sleep(forTimeInterval: 0.002)
                    done.add(1, ordering: .relaxed)
                }
            }
            if isClosed { writer.close() } else { writer.drain() }
            #expect(done.load(ordering: .relaxed) == 20)
            writer.close()
        }
    }
}
