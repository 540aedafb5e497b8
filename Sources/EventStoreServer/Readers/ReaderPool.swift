// Owns: the threads that answer questions.
//
// So many questions of one user are worked on at a time, and one more of anybody else's: no user ever has all readers. A
// question that takes long is interrupted at one of its steps, every millisecond, where another has had less of the readers.
// So what takes long gives way to what is short, and all who ask have equal shares; see ReaderSchedule. An interrupted
// question keeps its thread, which sleeps; so how many may have been begun is bounded as well.

import Dispatch
import EventStore
import NIOCore
import Synchronization

/// May be used from any thread.
final class ReaderPool: Sendable {
    /// Whose question it is.
    struct Asker: Hashable, Sendable {
        let user: UInt32
        let connection: Int64
    }

    /// What is to be done for somebody, by a thread of the pool. Without a turn where the pool closes: then it will not be done.
    typealias Body = @Sendable (ReaderTurn?) -> Void

    /// Threads that are kept though nothing is asked of them.
    private static let keptThreads = 4

    private struct State {
        var schedule: ReaderSchedule
        var idle: [ReaderThread] = []
        /// All that have not been joined.
        var threads: [ObjectIdentifier: NamedThread] = [:]
        /// Threads that have come to their end.
        var ended: [ObjectIdentifier] = []
        var isClosed = false
        /// Whether the schedule will be looked at when somebody has an allowance again.
        var isAlarmed = false
    }

    private let state: Mutex<State>
    /// Questions that wait for a turn. Those that are worked on look at it at every step.
    private let waiting = Atomic(0)

    /// `readers` questions of one user are worked on at a time.
    init(readers: Int, allowance: ReaderAllowance = ReaderAllowance()) {
        state = Mutex(State(schedule: ReaderSchedule(perUser: readers, allowance: allowance)))
    }

    /// Has something done in its turn.
    func submit(for asker: Asker, _ body: @escaping Body) {
        let job = ReaderJob(asker, body)
        let isTaken = change { state in
            guard !state.isClosed else { return false }
            state.schedule.add(job)
            return true
        }
        if !isTaken { body(nil) }
    }

    /// Has something done in its turn, and tells of its result. Fails where the pool closes.
    func run<Result: Sendable>(
        for asker: Asker,
        on eventLoop: any EventLoop,
        _ body: @escaping @Sendable (ReaderTurn) -> Result
    ) -> EventLoopFuture<Result> {
        let promise = eventLoop.makePromise(of: Result.self)
        submit(for: asker) { turn in
            if let turn { promise.succeed(body(turn)) } else { promise.fail(ChannelError.ioOnClosedChannel) }
        }
        return promise.futureResult
    }

    /// Begins nothing more, and returns once what has been begun is done. Whoever asked must have been told to end.
    func close() async {
        let (refused, idle) = state.withLock { state in
            state.isClosed = true
            defer { state.idle = [] }
            return (state.schedule.removeFresh(), state.idle)
        }
        for job in refused { job.body(nil) }
        for thread in idle { thread.begin(nil) }
        await withCheckedContinuation { done in
            DispatchQueue.global().async {
                while let thread = self.state.withLock({ $0.threads.popFirst()?.value }) { thread.join() }
                done.resume()
            }
        }
    }

    /// Questions that are worked on, that wait for their turn, and how many of these had one before.
    var figures: (working: Int, waiting: Int, interrupted: Int) {
        state.withLock { ($0.schedule.working, $0.schedule.waiting, $0.schedule.interrupted) }
    }

    // MARK: Turns

    /// Whether somebody waits for a turn.
    var isContended: Bool { waiting.load(ordering: .relaxed) > 0 }

    /// Lets whoever has had less go on before this one. Returns once it is this one's turn again.
    func pass(_ job: ReaderJob) {
        change { $0.schedule.interrupt(job) }
        job.sleep()
    }

    /// Lets others go on while `body` waits for something that needs no processor.
    func idle(_ job: ReaderJob, _ body: () -> Void) {
        change { $0.schedule.leave(job) }
        body()
        change { $0.schedule.add(job) }
        job.sleep()
    }

    /// Changes the state, then has whoever is next begin or go on.
    @discardableResult
    private func change<Result>(_ body: (inout State) -> Result) -> Result {
        let (result, next, threads, alarm) = state.withLock { state in
            let result = body(&state)
            let next = state.schedule.next()
            waiting.store(state.schedule.waiting, ordering: .relaxed)
            // Those that sleep on a thread have one.
            let threads = next.map { $0.isFirst ? state.idle.popLast() : nil }
            let alarm = state.isAlarmed ? nil : state.schedule.nextAllowance
            if alarm != nil { state.isAlarmed = true }
            return (result, next, threads, alarm)
        }
        if let alarm {
            let nanoseconds = Int(max(0, (alarm - .now()).nanoseconds))
            DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(nanoseconds)) {
                self.change { $0.isAlarmed = false }
            }
        }
        for (turn, thread) in zip(next, threads) {
            if turn.isFirst { (thread ?? fresh()).begin(turn.job) } else { turn.job.wake() }
        }
        return result
    }

    private func fresh() -> ReaderThread {
        let thread = ReaderThread()
        let named = NamedThread("ev-reader") { self.work(on: thread) }
        state.withLock { $0.threads[ObjectIdentifier(thread)] = named }
        return thread
    }

    /// What a thread does all its life.
    private func work(on thread: ReaderThread) {
        while let job = thread.next() {
            job.body(ReaderTurn(job, of: self))
            let ended = change { state -> [NamedThread] in
                state.schedule.finish(job)
                let ended = state.ended.compactMap { state.threads.removeValue(forKey: $0) }
                state.ended = []
                if state.isClosed {
                    thread.begin(nil)
                } else if state.idle.count >= Self.keptThreads {
                    state.ended.append(ObjectIdentifier(thread))
                    thread.begin(nil)
                } else {
                    state.idle.append(thread)
                }
                return ended
            }
            for thread in ended { thread.join() }
        }
    }
}

/// A question on its way through the pool.
///
/// `@unchecked Sendable` because the pool's lock guards what the schedule writes.
final class ReaderJob: @unchecked Sendable {
    let asker: ReaderPool.Asker
    let body: ReaderPool.Body
    /// Whether it has had a turn, and when its last began; the schedule's.
    var isBegun = false
    var since = NIODeadline.uptimeNanoseconds(0)
    private let turn = DispatchSemaphore(value: 0)

    init(_ asker: ReaderPool.Asker, _ body: @escaping ReaderPool.Body) {
        self.asker = asker
        self.body = body
    }

    fileprivate func wake() { turn.signal() }
    fileprivate func sleep() { turn.wait() }
}

/// A thread that waits for a question.
///
/// `@unchecked Sendable` because the semaphore hands its job over.
private final class ReaderThread: @unchecked Sendable {
    private var job: ReaderJob?
    private let signal = DispatchSemaphore(value: 0)

    /// Nil has it end.
    func begin(_ job: ReaderJob?) {
        self.job = job
        signal.signal()
    }

    func next() -> ReaderJob? {
        signal.wait()
        return job.take()
    }
}
