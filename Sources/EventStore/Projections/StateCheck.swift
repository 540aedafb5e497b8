// Owns: whether a projection's state can be written down, and where not, which event made it so. Lua holds what JSON has no
// word for (an infinite number, a function, a list with holes); a state with such a thing in it can neither be shown nor saved.

import EventModel
import EventRecords
import Reducers
import SegmentLog

/// When a state is tried next. To write it takes as long as it is large, so that is given a small part of the time: of the fold's own
/// while there is something to fold, since a thread that others keep from working has less than the clock says.
struct StateCheck {
    /// So many times the time that the last check took the processor lie between two, unless that is next to nothing.
    private static let rest = 50
    private static let nothing = Duration.microseconds(50)
    /// Whoever asks how things stand may wait for so long.
    private static let short = Duration.milliseconds(10)

    /// The state of this position could be written.
    private(set) var writable = EventID.zero
    private var next = ContinuousClock.now
    private var taken = Duration.zero
    /// The processor's time that the fold has had since.
    var worked = Duration.zero

    /// Whether the state of a position is to be tried now: because it is time, or, where that is soon done, because somebody asks.
    func isDue(at position: EventID, isBehind: Bool, asked: Bool) -> Bool {
        guard position > writable else { return false }
        if asked && isShort { return true }
        return isBehind ? worked >= rested : ContinuousClock.now >= next
    }

    private var rested: Duration { taken <= Self.nothing ? .zero : taken * Self.rest }

    /// Whether the last one took so little that whoever asks may wait for another.
    var isShort: Bool { taken <= Self.short }

    /// Runs `encode` for the state of a position, which is the last that could be written where it does not throw.
    mutating func run(at position: EventID, _ encode: () throws(StoreError) -> Void) throws(StoreError) {
        let begun = ProcessorTime.ofThread
        defer {
            taken = ProcessorTime.ofThread - begun
            next = .now + rested
            worked = .zero
        }
        try encode()
        writable = position
    }

    /// The state of this position has been written for another reason.
    mutating func note(writable position: EventID) { writable = max(writable, position) }
}

/// Finds the event after which a state could not be written any more.
struct UnwritableSearch {
    /// A state that could be written, as it was written.
    struct Base {
        var position: EventID
        var fold: FoldState
        /// Nil for the initial state.
        var stateJSON: [UInt8]?
    }

    struct Found {
        let event: EventID
        let reason: StoreError
        /// The last state that could be written.
        let fold: FoldState
    }

    let source: ReducerSource
    let reducers: ReducerLibrary
    let log: SegmentLog

    /// The first event after `base` whose state cannot be written, where that of `end` cannot; nil where it can, too. Halves the
    /// way, so that each event is folded about twice, however large the state. `trusted`, at or after `base`, is known to be writable.
    func first(after base: Base, writable trusted: EventID, unwritable end: EventID) throws(StoreError) -> Found? {
        var good = base
        if trusted > base.position { good = try self.base(at: trusted, from: base) ?? base }
        var (bad, reason) = (end, StoreError?.none)
        while bad.rawValue - good.position.rawValue > 1 {
            let middle = EventID(good.position.rawValue + (bad.rawValue - good.position.rawValue) / 2)
            do throws(StoreError) {
                guard let written = try self.base(at: middle, from: good) else {
                    good.position = middle
                    continue
                }
                good = written
            } catch {
                (bad, reason) = (middle, error)
            }
        }
        do throws(StoreError) {
            // The last step, or the only one.
            _ = try self.base(at: bad, from: good)
            guard let reason else { return nil }
            return Found(event: bad, reason: reason, fold: good.fold)
        } catch {
            return Found(event: bad, reason: error, fold: good.fold)
        }
    }

    /// The state of a position, folded from another; nil where no event between them reaches the reducer. Throws where it cannot
    /// be written.
    private func base(at position: EventID, from start: Base) throws(StoreError) -> Base? {
        let box = try reducers.make(source)
        if let stateJSON = start.stateJSON {
            do throws(ReducerError) {
                try box.reducer.restore(stateJSON: stateJSON, eventsProcessed: start.fold.eventsProcessed)
            } catch {
                throw StoreError(error, reducer: source.name, at: nil)
            }
        }
        var fold = start.fold
        let keys = KeyExpression().restricted(to: box.reducer.selection)
        let query = LogQuery(
            keys: keys,
            after: RecordID(start.position),
            through: RecordID(position),
            skipsDamage: true
        )
        var scan = LogScan(log.view, query)
        var batch = FoldBatch()
        while let records = try inLog({ () throws(LogError) in try scan.next() }) {
            var left = records[...]
            while !left.isEmpty {
                try batch.fold(&left, with: box.reducer, into: &fold, skippingDamage: true) { _ in }
            }
        }
        guard fold.eventsProcessed > start.fold.eventsProcessed else { return nil }
        do throws(ReducerError) {
            return Base(position: position, fold: fold, stateJSON: try box.reducer.stateJSON())
        } catch {
            throw StoreError(error, reducer: source.name, at: fold.lastEvent)
        }
    }
}
