// Owns: the thread that looks up what would keep the writer for long. Appends that wait for it take turns, those of all users
// equally many, so that a short look is soon over whatever the others ask.

import EventModel
import SegmentLog

/// Appends that wait for their lookups. May be used from any thread.
final class LookupThread: Sendable {
    private struct Inbox {
        var waiting = FairQueue<AppendBatch>()
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
            if !inbox.isClosed { inbox.waiting.add(batch, of: batch.user) }
            return !inbox.isClosed
        }
    }

    /// Refuses what waits, and ends.
    func close() {
        inbox.update { $0.isClosed = true }
        thread.join()
    }

    private enum Turn {
        case lookUp(AppendBatch, of: UInt32)
        case end([AppendBatch])
    }

    private func run(_ done: (AppendBatch) -> Void) {
        while true {
            let turn = inbox.wait { inbox -> Turn? in
                if inbox.isClosed { return .end(inbox.waiting.removeAll()) }
                guard let user = inbox.waiting.first else { return nil }
                return inbox.waiting.next(of: user).map { .lookUp($0, of: user) }
            }
            switch turn {
            case nil: continue
            case .lookUp(let batch, let user):
                let begun = ContinuousClock.now
                let isOver = batch.lookUp(in: log, for: limits)
                if isOver {
                    done(batch)
                } else if !add(batch) {
                    refuse(batch, done)
                }
                let time = ContinuousClock.now - begun
                inbox.withLock { $0.waiting.charge(time, to: user) }
            case .end(let batches):
                for batch in batches { refuse(batch, done) }
                return
            }
        }
    }

    private func refuse(_ batch: AppendBatch, _ done: (AppendBatch) -> Void) {
        batch.refuseRest(StoreError(.failed, "the store is closing"))
        done(batch)
    }
}
