// Owns: what an append asks of the log before it is let in, and how far that has been looked up. A long look is taken off the
// writer, and the writer looks through what has come since.

import EventModel
import EventRecords
import SegmentLog

/// How long looking up may take, and whom it keeps waiting meanwhile.
package struct LookupLimits: Sendable {
    /// What one append may take of the writer's time; beyond that it is looked up on a thread of its own. Twice as much each
    /// time that it comes back, at most the whole turn.
    package var unit = Duration.milliseconds(1)
    /// The same, of all appends of a turn, and of all that come back in a turn.
    package var turn = Duration.milliseconds(10)
    /// The same, of a turn that the writer's role was borrowed for: the thread that borrows it serves connections.
    package var borrowedTurn = Duration.milliseconds(1)
    /// An append that asks for more identifiers and names of its conditions than that is looked up elsewhere in any case.
    package var questions = 256
    /// A condition that has looked at so many blocks of events without an answer is refused: 40 MB of records, half a million small
    /// ones. Each takes 30 to 60 microseconds, so that is about a tenth of a second, in which others wait for the thread.
    package var blocks = 2048
    /// After so long the lookup thread goes on with the next append.
    package var slice = Duration.milliseconds(5)
    /// An append that takes longer is refused.
    package var whole = Duration.seconds(60)

    package init() {}
}

/// The search for the last event that matches something.
struct Lookup {
    private let expression: KeyExpression
    private let after: EventID
    /// Blocks that may be looked at.
    private let mostBlocks: Int
    /// Blocks that have been looked at, but for those of a look that was put down.
    private var blockCount = 0
    /// Nothing up to here matches.
    private var through: EventID
    private var result: Result<EventID, StoreError>?
    /// A look that was put down in the middle, and up to where it is to go.
    private var begun: (scan: LogScan, end: EventID)?

    private init(_ expression: KeyExpression, after: EventID, mostBlocks: Int) {
        self.expression = expression
        self.after = after
        self.mostBlocks = mostBlocks
        through = after
    }

    /// What an append asks: first whether its identifiers are known, then whether its conditions hold. An identifier is looked for
    /// in as many blocks as it takes: the index leads to one, unless it is damaged.
    static func all(
        identifiers: [EventIdentifier?],
        conditions: [AppendCondition],
        for limits: LookupLimits
    ) -> [Lookup] {
        var all: [Lookup] = []
        all.reserveCapacity(identifiers.count + conditions.count)
        for case let identifier? in identifiers {
            let key = KeyExpression(alternatives: [[[identifier.key]]])
            all.append(Lookup(key, after: .zero, mostBlocks: .max))
        }
        for condition in conditions {
            let keys = KeyExpression(condition.alternatives)
            all.append(Lookup(keys, after: condition.after, mostBlocks: limits.blocks))
        }
        return all
    }

    /// The last event that matches, as of a frame that is being gathered behind a log; where that is known to be clear, it is not
    /// searched. Throws `ended` where the work does, and has not come further then.
    mutating func last(
        in log: SegmentLog,
        _ pending: inout PendingFrame,
        isClear: Bool,
        for work: Work
    ) throws(LogError) -> Result<EventID?, StoreError> {
        if !isClear, let id = try pending.lastMatch(expression, after: after, for: work) { return .success(id) }
        let end = EventID(log.view.tail)
        if result == nil, through < end {
            var scan = scan(log.view, through: end, for: work)
            do throws(LogError) {
                while try step(&scan, to: end) {}
            } catch {
                if case .ended = error { throw error }
                result = .failure(StoreError(error))
            }
        }
        return result.map { $0.map { $0 } } ?? .success(nil)
    }

    /// Looks on until there is a result, all up to `target` has been looked through, or the time is up, and says whether it is
    /// over.
    mutating func advance(
        in log: SegmentLog,
        to target: EventID,
        until end: ContinuousClock.Instant,
        for work: Work
    ) -> Bool {
        do throws(LogError) {
            while !isOver(at: target) {
                var (scan, bound) = begun ?? (scan(log.view, through: target, for: work), target)
                begun = nil
                if try step(&scan, to: bound) {
                    begun = (scan, bound)
                    // At least one step is made, however short the time.
                    if ContinuousClock.now >= end { return false }
                }
            }
        } catch {
            result = .failure(StoreError(error))
        }
        return true
    }

    /// Makes one step of a scan up to `end`; whether another is to be made.
    private mutating func step(_ scan: inout LogScan, to end: EventID) throws(LogError) -> Bool {
        guard let records = try scan.step() else {
            blockCount += scan.blockCount
            through = end
            return false
        }
        if let id = records.first?.id {
            result = .success(EventID(id))
        } else if scan.blockCount > mostBlocks - blockCount {
            let reason =
                "the condition would have to look at more than \(mostBlocks) blocks of events "
                + "(limits.condition_blocks): give a later AFTER, or alternatives whose names fewer events share"
            result = .failure(StoreError(.budget, reason))
        }
        return result == nil
    }

    /// Whether it has a result, or has come so far.
    func isOver(at target: EventID) -> Bool { result != nil || through >= target }

    /// What those that have no result ask for together, ready to be matched; nil where they are looked up one by one, since they are
    /// few, or one of them asks for everything.
    static func union(of lookups: [Lookup]) -> KeyExpression? {
        let open = lookups.filter { $0.result == nil }.map(\.expression)
        guard open.count > few, !open.contains(where: \.isEmpty) else { return nil }
        let union = KeyExpression(
            alternatives: [[open.compactMap(\.soleKey)]]
                + open.filter { $0.soleKey == nil }.flatMap(\.alternatives)
        )
        union.compile()
        return union
    }

    /// Looks once, for all that have no result, through what has come since each was looked up; where nothing of it matches their
    /// union, none has to look itself.
    static func catchUp(
        _ lookups: inout [Lookup],
        with union: KeyExpression,
        in log: SegmentLog,
        for work: Work
    ) throws(LogError) {
        let view = log.view
        let open = lookups.filter { $0.result == nil }
        guard let through = open.first?.through, through < EventID(view.tail),
            open.allSatisfy({ $0.through == through })
        else { return }
        var scan = LogScan(view, LogQuery(keys: union, after: RecordID(through)), for: work)
        guard try scan.next() == nil else { return }
        for index in lookups.indices where lookups[index].result == nil { lookups[index].through = EventID(view.tail) }
    }

    /// How many events have come since it was looked up.
    func lag(behind tail: EventID) -> UInt64 { result == nil && through < tail ? tail.rawValue - through.rawValue : 0 }

    /// So many are looked up one by one.
    private static let few = 8

    /// What has been found so far.
    func found() throws(StoreError) -> EventID? { try result?.get() }

    /// Whether something was found, or nothing can be.
    var isSettled: Bool { result != nil }

    private func scan(_ view: LogView, through end: EventID, for work: Work) -> LogScan {
        LogScan(
            view,
            LogQuery(keys: expression, after: RecordID(through), through: RecordID(end), reversed: true),
            for: work
        )
    }
}
