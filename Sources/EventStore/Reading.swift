// Owns: reads of events: by id, by filter, forwards and backwards, bounded in number and bytes.

package import EventModel
import EventRecords
import SegmentLog

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
        byteLimit: Int = 8 << 20
    ) throws(StoreError) -> [StoredEvent] {
        let view = log.view
        var scan = LogScan(view, try LogQuery(filter, in: view, reversed: reversed))
        var events: [StoredEvent] = []
        var bytes = 0
        do {
            while events.count < count, let records = try inLog({ () throws(LogError) in try scan.next() }) {
                for record in records {
                    guard let event = try StoredEvent.reading(record, skippingDamage: filter.skipsDamage) else {
                        continue
                    }
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
    package func blocks(after: EventID, byteLimit: Int) throws(StoreError) -> [UInt8] {
        var scan = LogScan(log.view, LogQuery(after: RecordID(after)))
        var bytes: [UInt8] = []
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
    package func count(_ filter: Filter) throws(StoreError) -> Int {
        let view = log.view
        var scan = LogScan(view, try LogQuery(filter, in: view))
        return try inLog { () throws(LogError) in try scan.count() }
    }
}
