// Owns: waiting, as a task, for work on a thread of its own.

import EventStore

/// Work that keeps a thread busy, away from those that tasks share.
enum OwnThread {
    static func run<Result: Sendable>(_ name: String, _ body: @escaping @Sendable () -> Result) async -> Result {
        var thread: NamedThread?
        let result = await withCheckedContinuation { continuation in
            thread = NamedThread(name) { continuation.resume(returning: body()) }
        }
        thread?.join()
        return result
    }
}
