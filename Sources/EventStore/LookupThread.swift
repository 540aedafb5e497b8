// Owns: the thread that looks up what would keep the writer for long. Appends that wait for it take turns, so that a short look
// is soon over whatever the others ask.

import EventModel
import SegmentLog

/// Appends that wait for their lookups. May be used from any thread.
final class LookupThread: Sendable {
    private struct Inbox {
        var waiting: [AppendBatch] = []
        var isClosed = false
    }

    private let log: SegmentLog
    private let limits: LookupLimits
    private let inbox = Monitor(Inbox())
    private let thread = OwnedThread()

    init(_ log: SegmentLog, limits: LookupLimits) {
        self.log = log
        self.limits = limits
    }

    /// `done` takes what has been looked up.
    func start(_ done: @escaping @Sendable (AppendBatch) -> Void) {
        thread.start("ev-lookup", niceness: 5) { self.run(done) }
    }

    /// False once it is closed, and nothing has been done.
    func add(_ batch: AppendBatch) -> Bool {
        inbox.update { inbox in
            if !inbox.isClosed { inbox.waiting.append(batch) }
            return !inbox.isClosed
        }
    }

    /// Refuses what waits, and ends.
    func close() {
        inbox.update { $0.isClosed = true }
        thread.join()
    }

    private func run(_ done: (AppendBatch) -> Void) {
        func refuse(_ batch: AppendBatch) {
            batch.refuseRest(StoreError(.failed, "the store is closing"))
            done(batch)
        }
        while true {
            let next = inbox.wait { inbox -> (batches: [AppendBatch], isClosed: Bool)? in
                guard inbox.isClosed || !inbox.waiting.isEmpty else { return nil }
                if inbox.isClosed {
                    defer { inbox.waiting = [] }
                    return (inbox.waiting, true)
                }
                return ([inbox.waiting.removeFirst()], false)
            }
            guard let next else { continue }
            if next.isClosed {
                for batch in next.batches { refuse(batch) }
                return
            }
            for batch in next.batches {
                if batch.lookUp(in: log, for: limits) {
                    done(batch)
                } else if !add(batch) {
                    refuse(batch)
                }
            }
        }
    }
}
