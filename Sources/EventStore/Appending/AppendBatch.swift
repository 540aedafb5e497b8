// Owns: what an event loop hands to the writer at once: staged events of its connections, cut into units that succeed or
// fail each on its own, and, when the writer is done, the outcome of each.

package import EventModel
import EventRecords
package import SegmentLog

/// The outcome of one unit.
package enum AppendOutcome: Sendable {
    /// The events have consecutive ids from this one on, and are durable.
    case appended(first: EventID)
    /// The identifiers were known: the events with these ids stand for the ones given, and nothing was appended.
    case existing([EventID])
    case refused(StoreError)
}

/// Who appends, where what is done for it ends with it.
package protocol AppendOwner: AnyObject {
    var work: Work { get }
    /// Users have equal shares of the time that is spent on looking things up.
    var user: UInt32 { get }
}

/// Where finished batches go: one object for each event loop, so that a loop is woken once for all its batches.
package protocol AppendSink: AnyObject, Sendable {
    /// Called by the writer's thread.
    func complete(_ batches: [AppendBatch])
}

/// Appends on their way to the writer and back.
///
/// `@unchecked Sendable` because a batch is handed over, never shared: an event loop fills it and submits it, the writer
/// works on it and hands it back.
package final class AppendBatch: @unchecked Sendable {
    struct Unit {
        /// Who is to have the outcome.
        let owner: AnyObject
        /// Where the records lie in the buffer.
        var range: Range<Int>
        /// Events of one transaction; or, where it is none, so many events that succeed or fail each on its own.
        var records: Int
        let isTransaction: Bool
        let conditions: [AppendCondition]
        /// One for each record, in order; empty where none has an identifier.
        let identifiers: [EventIdentifier?]
        /// For each record whether its answer says if it was there already; empty where none does.
        var reportsStatus: [Bool] = []
        /// What it asks of the log, once that has been begun, and the work that this is.
        var lookups: [Lookup]?
        var work: Work?
        /// What its lookups have left open, where they are many.
        var union: KeyExpression?
        /// How far it has been compared with what is stored under its identifiers.
        var retry = Retry.Progress()
        /// Up to where it is being looked up.
        var target: EventID?
        /// How often it has been looked up elsewhere.
        var returns = 0
        /// Whether it has gone to another batch, which settles it.
        var isMoved = false
        /// Whether these are single events without anything to be asked about them, to which more of the kind may be added.
        var isPlain = false
        var outcome: AppendOutcome?

        /// What the bookkeeping of one takes, about.
        static let memoryBytes = 256
    }

    /// So many events are looked through in one go, once that is all that is left to be looked up.
    private static let caughtUpEvents: UInt64 = 1 << 16
    /// Single events are settled together up to so many bytes: well below what a frame of the smallest segment holds.
    private static let unitBytes = 256 << 10

    package let sink: any AppendSink
    let buffer: RecordBuffer
    private(set) var units: [Unit] = []
    /// Whether everything in it is of one owner.
    private(set) var hasOneOwner = true
    /// Whether it was made of units of others, which have been looked up elsewhere or wait for such.
    private(set) var isSplit = false

    package init(sink: any AppendSink, capacity: Int = 4096) {
        self.sink = sink
        buffer = RecordBuffer(capacity: capacity)
    }

    package var isEmpty: Bool { units.isEmpty }
    package var byteCount: Int { buffer.byteCount }
    package var recordCount: Int { buffer.recordCount }
    /// Of what has an outcome of its own.
    package var unitCount: Int { units.count }
    /// Bytes of memory that what is staged takes, about.
    package var memoryBytes: Int { buffer.byteCount + Unit.memoryBytes * units.count }

    /// Adds one event that stands alone; it has been checked.
    package func append(
        _ event: borrowing NewEventParts,
        by owner: AnyObject,
        unless condition: AppendCondition? = nil,
        reportsStatus: Bool = false
    ) {
        let start = buffer.byteCount
        buffer.append(event)
        let range = start..<buffer.byteCount
        guard condition != nil || event.identifier != nil || reportsStatus else {
            return add(plain: range, records: 1, of: owner)
        }
        add(
            Unit(
                owner: owner,
                range: range,
                records: 1,
                isTransaction: false,
                conditions: condition.map { [$0] } ?? [],
                identifiers: event.identifier.map { [EventIdentifier($0)] } ?? [],
                reportsStatus: reportsStatus ? [true] : [],
                outcome: nil
            )
        )
    }

    /// Adds events that stand alone and have no options, of one owner, as many as `stage` stages; they have been checked.
    package func appendPlain(by owner: AnyObject, _ stage: (RecordBuffer) -> Void) {
        let (start, before) = (buffer.byteCount, buffer.recordCount)
        stage(buffer)
        guard buffer.recordCount > before else { return }
        add(plain: start..<buffer.byteCount, records: buffer.recordCount - before, of: owner)
    }

    /// Adds events that are appended together or not at all; they have been checked. Where they ask too much, they are refused.
    package func append(_ transaction: Transaction, by owner: AnyObject) {
        let start = buffer.byteCount
        if let excess = transaction.excess {
            add(
                Unit(
                    owner: owner,
                    range: start..<start,
                    records: transaction.count,
                    isTransaction: true,
                    conditions: [],
                    identifiers: [],
                    outcome: .refused(excess)
                )
            )
            return
        }
        let identifiers = transaction.events.enumerated().map { index, event in
            event.withParts { parts in
                buffer.append(parts, isJoined: index > 0)
                return parts.identifier.map { EventIdentifier($0) }
            }
        }
        add(
            Unit(
                owner: owner,
                range: start..<buffer.byteCount,
                records: transaction.events.count,
                isTransaction: true,
                conditions: transaction.conditions,
                identifiers: identifiers.contains { $0 != nil } ? identifiers : [],
                reportsStatus: transaction.reportsStatus.contains(true) ? transaction.reportsStatus : [],
                outcome: nil
            )
        )
    }

    /// Adds the place of an event that was refused before it was staged, so that outcomes keep their order.
    package func refuse(_ error: StoreError, to owner: AnyObject) {
        add(
            Unit(
                owner: owner,
                range: buffer.byteCount..<buffer.byteCount,
                records: 1,
                isTransaction: false,
                conditions: [],
                identifiers: [],
                outcome: .refused(error)
            )
        )
    }

    /// Visits the outcomes in the order of the appends. Single events that were appended in a row come as one outcome
    /// with their count.
    package func forEachOutcome(_ visit: (Settled) -> Void) {
        for unit in units where !unit.isMoved {
            guard let outcome = unit.outcome else { preconditionFailure("a batch is read after it was completed") }
            visit(
                Settled(
                    owner: unit.owner,
                    outcome: outcome,
                    records: unit.records,
                    isTransaction: unit.isTransaction,
                    reportsStatus: unit.reportsStatus,
                    memoryBytes: unit.range.count + Unit.memoryBytes
                )
            )
        }
    }

    /// Visits the owners, some of them more than once.
    package func forEachOwner(_ visit: (AnyObject) -> Void) {
        for unit in units where !unit.isMoved { visit(unit.owner) }
    }

    /// What became of some appends of one owner.
    package struct Settled {
        package let owner: AnyObject
        package let outcome: AppendOutcome
        package let records: Int
        package let isTransaction: Bool
        /// For each record whether its answer says if it was there already; empty where none does.
        package let reportsStatus: [Bool]
        /// What it had taken, as `AppendBatch.memoryBytes` counts.
        package let memoryBytes: Int
    }

    /// Lengthens the last unit, where it is of the same kind and owner.
    private func add(plain range: Range<Int>, records: Int, of owner: AnyObject) {
        if let last = units.indices.last, units[last].isPlain, units[last].owner === owner,
            units[last].range.count + range.count <= Self.unitBytes
        {
            units[last].range = units[last].range.lowerBound..<range.upperBound
            units[last].records += records
            return
        }
        add(
            Unit(
                owner: owner,
                range: range,
                records: records,
                isTransaction: false,
                conditions: [],
                identifiers: [],
                isPlain: true,
                outcome: nil
            )
        )
    }

    private func add(_ unit: Unit) {
        if let last = units.last, last.owner !== unit.owner { hasOneOwner = false }
        units.append(unit)
    }

    func settle(_ unit: Int, _ outcome: AppendOutcome) {
        units[unit].outcome = outcome
    }

    // MARK: Appends that wait

    /// A batch for units that wait for something, of the same sink.
    func emptySplit() -> AppendBatch {
        let split = AppendBatch(sink: sink, capacity: 256)
        split.isSplit = true
        return split
    }

    /// Takes over a unit of another batch.
    func adopt(_ unit: Int, of other: AppendBatch) {
        var adopted = other.units[unit]
        adopted.range = buffer.append(adopted.range, of: other.buffer, records: adopted.records)
        adopted.isPlain = false
        adopted.target = nil
        other.units[unit].isMoved = true
        add(adopted)
    }

    /// Takes what a unit asks, as far as that has come; to be given back by `keep`.
    func takeLookups(of unit: Int, for limits: LookupLimits) -> [Lookup] { units[unit].takeLookups(for: limits) }

    func keep(_ lookups: [Lookup], _ retry: Retry.Progress, of unit: Int) {
        units[unit].lookups = lookups
        units[unit].retry = retry
    }

    /// Who has appended what is in a split; it is of one owner.
    var user: UInt32 { (units.first?.owner as? any AppendOwner)?.user ?? .max }

    /// Has a unit looked up elsewhere.
    func sendAway(_ unit: Int, for limit: Duration) {
        units[unit].target = nil
        units[unit].returns += 1
        guard units[unit].work == nil else { return }
        units[unit].work = Work(within: limit, of: (units[unit].owner as? any AppendOwner)?.work)
    }

    /// Has everything in it looked up as far as the log has come by then.
    func lookUpAnew() {
        for unit in units.indices { units[unit].target = nil }
    }

    /// Whether something of it is to be looked up that has not been.
    var asksAnew: Bool { units.contains { $0.outcome == nil && $0.asks && $0.returns == 0 } }

    func refuseRest(_ error: StoreError) {
        for unit in units.indices where units[unit].outcome == nil { units[unit].outcome = .refused(error) }
    }

    /// What becomes of a unit of which an identifier is known; to compare it with what is there takes long, too.
    private func retryAnswer(
        of unit: Int,
        _ lookups: ArraySlice<Lookup>,
        in log: SegmentLog,
        until end: ContinuousClock.Instant,
        for work: Work
    ) -> Retry.Answer {
        var progress = units[unit].retry
        defer { units[unit].retry = progress }
        // So many are made at least, however short the time: to begin takes time, too.
        let enough = progress.compared + 64
        do throws(StoreError) {
            var found: [EventID?] = []
            for lookup in lookups { found.append(try lookup.found()) }
            return try units[unit].answer(in: buffer, found, &progress) { (compared: Int) throws(StoreError) in
                try inLog { () throws(LogError) in try work.check() }
                return compared < enough || ContinuousClock.now < end
            } _: { (content, id, withTransaction) throws(StoreError) in
                try content.difference(from: id, in: log, withTransaction: withTransaction)
            }
        } catch {
            return .outcome(.refused(error))
        }
    }

    /// Looks up what its units ask, for a slice of time; whether that is over. What takes too long is refused, and so is what
    /// nobody waits for any more.
    func lookUp(in log: SegmentLog, for limits: LookupLimits) -> Bool {
        let end = ContinuousClock.now + limits.slice
        var hasBegun = false
        for unit in units.indices where units[unit].outcome == nil && units[unit].asks {
            if units[unit].work == nil { sendAway(unit, for: limits.whole) }
            guard let work = units[unit].work else { preconditionFailure("what is sent away has its time") }
            let target = units[unit].target ?? EventID(log.view.tail)
            units[unit].target = target
            var lookups = units[unit].takeLookups(for: limits)
            defer { units[unit].lookups = lookups }
            let identifiers = units[unit].identifierCount
            var isSettled = false
            for index in lookups.indices {
                // The first that matches decides; identifiers come before conditions.
                if isSettled, index >= identifiers { break }
                if !lookups[index].isOver(at: target) {
                    if hasBegun, ContinuousClock.now >= end { return false }
                    hasBegun = true
                    guard lookups[index].advance(in: log, to: target, until: end, for: work) else { return false }
                }
                isSettled = isSettled || lookups[index].isSettled
            }
            // Where one is new, what comes before it in this batch may yet have it.
            if identifiers > 0, lookups[..<identifiers].allSatisfy(\.isSettled) {
                switch retryAnswer(of: unit, lookups[..<identifiers], in: log, until: end, for: work) {
                case .isNew: break
                case .outcome(let outcome): units[unit].outcome = outcome
                case .unfinished: return false
                }
            }
            if let ending = work.ending { units[unit].outcome = .refused(StoreError(.ended(ending))) }
            units[unit].union = units[unit].outcome == nil ? Lookup.union(of: lookups) : nil
            // What has come meanwhile is left to the writer, but not much of it.
            if let union = units[unit].union, let lag = lookups.map({ $0.lag(behind: EventID(log.view.tail)) }).max(),
                lag <= Self.caughtUpEvents
            {
                try? Lookup.catchUp(&lookups, with: union, in: log, for: work)
            }
        }
        return true
    }
}

extension AppendBatch.Unit {
    /// Whether something is to be looked up before it is let in.
    var asks: Bool { !identifiers.isEmpty || !conditions.isEmpty }

    var identifierCount: Int { identifiers.count { $0 != nil } }

    /// Identifiers, and names in conditions.
    var questionCount: Int {
        conditions.reduce(identifiers.count) { count, condition in
            condition.alternatives.reduce(count + 1) { $0 + $1.nameCount }
        }
    }

    /// What it asks, as far as that has come.
    mutating func takeLookups(for limits: LookupLimits) -> [Lookup] {
        defer { lookups = nil }
        return lookups ?? Lookup.all(identifiers: identifiers, conditions: conditions, for: limits)
    }
}

extension Criteria {
    fileprivate var nameCount: Int { categories.count + aggregates.count + types.count + tags.count }
}
