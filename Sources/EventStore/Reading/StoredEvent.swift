// Owns: an event as readers of the store hand it about.

package import EventModel
import EventRecords
package import SegmentLog

/// An event as it lies in the log's memory. Cheap to hand about; holds the block it lies in alive.
package struct StoredEvent: Sendable {
    private let record: Record

    /// Throws `corrupt` where the record is none of ours, although its checksum is right: somebody else wrote it. Throws
    /// `later` where a later version did.
    package init(_ record: Record) throws(StoreError) {
        let legibility = record.withBody(EventParts.legibility)
        guard case .known = legibility else { throw StoreError(unreadable: EventID(record.id), legibility) }
        self.record = record
    }

    /// The same; nil where the record cannot be read and such are passed over, as other damage is.
    static func reading(_ record: Record, skippingDamage: Bool) throws(StoreError) -> StoredEvent? {
        do throws(StoreError) {
            return try StoredEvent(record)
        } catch {
            guard skippingDamage else { throw error }
            return nil
        }
    }

    package var id: EventID { EventID(record.id) }
    package var timestamp: Timestamp { Timestamp(record.time) }

    /// About how many bytes the event takes on the wire.
    package var approximateBytes: Int { record.bodyBytes + 200 }

    /// Gives `body` the parts of the event, valid within the call.
    package func withParts<Result>(_ body: (EventParts) throws -> Result) rethrows -> Result {
        try record.withBody { bytes in
            try body(EventParts(bytes, id: id, timestamp: timestamp, recordedAt: Timestamp(record.recordedAt)))
        }
    }

    /// The whole event, copied out.
    package var event: Event {
        withParts(Event.init)
    }
}
