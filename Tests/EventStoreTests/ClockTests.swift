// Owns: that no clock, however wrong, ends the daemon: years that no timestamp can say, and jumps across all that can.

import EventModel
import Foundation
import Synchronization
import Testing

@testable import EventStore
@testable import SegmentLog

@Suite(.timeLimit(.minutes(20))) struct ClockTests {
    private static let earliest = Timestamp(nanoseconds: .min + 1)
    private static let year2326 = Int(11_234_000_000)
    private static let clocks: [Int64] = [.max, .min + 1, timestamp(year2326).nanoseconds, 0]

    private static func timestamp(_ seconds: Int, _ nanoseconds: Int = 0) -> Timestamp {
        Timestamp(timespec(tv_sec: seconds, tv_nsec: nanoseconds))
    }

    @Test func `A machine's clock becomes the nearest time that an event can have`() {
        #expect(Self.timestamp(1_700_000_000, 250_000_000).description == "1700000000.25")
        #expect(Self.timestamp(-1, 500_000_000).description == "-0.5")
        #expect(Self.timestamp(9_223_372_036, 854_775_807) == .distantFuture)
        for seconds in [9_223_372_037, Self.year2326, .max] { #expect(Self.timestamp(seconds, 1) == .distantFuture) }
        #expect(Self.timestamp(9_223_372_036, 999_999_999) == .distantFuture)
        #expect(Self.timestamp(-9_223_372_036, 0) > Self.earliest)
        for seconds in [-9_223_372_037, -Self.year2326, .min] { #expect(Self.timestamp(seconds, 1) == Self.earliest) }
        #expect(StoreClock.system.now() > Timestamp(nanoseconds: 0))
    }

    @Test func `The time between two moments is the most an integer holds where there is more`() {
        let (past, future) = (Self.earliest, Timestamp.distantFuture)
        #expect(future.nanoseconds(since: past) == .max && past.nanoseconds(since: future) == .min)
        #expect(future.nanoseconds(since: Timestamp(nanoseconds: -1)) == .max)
        #expect(Timestamp(nanoseconds: 5).nanoseconds(since: Timestamp(nanoseconds: 7)) == -2)
        #expect(Timestamp(nanoseconds: -7).nanoseconds(since: Timestamp(nanoseconds: -5)) == -2)
    }

    /// A store whose clock says what a test has put into it.
    private final class Hands: Sendable {
        private let time: Mutex<Timestamp>
        init(_ time: Timestamp) { self.time = Mutex(time) }
        var clock: StoreClock { StoreClock { self.time.withLock { $0 } } }
        func set(_ time: Timestamp) { self.time.withLock { $0 = time } }
    }

    @Test(arguments: clocks)
    func `A store with any clock appends, folds, takes snapshots, scrubs and opens again`(_ nanoseconds: Int64) throws {
        let directory = TemporaryDirectory()
        try directory.write(
            "return { reduce = function(s, e) return { n = (s.n or 0) + 1 } end }",
            to: "reducers/counter.lua"
        )
        var options = StoreOptions(directory: directory.path + "/data")
        options.log.segmentBytes = 1 << 20
        options.reducersDirectory = directory.path + "/reducers"
        options.projections = ["counter"]
        options.snapshots.everyMinutes = 1 << 31
        options.scrub.everySeconds = 0
        let hands = Hands(Timestamp(nanoseconds: nanoseconds))
        for life in 1...2 {
            let store = try EventStore.open(options, clock: hands.clock)
            store.batch { batch in NewEvent.numbered(life).withParts { batch.append($0) } }
            #expect(try store.projection("counter").json == #"{"n":\#(life)}"#)
            #expect(try store.snapshot().count == 1)
            let event = try #require(try store.event(EventID(UInt64(life)))?.event)
            #expect(event.recordedAt.nanoseconds == nanoseconds)
            #expect(try store.read(Filter(asOf: .time(event.recordedAt)), count: 9).count == life)
            #expect(eventually { store.info.scrub.passes > 0 })
            store.close()
        }
    }

    @Test(arguments: [42, 300] as [Int64])
    func `An event has the time that the clock said, also where that is behind the commits before it`(
        years: Int64
    ) throws {
        let directory = TemporaryDirectory()
        let options = StoreOptions(directory: directory.path + "/data")
        let (now, wrong) = (Timestamp(seconds: 1_700_000_000), Self.timestamp(1_700_000_000 + Int(years) * 31_557_600))
        let hands = Hands(now)
        func append(_ store: EventStore, at time: Timestamp, _ n: Int) {
            hands.set(time)
            store.batch { batch in NewEvent.numbered(n).withParts { batch.append($0) } }
        }
        for life in 0..<2 {
            let store = try EventStore.open(options, clock: hands.clock)
            if life == 0 {
                append(store, at: now, 1)
                append(store, at: wrong, 2)
            }
            append(store, at: now, 3)
            append(store, at: Timestamp(seconds: 1_700_000_001), 4)
            let events = try store.read(.all, count: 9).map(\.event)
            let times = [now, wrong] + (0...life).flatMap { _ in [now, Timestamp(seconds: 1_700_000_001)] }
            #expect(events.map(\.timestamp) == times)
            #expect(events.map(\.recordedAt) == [now] + times.dropFirst().map { _ in wrong })
            store.close()
        }
    }

    @Test func `The manifest follows the clock also where that is behind the commits before it`() throws {
        let directory = TemporaryDirectory()
        var options = StoreOptions(directory: directory.path + "/data")
        options.log.segmentBytes = 1 << 20
        // No marker, which has the manifest say how far the log has come, comes between.
        options.markAfterMilliseconds = 1 << 30
        let hands = Hands(Timestamp(seconds: 2_000_000_000))
        let store = try EventStore.open(options, clock: hands.clock)
        defer { store.close() }
        func append(at seconds: Int64) throws -> RecordID? {
            hands.set(Timestamp(seconds: seconds))
            store.batch { batch in NewEvent.numbered(1).withParts { batch.append($0) } }
            return try Manifest.read(store.log.disk, store.log.directory, store: store.log.store.store).entry?.tail
        }
        // Ahead, set back, and then going on from there.
        #expect(try append(at: 2_000_000_000) == .zero)
        #expect(try append(at: 1_700_000_000) == RecordID(2))
        #expect(try append(at: 1_700_000_000) == RecordID(2))
        #expect(try append(at: 1_700_000_001) == RecordID(4))
    }

    @Test func `A snapshot is due by the clock, in either direction, and no policy or jump of the clock is too large`()
        throws
    {
        let test = try TestStore(reducers: ["counter": "return { reduce = function(s, e) return {} end }"], live: false)
        let source = try test.store.reducers.source("counter")
        for (begun, now) in [(Int64.min + 1, Int64.max), (.max, .min + 1), (0, 600_000_000_000), (600_000_000_000, 0)] {
            let begun = Timestamp(nanoseconds: begun)
            let projection = try Projection(
                source,
                reducers: test.store.reducers,
                snapshots: test.store.projections.snapshots,
                begins: true,
                now: begun
            )
            var policy = SnapshotPolicy()
            #expect(!projection.isSnapshotDue(policy, now: Timestamp(nanoseconds: now)), "nothing has happened")
            test.append(.numbered(1))
            projection.advance(test.store.log, for: .seconds(10))
            #expect(projection.isSnapshotDue(policy, now: Timestamp(nanoseconds: now)))
            #expect(!projection.isSnapshotDue(policy, now: begun))
            policy.everyMinutes = 1 << 31
            #expect(!projection.isSnapshotDue(policy, now: Timestamp(nanoseconds: now)))
        }
    }
}
