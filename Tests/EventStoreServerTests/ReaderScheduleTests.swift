// Owns: the promises about whose question is worked on next: equal shares, the short before the long, nobody all of it.

import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import EventStoreServer

@Suite struct ReaderScheduleTests {
    /// A clock that is put forward by hand.
    private final class Clock: Sendable {
        private let milliseconds = Atomic<Int64>(0)
        var now: NIODeadline { .uptimeNanoseconds(0) + .milliseconds(milliseconds.load(ordering: .relaxed)) }
        func advance(_ by: Int64) { milliseconds.wrappingAdd(by, ordering: .relaxed) }
    }

    private let clock = Clock()

    private func schedule(perUser: Int) -> ReaderSchedule {
        ReaderSchedule(perUser: perUser) { [clock] in clock.now }
    }

    private func job(_ user: UInt32, _ connection: Int64 = 1) -> ReaderJob {
        ReaderJob(ReaderPool.Asker(user: user, connection: connection)) { _ in }
    }

    @Test("One user has as many questions worked on as there are readers; another one is let in beside them")
    func spare() {
        var schedule = schedule(perUser: 2)
        for connection in 1...4 { schedule.add(job(1, Int64(connection))) }
        #expect(schedule.next().count == 2)
        let other = job(2)
        schedule.add(other)
        #expect(schedule.next().map(\.job.asker.user) == [2])
        schedule.add(job(3))
        #expect(schedule.next().isEmpty)
        #expect(schedule.working == 3)
        #expect(schedule.waiting == 3)
        schedule.finish(other)
        #expect(schedule.next().map(\.job.asker.user) == [3])
    }

    @Test("Whoever has had least goes on: what is short goes before what has taken long")
    func short() {
        var schedule = schedule(perUser: 1)
        let long = job(1, 1)
        schedule.add(long)
        #expect(schedule.next().count == 1)
        clock.advance(50)
        schedule.add(job(1, 2))
        #expect(schedule.next().isEmpty)
        schedule.interrupt(long)
        #expect(schedule.interrupted == 1)
        // The connection that has had nothing.
        #expect(schedule.next().map(\.job.asker.connection) == [2])
    }

    @Test("Users have equal shares, however many questions and connections each of them has")
    func shares() {
        var schedule = schedule(perUser: 1)
        // The first has ten connections, the second one.
        var jobs = (1...10).map { job(1, Int64($0)) } + [job(2)]
        for job in jobs { schedule.add(job) }
        var had: [UInt32: Int] = [:]
        var hadConnections: [Int64: Int] = [:]
        var working = schedule.next().map(\.job)
        for _ in 0..<2000 {
            clock.advance(1)
            let job = working.removeFirst()
            had[job.asker.user, default: 0] += 1
            if job.asker.user == 1 { hadConnections[job.asker.connection, default: 0] += 1 }
            schedule.interrupt(job)
            working += schedule.next().map(\.job)
        }
        jobs = []
        #expect(abs(had[1]! - had[2]!) <= 20, "\(had)")
        #expect(hadConnections.count == 10)
        #expect(hadConnections.values.max()! - hadConnections.values.min()! <= 5, "\(hadConnections)")
    }

    @Test("A rest is no credit: who comes back is where the others are, and does not have them wait for as long")
    func rest() {
        var schedule = schedule(perUser: 1)
        let first = job(1)
        schedule.add(first)
        _ = schedule.next()
        clock.advance(1000)
        schedule.interrupt(first)
        var had: [UInt32: Int] = [:]
        schedule.add(job(2, 1))
        schedule.add(job(3, 1))
        var working = schedule.next().map(\.job)
        for _ in 0..<300 {
            clock.advance(1)
            let job = working.removeFirst()
            had[job.asker.user, default: 0] += 1
            schedule.interrupt(job)
            working += schedule.next().map(\.job)
        }
        // The first has had a second alone, and still its part of what there is to share now.
        #expect((1...3).allSatisfy { abs(had[$0, default: 0] - 100) <= 5 }, "\(had)")
    }

    @Test("So many questions of a user are begun, and of all; those go on, and whoever has none may begin one")
    func begun() {
        var schedule = schedule(perUser: 1)
        func fill(_ user: UInt32) -> [ReaderJob] {
            var begun: [ReaderJob] = []
            for number in 0..<100 { schedule.add(job(user, Int64(number))) }
            while let next = schedule.next().first?.job {
                begun.append(next)
                // It waits for something.
                schedule.leave(next)
            }
            return begun
        }
        let first = fill(1)
        #expect(first.count == ReaderSchedule.maximumBegunOfUser)
        #expect(fill(2).count == ReaderSchedule.maximumBegun - ReaderSchedule.maximumBegunOfUser)
        #expect(fill(3).count == 1)
        schedule.add(first[0])
        #expect(schedule.next().map(\.job.asker.user) == [1])
    }

