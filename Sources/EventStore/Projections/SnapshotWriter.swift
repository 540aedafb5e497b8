// Owns: the thread that compresses and writes snapshots, while the projections go on.

import DequeModule
import EventRecords

/// Work on snapshots, one after the other. May be used from any thread.
final class SnapshotWriter: Sendable {
    private let queue = Monitor(Queue())
    private let thread = OwnedThread()

    private struct Queue {
        var jobs: Deque<@Sendable () -> Void> = []
        var isWorking = false
        var isClosed = false

        var isIdle: Bool { jobs.isEmpty && !isWorking }
    }

    func start() {
        thread.start("ev-snapshot", niceness: 10) { self.run() }
    }

    func add(_ job: @escaping @Sendable () -> Void) {
        queue.update { $0.jobs.append(job) }
    }

    /// Returns once everything is done that had been added.
    func drain() {
        _ = queue.wait { $0.isIdle ? true : nil }
    }

    /// Ends the thread, once everything is done.
    func close() {
        queue.update { $0.isClosed = true }
        thread.join()
    }

    private func run() {
        while true {
            let job = queue.wait { queue -> (@Sendable () -> Void)?? in
                guard let job = queue.jobs.popFirst() else { return queue.isClosed ? .some(nil) : nil }
                queue.isWorking = true
                return job
            }
            guard case .some(.some(let job)) = job else { return }
            job()
            queue.update { $0.isWorking = false }
        }
    }
}
