// Owns: what a group commit is: which appends are let in, in which order they get their ids, how many go into one frame.
// Refuses to know: threads, queues, disks. It is driven by whoever holds the writer's role.

import EventModel
import EventRecords
import SegmentLog

/// Takes batches in and commits them. Not `Sendable`: it belongs to the writer's thread.
struct Committer {
    /// A frame is closed once it has so many bytes: large enough that the sync is spread thin, small enough that those
    /// who wait for it do not wait for long.
    private static let frameBytes = 4 << 20

    private let commitLog: any CommitLog
    private let log: SegmentLog
    private let clock: StoreClock
    private let report: @Sendable (String) -> Void
    private let limits: LookupLimits
    private let pace: AppendPace
    private var isClockBehind = false
    /// What owners have appended whose lookups are under way elsewhere; it comes after that.
    private var waiting: [ObjectIdentifier: AppendBatch] = [:]
    /// Why the store takes no more appends.
    private(set) var failure: StoreError?
    /// Whether a commit has closed a segment; whoever acts on it takes it back.
    var hasClosedSegment = false

    /// What came of a turn.
    struct Commitment {
        /// Batches of which every unit that is left has its outcome, in the order in which they are to be answered.
        var finished: [AppendBatch] = []
        /// Batches whose lookups take long.
        var parked: [AppendBatch] = []
        /// What lookups may take of the turn, of each of two kinds.
        let turn: Duration
        /// What they have taken, of those that came for the first time and of those that have come back.
        var spent = (new: Duration.zero, returned: Duration.zero)
    }

    init(
        _ commitLog: any CommitLog,
        log: SegmentLog,
        clock: StoreClock,
        limits: LookupLimits,
        pace: AppendPace,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.commitLog = commitLog
        self.log = log
        self.clock = clock
        self.limits = limits
        self.pace = pace
        self.report = report
    }

    /// Settles the units of the batches, in order, but for those whose lookups take long, which go to batches of their own, with
    /// what the same owners append after them. On return each of the others has its outcome, and what it says is durable. Lookups
    /// take less of the turn where the writer's role is borrowed.
    mutating func commit(_ batches: [AppendBatch], isBorrowed: Bool = false) -> Commitment {
        var pending = newFrame()
        var commitment = Commitment(turn: isBorrowed ? limits.borrowedTurn : limits.turn)
        // What has come back first: a frame that is empty asks nothing of it, and what it waits for has been waited for already.
        for batch in batches.filter(\.isSplit) + batches.filter({ !$0.isSplit }) {
            guard batch.isSplit, let owner = batch.units.first.map({ ObjectIdentifier($0.owner) }) else {
                take(batch, &pending, &commitment)
                continue
            }
            // There is another turn.
            guard commitment.spent.returned < commitment.turn else {
                batch.lookUpAnew()
                commitment.parked.append(batch)
                continue
            }
            let followers = waiting.removeValue(forKey: owner)
            take(batch, &pending, &commitment)
            guard let followers, !followers.isEmpty else { continue }
            if waiting[owner] == nil, followers.asksAnew {
                // Looked up as a whole, and not one by one here.
                waiting[owner] = followers.emptySplit()
                commitment.parked.append(followers)
            } else {
                take(followers, &pending, &commitment)
            }
        }
        flush(pending)
        return commitment
    }