    @Test("Connections that ask once and go leave nothing behind in the schedule, with others and without")
    func passers() {
        for hasCompany in [false, true] {
            var schedule = schedule(perUser: 2)
            let long = job(1, 0)
            if hasCompany { schedule.add(long) }
            _ = schedule.next()
            for connection in 1...5000 {
                schedule.add(job(1, Int64(connection)))
                let next = schedule.next()
                #expect(next.count == 1)
                clock.advance(1)
                schedule.finish(next[0].job)
            }
            #expect(schedule.clocks <= 200, "\(schedule.clocks)")
        }
    }

    @Test("Who has had its allowance waits until a part of it is given back; whom it does not bind does not")
    func allowance() {
        let allowance = ReaderAllowance(secondsPerMinute: 6, unlimitedUsers: [0])
        var schedule = ReaderSchedule(perUser: 1, allowance: allowance) { [clock] in clock.now }
        for user: UInt32 in [0, 1] {
            let long = job(user)
            schedule.add(long)
            #expect(schedule.next().count == 1)
            clock.advance(7000)
            schedule.finish(long)
            schedule.add(job(user))
            #expect(schedule.next().count == (user == 0 ? 1 : 0))
        }
        let delay = schedule.nextAllowance.map { ($0 - clock.now).nanoseconds / 1_000_000 }
        // A second too much, of which a tenth is given back in a second.
        #expect(delay.map { (9990...10_010).contains($0) } == true, "\(String(describing: delay))")
        clock.advance(9000)
        #expect(schedule.next().isEmpty)
        clock.advance(1100)
        #expect(schedule.next().map(\.job.asker.user) == [1])
        #expect(schedule.nextAllowance == nil)
    }

    @Test("A pool goes on with a question whose user has an allowance again, though nothing else happens")
    func alarm() async throws {
        let pool = ReaderPool(readers: 1, allowance: ReaderAllowance(secondsPerMinute: 1))
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let asker = ReaderPool.Asker(user: 1, connection: 1)
        // What was spent is given back from its end on, however long it takes to be told of that.
        let end = Mutex(ContinuousClock.now)
        try await pool.run(for: asker, on: loop) { _ in
            for _ in 0..<11 { usleep(100_000) }
            end.withLock { $0 = .now }
        }.get()
        let begun = try await pool.run(for: asker, on: loop) { _ in ContinuousClock.now }.get()
        #expect(begun - end.withLock { $0 } > .milliseconds(300))
        await pool.close()
    }

    @Test("A pool does what it is given, interrupts what takes long, and ends with all it has begun")
    func pool() async throws {
        let pool = ReaderPool(readers: 1)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let isShortDone = Atomic(false)
        // One reader of the user, so that the second question is worked on while the first is.
        let long = pool.run(for: ReaderPool.Asker(user: 1, connection: 1), on: loop) { turn -> Bool in
            let end = NIODeadline.now() + .seconds(120)
            while !isShortDone.load(ordering: .sequentiallyConsistent), NIODeadline.now() < end { turn.step() }
            return isShortDone.load(ordering: .sequentiallyConsistent)
        }
        let short = pool.run(for: ReaderPool.Asker(user: 1, connection: 2), on: loop) { _ in
            isShortDone.store(true, ordering: .sequentiallyConsistent)
        }
        try await short.get()
        #expect(try await long.get())
        await pool.close()
        #expect(pool.figures.working == 0)
        await #expect(throws: ChannelError.self) {
            try await pool.run(for: ReaderPool.Asker(user: 1, connection: 1), on: loop) { _ in }.get()
        }
    }

    @Test("While a question waits for something else, others are answered")
    func idle() async throws {
        let pool = ReaderPool(readers: 1)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let isAnswered = loop.makePromise(of: Void.self)
        let waiting = pool.run(for: ReaderPool.Asker(user: 1, connection: 1), on: loop) { turn in
            turn.idle { try? isAnswered.futureResult.wait() }
        }
        pool.submit(for: ReaderPool.Asker(user: 1, connection: 2)) { _ in isAnswered.succeed(()) }
        try await waiting.get()
        await pool.close()
    }
}
