// Owns: the writer's role, the thread that has it, and the inbox that everybody hands batches to. While the writer syncs,
// the next frame gathers: that is all there is to group commit.
//
// A client that is alone would pay two thread switches an append for a thread that does no more than it could itself.
// So the role can be borrowed: while commits have lately come one at a time, a caller whose batch is small may commit it
// on its own thread, if the role is free and nothing waits. Whoever comes meanwhile ends up in the inbox, which ends the
// solitude. The role is a lock; what it guards is the committer, and with it the log's writer.

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
        /// Commits in a row that were for one owner, with nothing in the inbox when they were done.
        var solitaryCommits = 0

        var hasWork: Bool { !batches.isEmpty || !requests.isEmpty }
    }

    /// Commits that must have been solitary before the role is lent.
    private static let solitude = 16
    /// The largest batch that is committed on the caller's thread, in bytes.
    private static let borrowedBytes = 16 << 10

    /// What the role comes with.
    private struct Role {
        var committer: Committer
        let callbacks: Callbacks
        var hasToldOfFailure = false

        /// Returns what can be answered.
        mutating func commit(_ batches: [AppendBatch], isBorrowed: Bool = false) -> [AppendBatch] {
            let commitment = committer.commit(batches, isBorrowed: isBorrowed)
            var finished = commitment.finished
            for batch in commitment.parked where !callbacks.parked(batch) {
                batch.refuseRest(StoreError(.failed, "the store is closing"))
                finished.append(batch)
            }
            callbacks.committed()
            if committer.hasClosedSegment {
                committer.hasClosedSegment = false
                callbacks.rolled()
            }
            tellOfFailure()
            return finished
        }

        /// Before anybody is answered FAILED, so that the store says it of itself by then.
        mutating func tellOfFailure() {
            guard let failure = committer.failure, !hasToldOfFailure else { return }
            hasToldOfFailure = true
            callbacks.failed(failure)
        }
    }

    private let role: Monitor<Role>
    private let inbox = Monitor(Inbox())
    private let thread = OwnedThread()
    private let inboxLimit: Int
    private let callbacks: Callbacks

    /// What the thread tells others.
    struct Callbacks: Sendable {
        /// After a commit, when new events can be read.
        let committed: @Sendable () -> Void
        /// After a segment was closed, when it can be sealed.
        let rolled: @Sendable () -> Void
        /// Given appends whose lookups take long; they come back by `submit`. False where nobody looks them up any more.
        let parked: @Sendable (AppendBatch) -> Bool
        /// Once, when the store can take no more appends.
        let failed: @Sendable (StoreError) -> Void
    }

    /// Starts the thread, which owns the committer from now on.
    init(_ committer: sending Committer, options: StoreOptions, pace: AppendPace, callbacks: Callbacks) {
        inboxLimit = options.inboxBytes
        self.callbacks = callbacks
        let (role, inbox) = (Monitor(Role(committer: committer, callbacks: callbacks)), inbox)
        self.role = role
        thread.start("ev-writer") {
            Self.run(role, inbox: inbox, pace: pace, options: options)
        }
    }

    /// Commits a small batch on the caller's thread, where the caller seems to be alone. On true every unit of the batch has its
    /// outcome, but for those that are looked up elsewhere, which the sink gets later; on false nothing has been done.
    func commitAlone(_ batch: AppendBatch) -> Bool {
        guard batch.hasOneOwner, batch.byteCount <= Self.borrowedBytes,
            inbox.withLock({ !$0.hasWork && !$0.isClosed && $0.solitaryCommits >= Self.solitude })
        else { return false }
        guard role.tryWithLock({ $0.commit([batch], isBorrowed: true) }) != nil else { return false }
        inbox.withLock { if $0.hasWork { $0.solitaryCommits = 0 } }
        return true
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

    /// Closes the active segment, after everything submitted before, unless there is an objection by then.
    func roll(
        unless objection: @escaping @Sendable () -> StoreError?,
        _ completion: @escaping @Sendable (Result<ClosedRange<RecordID>?, StoreError>) -> Void
    ) {
        let callbacks = callbacks
        let accepted = request { committer in
            do throws(StoreError) {
                // A store that takes no more appends says that, and nothing about how often it was asked.
                if committer.failure == nil, let objection = objection() { throw objection }
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
        thread.join()
    }

    private static func run(
        _ role: Monitor<Role>,
        inbox: Monitor<Inbox>,
        pace: AppendPace,
        options: StoreOptions
    ) {
        var isIdle = true
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
            pace.look()
            if let batches = work?.batches, !batches.isEmpty {
                let finished = role.withLock { $0.commit(batches) }
                inbox.withLock { inbox in
                    let isSolitary = batches.count == 1 && batches[0].hasOneOwner && !inbox.hasWork
                    inbox.solitaryCommits = isSolitary ? inbox.solitaryCommits + 1 : 0
                }
                deliver(finished)
            }
            let abandoned = role.withLock { role in
                work?.requests.forEach { $0(&role.committer) }
                if work?.isClosed == true { role.committer.rest() } else if work == nil { role.committer.idle() }
                if role.committer.isDue(afterSeconds: options.rollAfterSeconds) {
                    _ = try? role.committer.roll()
                    role.callbacks.rolled()
                }
                role.tellOfFailure()
                return work?.isClosed == true ? role.committer.abandon() : []
            }
            deliver(abandoned)
            isIdle = work == nil
            if let work, work.isClosed { return }
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