    private mutating func take(
        _ batch: AppendBatch,
        _ pending: inout PendingFrame,
        _ commitment: inout Commitment
    ) {
        commitment.finished.append(batch)
        var parked: [ObjectIdentifier: AppendBatch] = [:]
        for unit in batch.units.indices {
            if !waiting.isEmpty {
                let owner = ObjectIdentifier(batch.units[unit].owner)
                if let waits = parked[owner] ?? waiting[owner] {
                    waits.adopt(unit, of: batch)
                    continue
                }
            }
            guard batch.units[unit].outcome == nil else { continue }
            if let failure {
                batch.settle(unit, .refused(failure))
                continue
            }
            let bytes = batch.units[unit].range.count
            guard bytes <= commitLog.maximumFrameBytes else {
                let limit = commitLog.maximumFrameBytes
                batch.settle(
                    unit,
                    .refused(StoreError(.tooBig, "\(bytes) bytes in one transaction; the limit is \(limit)"))
                )
                continue
            }
            let full = pending.frame.byteCount + bytes > min(Self.frameBytes, commitLog.maximumFrameBytes)
            if full, pending.frame.recordCount > 0 {
                flush(pending)
                pending = newFrame()
                if let failure {
                    batch.settle(unit, .refused(failure))
                    continue
                }
            }
            switch verdict(on: unit, of: batch, pending: &pending, &commitment) {
            case .letIn: pending.add(batch, unit: unit)
            case .outcome(let outcome): pending.settle(batch, unit: unit, outcome)
            case .takesLong:
                let owner = ObjectIdentifier(batch.units[unit].owner)
                let split = batch.emptySplit()
                batch.sendAway(unit, for: limits.whole)
                split.adopt(unit, of: batch)
                parked[owner] = split
                waiting[owner] = batch.emptySplit()
            }
        }
        commitment.parked += parked.values
    }

    /// Refuses what waits for lookups that will not come back.
    mutating func abandon() -> [AppendBatch] {
        defer { waiting = [:] }
        let rest = waiting.values.filter { !$0.isEmpty }
        for batch in rest { batch.refuseRest(StoreError(.failed, "the store is closing")) }
        return rest
    }

    mutating func idle() {
        guard failure == nil else { return }
        do {
            try commitLog.idle()
        } catch {
            note(error)
        }
    }

    /// Says that nothing more comes. Where that cannot be said, the next start finds the log as after a crash.
    mutating func rest() {
        guard failure == nil else { return }
        do {
            try commitLog.rest()
        } catch {
            report("the store was not closed in good order: \(error)")
        }
    }

    private mutating func note(_ error: StoreError) {
        if error.code == .failed { failure = error }
    }

    mutating func roll() throws(StoreError) -> ClosedRange<RecordID>? {
        if let failure { throw failure }
        do {
            return try commitLog.roll()
        } catch {
            note(error)
            throw error
        }
    }

    /// Whether the segment being written has been open for so long.
    func isDue(afterSeconds seconds: Int) -> Bool {
        guard failure == nil, seconds > 0, let since = commitLog.activeSince else { return false }
        return clock.now().nanoseconds(since: Timestamp(since)) / 1_000_000_000 >= Int64(seconds)
    }

    private mutating func newFrame() -> PendingFrame {
        let now = RecordTime(clock.now())
        let last = log.lastRecordedAt
        // Said once for each time that the clock has been set back.
        if now < last, !isClockBehind {
            let seconds = Timestamp(last).nanoseconds(since: Timestamp(now)) / 1_000_000_000
            report(
                "the clock runs \(seconds) s behind the last commit; until it catches up, events are recorded at that one's time"
            )
        }
        isClockBehind = now < last
        return PendingFrame(firstID: commitLog.nextID, recordedAt: max(now, last), clock: now)
    }

    private mutating func flush(_ pending: PendingFrame) {
        guard pending.frame.recordCount > 0 else { return }
        let rolls = commitLog.rolls
        defer { if commitLog.rolls > rolls { hasClosedSegment = true } }
        do {
            try commitLog.commit(pending.frame)
            pace.look()
        } catch {
            note(error)
            for (batch, unit) in pending.settled { batch.settle(unit, .refused(error)) }
        }
    }

    private enum Verdict {
        case letIn
        case outcome(AppendOutcome)
        /// What it asks is to be looked up elsewhere first.
        case takesLong
    }

