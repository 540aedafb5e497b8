// Owns: how far a subscriber has come in the log, and what comes next. It holds no records: what does not fit a delivery is read
// again for the next one.

import EventModel
import EventRecords
import SegmentLog

/// A place in the log. What it remembers of a turn in which it found nothing has the next one go on there.
struct SubscriptionPlace: Sendable {
    /// What one delivery may hold.
    private static let batchEvents = 512
    private static let batchBytes = 256 << 10
    /// So long a turn lasts in any case, so that each comes further.
    private static let leastTime = Duration.microseconds(100)

    private var query: LogQuery
    /// Only what is committed by then, which may be a moment to come.
    private let asOf: Timestamp?
    /// A look that the end of a turn has put down, and up to where it goes. It keeps old segments alive.
    private var begun: (scan: LogScan, tail: RecordID)?

    init(_ query: LogQuery, recordedBy asOf: Timestamp?) {
        self.query = query
        self.asOf = asOf
    }

    /// All up to here has been dealt with.
    var position: RecordID {
        get { query.after }
        set { (query.after, begun) = (newValue, nil) }
    }

    /// Lets go of all but the position: there may be no next turn for long.
    mutating func rest() { begun = nil }

    /// The next events, at most one delivery; none where there are none, or none were found in the time.
    mutating func advance(_ log: SegmentLog, until end: ContinuousClock.Instant) throws(StoreError) -> [StoredEvent] {
        var events: [StoredEvent] = []
        do throws(StoreError) {
            guard var look = try look(in: log) else { return [] }
            look.scan.work = Work(until: max(end, .now + Self.leastTime))
            switch try advance(&look.scan, &events) {
            case .full: break
            case .atEnd: query.after = max(query.after, look.tail)
            case .timeUp: if events.isEmpty { begun = look }
            }
        } catch {
            // What lies before the damage is delivered first; the error comes with the next turn.
            if events.isEmpty { throw error }
        }
        return events
    }

    private enum Stop {
        case full
        case atEnd
        case timeUp
    }

    private mutating func advance(_ scan: inout LogScan, _ events: inout [StoredEvent]) throws(StoreError) -> Stop {
        var bytes = 0
        var isFull: Bool { events.count >= Self.batchEvents || bytes >= Self.batchBytes }
        while !isFull {
            let records: [Record]?
            do throws(LogError) {
                records = try scan.step()
            } catch {
                if case .ended = error { return .timeUp }
                throw StoreError(error)
            }
            guard let records else { return .atEnd }
            for record in records {
                if isFull { return .full }
                if let event = try StoredEvent.reading(record, skippingDamage: query.skipsDamage) {
                    bytes += event.approximateBytes
                    events.append(event)
                }
                query.after = record.id
            }
            query.after = scan.position
        }
        return .full
    }

    /// The look that was put down, or one at what there is now; nil at the tail.
    private mutating func look(in log: SegmentLog) throws(StoreError) -> (scan: LogScan, tail: RecordID)? {
        if let begun {
            self.begun = nil
            return begun
        }
        let view = log.view
        guard query.after < view.tail else { return nil }
        var query = query
        if let asOf {
            query.through = min(query.through, try view.bound(.time(asOf), skippingDamage: query.skipsDamage))
        }
        return (LogScan(view, query), view.tail)
    }
}
