// Owns: the glue between an event's meaning and a record's bytes, in both directions.

package import EventModel
package import SegmentLog

/// An event as it lies in the log's memory. Cheap to hand about; holds the block it lies in alive.
package struct StoredEvent: Sendable {
    private let record: Record

    /// Throws `corrupt` where the record is none of ours, although its checksum is right: somebody else wrote it.
    package init(_ record: Record) throws(StoreError) {
        guard record.withBody(EventParts.isEvent) else {
            let id = EventID(record.id)
            throw StoreError(.corrupt, ids: [id, id], "the record is not an event")
        }
        self.record = record
    }

    /// The same; nil where the record is none of ours and such are passed over, as other damage is.
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

extension EventParts {
    /// Whether a record's body is that of an event.
    static func isEvent(_ body: UnsafeRawBufferPointer) -> Bool {
        guard let payload = RecordBody.forEachKey(of: body, { _ in true }) else { return false }
        return EventPayload.layout(of: UnsafeRawBufferPointer(rebasing: body[payload])) != nil
    }

    /// The parts of the body of an event.
    init(_ body: UnsafeRawBufferPointer, id: EventID, timestamp: Timestamp, recordedAt: Timestamp) {
        var category = UnsafeRawBufferPointer(start: nil, count: 0)
        var aggregateID = category
        var eventType = category
        var uuid: EventUUID?
        var tags: [UnsafeRawBufferPointer] = []
        let payloadRange = RecordBody.forEachKey(of: body) { key in
            let name = UnsafeRawBufferPointer(rebasing: key[1...])
            switch KeyKind(rawValue: key[0]) {
            case .category: category = name
            case .aggregate: aggregateID = name
            case .type: eventType = name
            case .uuid: uuid = EventUUID(bytes: name)
            case .tag: tags.append(name)
            case nil: break
            }
            return true
        }
        guard let payloadRange else { preconditionFailure("a stored event has been looked at") }
        let payload = UnsafeRawBufferPointer(rebasing: body[payloadRange])
        guard let layout = EventPayload.layout(of: payload) else {
            preconditionFailure("a stored event has been looked at")
        }
        self.init(
            id: id,
            category: category,
            aggregateID: aggregateID,
            eventType: eventType,
            data: UnsafeRawBufferPointer(rebasing: payload[layout.data]),
            timestamp: timestamp,
            recordedAt: recordedAt,
            version: layout.version,
            uuid: uuid,
            tags: tags,
            metadata: layout.metadata.map { UnsafeRawBufferPointer(rebasing: payload[$0]) }
        )
    }
}

extension Event {
    init(_ parts: EventParts) {
        func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
        self.init(
            id: parts.id,
            category: text(parts.category),
            aggregateID: text(parts.aggregateID),
            eventType: text(parts.eventType),
            data: Array(parts.data),
            timestamp: parts.timestamp,
            recordedAt: parts.recordedAt,
            version: parts.version,
            uuid: parts.uuid,
            tags: parts.tags.map(text),
            metadata: parts.metadata.map { Array($0) }
        )
    }
}

extension EventID {
    init(_ id: RecordID) { self.init(id.rawValue) }
}

extension RecordID {
    /// The greatest number is no event's id and has no successor; the one before it bounds as much.
    init(_ id: EventID) { self.init(min(id.rawValue, .max - 1)) }
}

extension Timestamp {
    init(_ time: RecordTime) { self.init(nanoseconds: time.rawValue) }
}

extension RecordTime {
    init(_ time: Timestamp) { self.init(time.nanoseconds) }
}

extension RecordBuffer {
    /// Stages one event: the only copy of its bytes between the socket and the disk.
    package func append(_ event: borrowing NewEventParts) {
        let head = EventPayload.head(version: event.version, metadataBytes: event.metadata?.count)
        let metadata = event.metadata ?? UnsafeRawBufferPointer(start: nil, count: 0)
        var keyCount = 3
        var keyBytes = 3 + event.category.count + event.aggregateID.count + event.eventType.count
        if event.uuid != nil {
            keyCount += 1
            keyBytes += 17
        }
        for tag in event.tags {
            keyCount += 1
            keyBytes += 1 + tag.count
        }
        let (category, aggregateID, eventType, data) = (
            event.category, event.aggregateID, event.eventType, event.data
        )
        let (uuid, tags) = (event.uuid, event.tags)
        append(
            time: event.timestamp.map { RecordTime($0) },
            keyCount: keyCount,
            bodyBytes: RecordBody.bytes(
                keyCount: keyCount,
                keyBytes: keyBytes,
                payloadBytes: head.count + metadata.count + data.count
            )
        ) { writer in
            writer.key(kind: KeyKind.category.rawValue, category)
            writer.key(kind: KeyKind.aggregate.rawValue, aggregateID)
            writer.key(kind: KeyKind.type.rawValue, eventType)
            if let uuid {
                uuid.bytes.withUnsafeBytes { writer.key(kind: KeyKind.uuid.rawValue, $0) }
            }
            for tag in tags { writer.key(kind: KeyKind.tag.rawValue, tag) }
            head.withUnsafeBytes { writer.payload($0) }
            writer.payload(metadata)
            writer.payload(data)
        }
    }
}