    /// Whether a unit is appended: not where identifiers are known, or a condition does not hold.
    private func verdict(
        on unit: Int,
        of batch: AppendBatch,
        pending: inout PendingFrame,
        _ commitment: inout Commitment
    ) -> Verdict {
        guard batch.units[unit].asks else { return .letIn }
        let hasReturned = batch.units[unit].returns > 0
        // Nothing is begun that there is no time for: to make ready what is asked takes time, too.
        let left = commitment.turn - (hasReturned ? commitment.spent.returned : commitment.spent.new)
        guard left > .zero,
            hasReturned || batch.units[unit].questionCount <= limits.questions && !log.view.hasUnwalkedSegment
        else { return .takesLong }
        let begun = ContinuousClock.now
        var lookups = batch.takeLookups(of: unit, for: limits)
        let asking = batch.units[unit]
        var retry = asking.retry
        // The first that has come back has all of the turn, so that with each turn something is done.
        let allowed = min(hasReturned ? limits.unit * (1 << min(asking.returns, 10)) : limits.unit, left)
        defer {
            // They are let go of where the batch is: that of a thousand alternatives takes a while.
            batch.keep(lookups, retry, of: unit)
            let spent = ContinuousClock.now - begun
            if hasReturned { commitment.spent.returned += spent } else { commitment.spent.new += spent }
        }
        do throws(LogError) {
            switch try answer(asking, batch.buffer, &lookups, &retry, &pending, Work(until: begun + allowed)) {
            case .success(let outcome?): return .outcome(outcome)
            case .success(nil): return .letIn
            case .failure(let error): return .outcome(.refused(error))
            }
        } catch {
            return .takesLong
        }
    }

    /// Why a unit is not appended; nil to append it. Throws where the work ends.
    private func answer(
        _ unit: AppendBatch.Unit,
        _ buffer: RecordBuffer,
        _ lookups: inout [Lookup],
        _ retry: inout Retry.Progress,
        _ pending: inout PendingFrame,
        _ work: Work
    ) throws(LogError) -> Result<AppendOutcome?, StoreError> {
        var isClear = false
        if let union = unit.union {
            try Lookup.catchUp(&lookups, with: union, in: log, for: work)
            isClear = try pending.lastMatch(union, after: .zero, for: work) == nil
        }
        var found: [EventID?] = []
        let identifiers = unit.identifierCount
        for index in 0..<identifiers {
            switch try lookups[index].last(in: log, &pending, isClear: isClear, for: work) {
            case .success(let id): found.append(id)
            case .failure(let error): return .failure(error)
            }
        }
        // Identifiers come first: a retry of an append that succeeded is the same success, whatever its condition
        // would say now.
        do throws(StoreError) {
            let frame = pending.frame
            let known = try unit.answer(in: buffer, found, &retry) { (_) throws(StoreError) in
                try inLog { () throws(LogError) in try work.check() }
                return true
            } _: { (content, id, withTransaction) throws(StoreError) in
                try difference(of: content, from: id, frame, withTransaction)
            }
            if case .outcome(let outcome) = known { return .success(outcome) }
        } catch {
            // To read what is there takes long, too.
            try work.check()
            return .failure(error)
        }
        for (offset, condition) in unit.conditions.enumerated() {
            let tail = EventID(pending.frame.nextID.rawValue - 1)
            guard condition.after <= tail else {
                return .success(.refused(StoreError(position: condition.after, beyond: tail)))
            }
            switch try lookups[identifiers + offset].last(in: log, &pending, isClear: isClear, for: work) {
            case .failure(let error): return .failure(error)
            case .success(nil): continue
            case .success(let conflicting?):
                let reason = "an event that matches the condition exists after \(condition.after)"
                return .success(.refused(StoreError(.conflict, ids: [conflicting], reason)))
            }
        }
        return .success(nil)
    }

    /// In what an event differs from one that is stored, or that `frame` has; nil where in nothing.
    private func difference(
        of content: RecordContent,
        from id: EventID,
        _ frame: CommitFrame,
        _ withTransaction: Bool
    ) throws(StoreError) -> String? {
        if let difference = frame.withRecord(
            RecordID(id),
            { content.difference(from: RecordContent(body: $0, time: $1), withTransaction: withTransaction) }
        ) {
            return difference
        }
        return try content.difference(from: id, in: log, withTransaction: withTransaction)
    }
}
