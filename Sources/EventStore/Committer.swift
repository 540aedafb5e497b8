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
    private var isClockBehind = false
    /// Why the store takes no more appends.
    private(set) var failure: StoreError?
    /// Whether a commit has closed a segment; whoever acts on it takes it back.
    var hasClosedSegment = false

    init(
        _ commitLog: any CommitLog,
        log: SegmentLog,
        clock: StoreClock,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.commitLog = commitLog
        self.log = log
        self.clock = clock
        self.report = report
    }

    /// Settles every unit of the batches, in order. On return each has its outcome, and what it says is durable.
    mutating func commit(_ batches: [AppendBatch]) {
        var pending = newFrame()
        for batch in batches {
            for unit in batch.units.indices where batch.units[unit].outcome == nil {
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
                if let outcome = objection(to: batch.units[unit], pending: &pending) {
                    pending.settle(batch, unit: unit, outcome)
                } else {
                    pending.add(batch, unit: unit)
                }
            }
        }
        flush(pending)
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
        } catch {
            note(error)
            for (batch, unit) in pending.settled { batch.settle(unit, .refused(error)) }
        }
    }

    /// Why a unit is not appended: identifiers that are known, or a condition that does not hold. Nil to append it.
    private func objection(to unit: AppendBatch.Unit, pending: inout PendingFrame) -> AppendOutcome? {
        guard !unit.identifiers.isEmpty || !unit.conditions.isEmpty else { return nil }
        do {
            // Identifiers come first: a retry of an append that succeeded is the same success, whatever its condition
            // would say now.
            if let known = try knownIdentifiers(unit.identifiers, pending: &pending) { return known }
            for condition in unit.conditions {
                let expression = KeyExpression(condition.alternatives)
                if let conflicting = try lastMatch(expression, after: condition.after, pending: &pending) {
                    return .refused(
                        StoreError(
                            .conflict,
                            ids: [conflicting],
                            "an event that matches the condition exists after \(condition.after)"
                        )
                    )
                }
            }
            return nil
        } catch {
            return .refused(error)
        }
    }

    private func knownIdentifiers(
        _ identifiers: [EventUUID?],
        pending: inout PendingFrame
    ) throws(StoreError) -> AppendOutcome? {
        var known: [EventID] = []
        var unknown = 0
        var seen: Set<EventUUID> = []
        for identifier in identifiers {
            guard let identifier else {
                unknown += 1
                continue
            }
            guard seen.insert(identifier).inserted else {
                return .refused(StoreError(.invalid, "the identifier \(identifier) occurs twice in one transaction"))
            }
            let expression = KeyExpression(alternatives: [[[identifier.key]]])
            if let id = try lastMatch(expression, after: .zero, pending: &pending) {
                known.append(id)
            } else {
                unknown += 1
            }
        }
        guard let first = known.first else { return nil }
        if unknown == 0 { return .existing(known) }
        return .refused(
            StoreError(.conflict, ids: [first], "some events of the transaction have been appended before, others not")
        )
    }

    private func lastMatch(
        _ expression: KeyExpression,
        after: EventID,
        pending: inout PendingFrame
    ) throws(StoreError) -> EventID? {
        if let id = pending.lastMatch(expression), id > after { return id }
        return try inLog { () throws(LogError) in
            var scan = LogScan(log.view, LogQuery(keys: expression, after: RecordID(after), reversed: true))
            return try scan.next()?.first.map { EventID($0.id) }
        }
    }
}
