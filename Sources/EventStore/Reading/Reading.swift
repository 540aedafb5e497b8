// Owns: reads of events: by id, by filter, forwards and backwards, bounded in number and bytes.

package import EventModel
import EventRecords
package import SegmentLog

extension EventStore {
    /// The event of an id; nil where there is none.
    package func event(_ id: EventID) throws(StoreError) -> StoredEvent? {
        guard let record = try inLog({ () throws(LogError) in try log.view.record(RecordID(id)) }) else { return nil }
        return try StoredEvent(record)
    }

    /// The first events that match, at most `count` and about `byteLimit` bytes, but at least one; the last ones, newest
    /// first, where `reversed`. Throws `corrupt` where the next event to give lies in or behind damaged ids, `later` where a later
    /// version wrote it.
    package func read(
        _ filter: Filter,
        count: Int,
        reversed: Bool = false,
        byteLimit: Int = 8 << 20,
        for work: Work? = nil
    ) throws(StoreError) -> [StoredEvent] {
        let view = log.view
        var scan = LogScan(view, try LogQuery(filter, in: view, reversed: reversed), for: work)
        var events: [StoredEvent] = []
        var bytes = 0
        do {
            while events.count < count, let records = try inLog({ () throws(LogError) in try scan.next() }) {
                for record in records {
                    guard let event = try StoredEvent.reading(record, skippingDamage: filter.skipsDamage) else {
                        continue
                    }
                    // It is held as it was read, and as it is answered.
                    try inLog { () throws(LogError) in try work?.hold(2 * event.approximateBytes) }
                    bytes += event.approximateBytes
                    if !events.isEmpty, bytes > byteLimit { return events }
                    events.append(event)
                    if events.count == count { return events }
                }
            }
        } catch {
            // What lies before it is given out; whoever reads on from there meets the error.
            guard error.unreadable != nil, !events.isEmpty else { throw error }
        }
        return events
    }

    /// The last event that matches; zero where there is none. Throws as `read` does.
    package func last(_ filter: Filter, for work: Work? = nil) throws(StoreError) -> EventID {
        let view = log.view
        // Without criteria and bounds of time the end is the answer, be it readable or not.
        if filter.alternatives.isEmpty, filter.since == nil, filter.until == nil, filter.after == nil {
            return EventID(min(try LogQuery(filter, in: view).through, view.tail))
        }
        return try read(filter, count: 1, reversed: true, byteLimit: 0, for: work).first?.id ?? .zero
    }

    /// The events that `read` gives, the tail they were read by, and whether more of those that match come behind them.
    package func page(
        _ filter: Filter,
        count: Int,
        reversed: Bool = false,
        byteLimit: Int = 8 << 20,
        for work: Work? = nil
    ) throws(StoreError) -> (head: EventID, hasMore: Bool, events: [StoredEvent]) {
        let view = log.view
        let head = EventID(view.tail)
        // What is appended from now on is not part of it.
        var bounded = filter
        let bound = try filter.asOf.map { asOf throws(StoreError) in
            try view.bound(asOf, skippingDamage: filter.skipsDamage)
        }
        bounded.asOf = .id(min(bound.map { EventID($0) } ?? head, head))
        var events = try read(
            bounded,
            count: count < .max ? count + 1 : count,
            reversed: reversed,
            byteLimit: byteLimit,
            for: work
        )
        if events.count > count {
            events.removeLast(events.count - count)
            return (head, true, events)
        }
        guard let last = events.last else { return (head, false, []) }
        // It ended for want of bytes, or there is nothing more, or it stands before what cannot be read.
        if reversed { bounded.before = last.id } else { bounded.after = last.id }
        do throws(StoreError) {
            let rest = try read(bounded, count: 1, reversed: reversed, byteLimit: 0, for: work)
            return (head, !rest.isEmpty, events)
        } catch {
            guard error.unreadable != nil else { throw error }
            return (head, true, events)
        }
    }

    /// Whether these aggregates have so few events that whoever asks for them can be answered at once, on a thread that others
    /// wait for.
    package func hasFewEvents(_ aggregates: some Collection<String>) -> Bool {
        let (view, limit) = (log.view, 64)
        return aggregates.count <= 4
            && (try? view.hasFew(aggregates.map { KeyKind.aggregate.key($0) }, limit: limit)) == true
    }

    /// The blocks of the log that reach past an event, in a row as `TransferBlock` splits it, about `byteLimit` bytes of them
    /// but at least one; none where nothing comes after it. The first may begin before, the last may hold events that were
    /// appended since. Throws `corrupt` where the next event lies in damaged ids.
    package func blocks(after: EventID, byteLimit: Int, for work: Work? = nil) throws(StoreError) -> [UInt8] {
        let view = log.view
        try view.require(after)
        var scan = LogScan(view, LogQuery(after: RecordID(after)), for: work)
        var bytes: [UInt8] = []
        // The blocks, the reply that they are copied to, and what is written of it.
        try inLog { () throws(LogError) in try work?.hold(3 * byteLimit) }
        do {
            while bytes.count < byteLimit, try inLog({ () throws(LogError) in try scan.nextTransfer(to: &bytes) }) {
                if bytes.capacity < byteLimit { bytes.reserveCapacity(byteLimit + (64 << 10)) }
            }
        } catch {
            // As with any read: what lies before the damage is given out.
            guard error.unreadable != nil, !bytes.isEmpty else { throw error }
        }
        return bytes
    }

    /// How many events match.
    package func count(_ filter: Filter, for work: Work? = nil) throws(StoreError) -> Int {
        let view = log.view
        var scan = LogScan(view, try LogQuery(filter, in: view), for: work)
        return try inLog { () throws(LogError) in try scan.count() }
    }
}
