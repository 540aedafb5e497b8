// Owns: whose question is worked on next: that of the user who has had the least of the readers' time, and of its connections
// the one that has.
//
// Each has a clock of its own, which a turn puts forward by what it took. Who is least far on is next. Who comes back from a
// rest is put forward to where the others are, since a rest is no credit; who has had more than its share and rests for a moment
// finds its clock where it was. This is start-time fair queueing (Goyal, Vin and Cheng, 1996), in two levels.

import HeapModule
import NIOCore

/// How much of the readers' time one user may have, however little others want of it.
struct ReaderAllowance: Sendable {
    /// In every minute, and at once; 0 for any.
    var secondsPerMinute: Int64 = 0
    /// Users whom it does not bind.
    var unlimitedUsers: Set<UInt32> = []

    fileprivate var nanoseconds: Int64 { secondsPerMinute * 1_000_000_000 }

    fileprivate func binds(_ user: UInt32) -> Bool { secondsPerMinute > 0 && !unlimitedUsers.contains(user) }

    /// Nanoseconds until so much is no longer too much.
    fileprivate func time(toGiveBack spent: Int64) -> Int64 {
        max(1_000_000, (spent - nanoseconds) / secondsPerMinute * 60 + 1_000_000)
    }
}

/// Used with the pool's lock held.
struct ReaderSchedule {
    /// Questions that may have been begun and not be answered yet, of one user and of all: each has a thread, and holds what it has
    /// gathered. Beyond the second a user may have one, up to the third. The service's unit has room for as many threads.
    static let maximumBegunOfUser = 32
    static let maximumBegun = 64
    static let maximumThreads = 256

    /// A question that waits, by the clock of its connection; of equal ones the earlier.
    private struct Entry: Comparable {
        let clock: UInt64
        let number: UInt64
        let job: ReaderJob

        static func < (left: Entry, right: Entry) -> Bool {
            (left.clock, left.number) < (right.clock, right.number)
        }

        static func == (left: Entry, right: Entry) -> Bool { left.number == right.number }
    }

    private struct User {
        /// Nanoseconds.
        var clock: UInt64 = 0
        /// Of its connections, and where those begin that come.
        var clocks: [Int64: UInt64] = [:]
        var connectionClock: UInt64 = 0
        /// How many clocks there were when those of the resting were forgotten last.
        var keptClocks = 0
        /// Those that have not been begun, and those that have.
        var fresh = Heap<Entry>()
        var interrupted = Heap<Entry>()
        var working = 0
        var begun = 0
        /// Nanoseconds it has had that count against its allowance, at a moment.
        var spent: Int64 = 0
        var spentAt = NIODeadline.uptimeNanoseconds(0)

        var isResting: Bool { fresh.isEmpty && interrupted.isEmpty && working == 0 }

        /// Takes out the question that is to go on next.
        mutating func next(begunOfAll: Int) -> ReaderJob? {
            let mayBegin =
                begunOfAll < ReaderSchedule.maximumBegun && begun < ReaderSchedule.maximumBegunOfUser
                || begunOfAll < ReaderSchedule.maximumThreads && begun == 0
            guard let entry = [interrupted.min, mayBegin ? fresh.min : nil].compactMap(\.self).min() else { return nil }
            if entry.job.isBegun { interrupted.removeMin() } else { fresh.removeMin() }
            connectionClock = max(connectionClock, entry.clock)
            return entry.job
        }

        /// What counts against the allowance, which is given back over a minute.
        func spent(at now: NIODeadline, _ allowance: ReaderAllowance) -> Int64 {
            let givenBack = Double((now - spentAt).nanoseconds) / 60 * Double(allowance.secondsPerMinute)
            return givenBack < Double(spent) ? spent - Int64(givenBack) : 0
        }

        /// Whoever comes is put forward to the one of those that go on who is least far on. Where none does, all begin anew.
        mutating func catchUp(_ working: some Sequence<ReaderJob>) {
            let going =
                working.compactMap { clocks[$0.asker.connection] }
                + [fresh.min?.clock, interrupted.min?.clock].compactMap(\.self)
            guard let least = going.min() else {
                connectionClock = 0
                return clocks = [:]
            }
            connectionClock = max(connectionClock, least)
            // Those that rest, and are where a newcomer would be.
            guard clocks.count > 2 * keptClocks + 64 else { return }
            clocks = clocks.filter { $0.value > connectionClock }
            keptClocks = clocks.count
        }
    }

    private let perUser: Int
    private let allowance: ReaderAllowance
    private let now: @Sendable () -> NIODeadline
    private var users: [UInt32: User] = [:]
    /// Where newcomers begin: no less far on than whoever of those that go on is least.
    private var clock: UInt64 = 0
    private var number: UInt64 = 0
    private var running: [ReaderJob] = []
    private var begun = 0

    private(set) var working = 0
    private(set) var waiting = 0
    private(set) var interrupted = 0

    /// `perUser` questions of one user are worked on at a time, and one more of all.
    init(
        perUser: Int,
        allowance: ReaderAllowance = ReaderAllowance(),
        now: @escaping @Sendable () -> NIODeadline = { .now() }
    ) {
        self.perUser = max(perUser, 1)
        self.allowance = allowance
        self.now = now
    }

