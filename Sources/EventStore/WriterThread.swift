// Owns: the one thread that appends, and the inbox that everybody hands batches to. While it syncs, the next frame
// gathers: that is all there is to group commit.

import EventModel
import SegmentLog

/// The writer's thread. `submit` may be called from any thread.
final class WriterThread: Sendable {
    private struct Inbox {
        var batches: [AppendBatch] = []
        var bytes = 0
        /// Asked of the writer between two commits.
        var requests: [@Sendable (inout Committer) -> Void] = []
        var isClosed = false

        var hasWork: Bool { !batches.isEmpty || !requests.isEmpty }
    }

    private let inbox = Monitor(Inbox())
    private let thread: Monitor<NamedThread?>
    private let inboxLimit: Int
    private let callbacks: Callbacks

    /// What the thread tells others.
    struct Callbacks: Sendable {
        /// After a commit, when new events can be read.
        let committed: @Sendable () -> Void
        /// After a segment was closed, when it can be sealed.
        let rolled: @Sendable () -> Void
        /// Once, when the store can take no more appends.
        let failed: @Sendable (StoreError) -> Void
    }

    /// Starts the thread, which owns the committer from now on.
    init(_ committer: sending Committer, options: StoreOptions, callbacks: Callbacks) {
        inboxLimit = options.inboxBytes
        self.callbacks = callbacks
        thread = Monitor(nil)
        let box = Handover(committer)
        let inbox = inbox
        let started = NamedThread("ev-writer") {
            Self.run(box.take(), inbox: inbox, options: options, callbacks: callbacks)
        }
        thread.withLock { $0 = started }
    }

    /// Hands a batch over; its sink gets it back. False when the store has been closed, and the batch is untouched.
    func submit(_ batch: AppendBatch) -> Bool {
        inbox.update { inbox in
            guard !inbox.isClosed else { return false }
            inbox.batches.append(batch)
            inbox.bytes += batch.byteCount
            return true
        }
    }

    /// Whether more is staged than the writer should have waiting.
    var isCongested: Bool {
        inbox.withLock { $0.bytes > inboxLimit }
    }

    /// Closes the active segment, after everything submitted before.
    func roll(_ completion: @escaping @Sendable (Result<ClosedRange<RecordID>?, StoreError>) -> Void) {
        let callbacks = callbacks
        let accepted = request { committer in
            do throws(StoreError) {
                completion(.success(try committer.roll()))
                callbacks.rolled()
            } catch {
                completion(.failure(error))
            }
        }
        if !accepted { completion(.failure(StoreError(.failed, "the store is closing"))) }
    }

    /// Has the thread run something between two commits. False, and nothing is run, once the store is closed.
    func request(_ request: @escaping @Sendable (inout Committer) -> Void) -> Bool {
        inbox.update { inbox in
            if !inbox.isClosed { inbox.requests.append(request) }
            return !inbox.isClosed
        }
    }

    /// Finishes and acknowledges what has been submitted, then ends the thread.
    func close() {
        inbox.update { $0.isClosed = true }
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }

    private static func run(
        _ first: Committer, inbox: Monitor<Inbox>, options: StoreOptions, callbacks: Callbacks
    ) {
        var committer = first
        var hasFailed = false
        var isIdle = true
        func tellOfFailure() {
            guard let failure = committer.failure, !hasFailed else { return }
            hasFailed = true
            callbacks.failed(failure)
        }
        while true {
            let timeout = isIdle ? 1000 : options.markAfterMilliseconds
            let work = inbox.wait(timeoutMilliseconds: timeout) { inbox -> Inbox? in
                guard inbox.hasWork || inbox.isClosed else { return nil }
                let taken = inbox
                inbox.batches = []
                inbox.bytes = 0
                inbox.requests = []
                return taken
            }
            if let work, work.hasWork {
                if !work.batches.isEmpty {
                    committer.commit(work.batches)
                    callbacks.committed()
                    // Whoever is answered FAILED finds the store in that state.
                    tellOfFailure()
                    deliver(work.batches)
                }
                for request in work.requests { request(&committer) }
                isIdle = false
            } else {
                committer.idle()
                isIdle = true
            }
            if committer.isDue(afterSeconds: options.rollAfterSeconds) {
                _ = try? committer.roll()
                callbacks.rolled()
            }
            tellOfFailure()
            if let work, work.isClosed {
                committer.idle()
                return
            }
        }
    }

    /// Gives every sink its batches in one call, in the order they were submitted.
    private static func deliver(_ batches: [AppendBatch]) {
        var sinks: [any AppendSink] = []
        var grouped: [[AppendBatch]] = []
        for batch in batches {
            if let index = sinks.firstIndex(where: { $0 === batch.sink }) {
                grouped[index].append(batch)
            } else {
                sinks.append(batch.sink)
                grouped.append([batch])
            }
        }
        for (sink, batches) in zip(sinks, grouped) { sink.complete(batches) }
    }
}

/// Carries a value that is not `Sendable` into a thread that becomes its only owner.
///
/// `@unchecked Sendable` because it is filled before the thread starts, emptied by it, and seen by nobody else.
final class Handover<Value>: @unchecked Sendable {
    private var value: Value?

    init(_ value: sending Value) {
        self.value = value
    }

    func take() -> Value {
        guard let taken = value else { preconditionFailure("a handover is taken once") }
        value = nil
        return taken
    }
}
