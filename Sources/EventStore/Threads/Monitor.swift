// Owns: a lock with a condition, and a named thread: the two primitives that the store's threads are made of.

import Glibc

/// State behind a lock that threads can wait on.
///
/// `@unchecked Sendable` because every access to `state` is made with the mutex held.
final class Monitor<State>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state: State
    private var waiting = 0

    init(_ state: sending State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        condition = .allocate(capacity: 1)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func withLock<Result, Failure: Error>(_ body: (inout State) throws(Failure) -> Result) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// As `withLock`, where the lock is free; nil where it is not.
    func tryWithLock<Result>(_ body: (inout State) -> Result) -> Result? {
        guard pthread_mutex_trylock(mutex) == 0 else { return nil }
        defer { pthread_mutex_unlock(mutex) }
        return body(&state)
    }

    /// Changes the state and wakes whoever waits.
    func update<Result>(_ body: (inout State) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        let result = body(&state)
        if waiting > 0 { pthread_cond_broadcast(condition) }
        return result
    }

    /// Waits until `body` gives a result, and returns it; nil when `timeoutMilliseconds` have passed first.
    func wait<Result>(timeoutMilliseconds: Int? = nil, until body: (inout State) -> Result?) -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        var deadline = timespec()
        if let timeoutMilliseconds {
            clock_gettime(CLOCK_MONOTONIC, &deadline)
            let nanoseconds = deadline.tv_nsec + timeoutMilliseconds % 1000 * 1_000_000
            deadline.tv_sec += timeoutMilliseconds / 1000 + nanoseconds / 1_000_000_000
            deadline.tv_nsec = nanoseconds % 1_000_000_000
        }
        while true {
            if let result = body(&state) { return result }
            waiting += 1
            let status =
                timeoutMilliseconds == nil
                ? pthread_cond_wait(condition, mutex) : pthread_cond_timedwait(condition, mutex, &deadline)
            waiting -= 1
            if status == ETIMEDOUT { return body(&state) }
        }
    }
}

/// A thread with a name, which somebody joins; the store's are joined when it closes.
package final class NamedThread: Sendable {
    private final class Body: Sendable {
        let name: String
        let niceness: Int32
        let run: @Sendable () -> Void

        init(name: String, niceness: Int32, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.niceness = niceness
            self.run = run
        }
    }

    private let handle: pthread_t

    /// Starts the thread. `niceness` above zero makes it yield to the others: Linux schedules each thread by its own.
    package init(_ name: String, niceness: Int32 = 0, run: @escaping @Sendable () -> Void) {
        handle = Self.start(Body(name: name, niceness: niceness, run: run))
    }

    private static func start(_ body: Body) -> pthread_t {
        var handle = pthread_t()
        let status = pthread_create(&handle, nil, entry, Unmanaged.passRetained(body).toOpaque())
        precondition(status == 0, "a thread could not be started: error \(status)")
        return handle
    }

    private static let entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        let body = Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue()
        name(body.name)
        if body.niceness > 0 { setNiceness(body.niceness) }
        body.run()
        return nil
    }

    package func join() {
        pthread_join(handle, nil)
    }

    /// Has the calling thread yield to others from now on, or no longer; the latter where the system allows it (LimitNICE).
    static func setNiceness(_ niceness: Int32) {
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness)
    }

    /// Names the calling thread, for `top -H` and the like; at most 15 bytes are shown.
    private static func name(_ name: String) {
        let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = write(descriptor, name, name.utf8.count)
        close(descriptor)
    }
}

/// A thread that is started once and joined once, whoever asks first. May be used from any thread.
final class OwnedThread: Sendable {
    private let thread: Monitor<NamedThread?> = Monitor(nil)

    func start(_ name: String, niceness: Int32 = 0, run: @escaping @Sendable () -> Void) {
        let started = NamedThread(name, niceness: niceness, run: run)
        thread.withLock { $0 = started }
    }

    /// Waits until the thread has ended; it has been told to.
    func join() {
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }
}