    /// A question has come, or has what it waited for.
    mutating func add(_ job: ReaderJob) {
        number += 1
        waiting += 1
        if job.isBegun { interrupted += 1 }
        charge()
        var user = users.removeValue(forKey: job.asker.user) ?? User()
        user.catchUp(running.lazy.filter { $0.asker.user == job.asker.user })
        if user.isResting { user.clock = max(user.clock, clock) }
        let clock = max(user.clocks[job.asker.connection] ?? 0, user.connectionClock)
        user.clocks[job.asker.connection] = clock
        let entry = Entry(clock: clock, number: number, job: job)
        if job.isBegun { user.interrupted.insert(entry) } else { user.fresh.insert(entry) }
        users[job.asker.user] = user
    }

    /// Those that are to begin, which is their first turn, or to go on.
    mutating func next() -> [(job: ReaderJob, isFirst: Bool)] {
        var next: [(ReaderJob, Bool)] = []
        while waiting > 0, working <= perUser, let job = nextJob() {
            next.append((job, !job.isBegun))
            working += 1
            waiting -= 1
            if job.isBegun { interrupted -= 1 }
            if !job.isBegun { begun += 1 }
            (job.isBegun, job.since) = (true, now())
            running.append(job)
        }
        return next
    }

    private mutating func nextJob() -> ReaderJob? {
        let time = now()
        // One that has nothing that may be begun is passed over.
        var passedOver: Set<UInt32> = []
        while let number = first(at: time, but: passedOver) {
            if let job = users[number]?.next(begunOfAll: begun) {
                users[number]?.working += 1
                if !job.isBegun { users[number]?.begun += 1 }
                clock = max(clock, users[number]?.clock ?? 0)
                return job
            }
            passedOver.insert(number)
        }
        return nil
    }

    /// Who has had least of those who wait and may go on.
    private func first(at time: NIODeadline, but passedOver: Set<UInt32>) -> UInt32? {
        var first: (clock: UInt64, number: UInt32)?
        for (number, user) in users where user.working < perUser && !(user.fresh.isEmpty && user.interrupted.isEmpty) {
            guard first.map({ (user.clock, number) < ($0.clock, $0.number) }) ?? true else { continue }
            guard !passedOver.contains(number), !isSpent(number, user, at: time) else { continue }
            first = (user.clock, number)
        }
        return first?.number
    }

    private func isSpent(_ number: UInt32, _ user: User, at now: NIODeadline) -> Bool {
        allowance.binds(number) && user.spent(at: now, allowance) >= allowance.nanoseconds
    }

    /// When somebody who waits has an allowance again; nil where nobody waits for that.
    var nextAllowance: NIODeadline? {
        guard allowance.secondsPerMinute > 0 else { return nil }
        let time = now()
        return users.filter { number, user in
            !(user.fresh.isEmpty && user.interrupted.isEmpty) && isSpent(number, user, at: time)
        }
        .map { time + .nanoseconds(allowance.time(toGiveBack: $0.value.spent(at: time, allowance))) }.min()
    }

    /// Puts the clocks of those that are worked on forward to now, and with them the clock that newcomers begin by.
    private mutating func charge() {
        let time = now()
        for job in running {
            let nanoseconds = max(0, (time - job.since).nanoseconds)
            job.since = time
            guard var user = users.removeValue(forKey: job.asker.user) else { continue }
            user.clock += UInt64(nanoseconds)
            user.clocks[job.asker.connection, default: user.connectionClock] += UInt64(nanoseconds)
            (user.spent, user.spentAt) = (user.spent(at: time, allowance) + nanoseconds, time)
            users[job.asker.user] = user
        }
        let going = users.values.lazy.filter { !$0.isResting }.map(\.clock)
        if let least = going.min() {
            clock = max(clock, least)
        } else {
            // Nobody is to be compared with.
            clock = 0
            users = users.filter {
                $0.value.begun > 0 || allowance.binds($0.key) && $0.value.spent(at: time, allowance) > 0
            }
            .mapValues { user in
                var user = user
                user.clock = 0
                return user
            }
        }
    }

    /// A question's turn is over.
    mutating func leave(_ job: ReaderJob) {
        charge()
        working -= 1
        running.removeAll { $0 === job }
        users[job.asker.user]?.working -= 1
    }

    /// A question's turn is over, and it waits for the next.
    mutating func interrupt(_ job: ReaderJob) {
        leave(job)
        add(job)
    }

    /// A question has been answered.
    mutating func finish(_ job: ReaderJob) {
        leave(job)
        begun -= 1
        users[job.asker.user]?.begun -= 1
        users[job.asker.user]?.catchUp(running.lazy.filter { $0.asker.user == job.asker.user })
        charge()
    }

    /// How many clocks are kept.
    var clocks: Int { users.count + users.values.reduce(0) { $0 + $1.clocks.count } }

    /// Takes out whatever has not been begun.
    mutating func removeFresh() -> [ReaderJob] {
        var removed: [ReaderJob] = []
        for number in users.keys {
            removed += users[number]?.fresh.unordered.map(\.job) ?? []
            users[number]?.fresh = Heap()
        }
        waiting -= removed.count
        return removed
    }
}
