// Owns: the threads that pack blocks of segments for whoever seals or merges. They run at the maintenance thread's priority; while
// that stands still, only a compaction that somebody has asked for gives them work.

import SegmentLog

/// The crew of a store. May be used from any thread.
final class PackingThreads: PackingCrew {
    /// A compressor that has not been used for so long is let go of, in milliseconds.
    private static let idleMilliseconds = 5000

    let width: Int
    private let niceness: Int32
    private let queue = Monitor(Queue())
    private let threads: [OwnedThread]

    private struct Queue {
        var tasks: [PackingTask] = []
        var isUrgent = false
        var isClosed = false
    }

    /// So many threads pack in all, with the one that asks.
    init(threads: Int, niceness: Int32) {
        width = max(threads, 1) - 1
        self.niceness = niceness
        self.threads = (0..<width).map { _ in OwnedThread() }
    }

    func start() {
        for thread in threads { thread.start("ev-pack", niceness: niceness) { self.run() } }
    }

    /// What has been taken and not begun, whoever gave it does itself.
    func close() {
        queue.update { ($0.isClosed, $0.tasks) = (true, []) }
        for thread in threads { thread.join() }
    }

    /// Whether the threads are to have as much of the machine as anybody.
    func set(isUrgent: Bool) {
        queue.withLock { $0.isUrgent = isUrgent }
    }

    func take(_ task: PackingTask) {
        guard width > 0 else { return }
        queue.update { queue in
            guard !queue.isClosed else { return }
            // What the writer has done itself meanwhile is of no more use here.
            if queue.tasks.count >= 4 * width { queue.tasks.removeAll(where: \.isDone) }
            queue.tasks.append(task)
        }
    }

    func wait(for task: PackingTask) {
        _ = queue.wait { _ in task.isDone ? () : nil }
    }

    private func run() {
        var priority = ThreadPriority(resting: niceness)
        var compressor: Compressor?
        while true {
            let next = queue.wait(timeoutMilliseconds: Self.idleMilliseconds) { queue -> (PackingTask?, Bool)? in
                if queue.isClosed { return (nil, false) }
                return queue.tasks.isEmpty ? nil : (queue.tasks.removeFirst(), queue.isUrgent)
            }
            guard let next else {
                compressor = nil
                continue
            }
            guard let task = next.0 else { return }
            priority.set(isUrgent: next.1)
            task.run { level in
                if compressor?.level != level { compressor = Compressor(level: level) }
                return compressor!
            }
            queue.update { _ in }
        }
    }
}
