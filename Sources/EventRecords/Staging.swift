// Owns: the way from an event to a record: the only copy of its bytes between the socket and the disk.

package import EventModel
package import SegmentLog

extension RecordBuffer {
    /// Stages one event without options, whose time is that of its commit.
    package func append(
        category: UnsafeRawBufferPointer,
        aggregateID: UnsafeRawBufferPointer,
        eventType: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer
    ) {
        let keyBytes = 3 + category.count + aggregateID.count + eventType.count
        append(
            time: nil,
            keyCount: 3,
            bodyBytes: RecordBody.bytes(keyCount: 3, keyBytes: keyBytes, payloadBytes: 1 + data.count)
        ) { writer in
            writer.key(kind: KeyKind.category.rawValue, category)
            writer.key(kind: KeyKind.aggregate.rawValue, aggregateID)
            writer.key(kind: KeyKind.type.rawValue, eventType)
            writer.payload(byte: EventPayload.plainHead)
            writer.payload(data)
        }
    }

    /// Stages one event; `isJoined` says that it is of one transaction with the event staged before it.
    package func append(_ event: borrowing NewEventParts, isJoined: Bool = false) {
        let head = EventPayload.head(
            version: event.version,
            metadataBytes: event.metadata?.count,
            isJoined: isJoined
        )
        let metadata = event.metadata ?? UnsafeRawBufferPointer(start: nil, count: 0)
        var keyCount = 3
        var keyBytes = 3 + event.category.count + event.aggregateID.count + event.eventType.count
        if let identifier = event.identifier {
            keyCount += 1
            keyBytes += identifier.keyBytes
        }
        for tag in event.tags {
            keyCount += 1
            keyBytes += 1 + tag.count
        }
        let (category, aggregateID, eventType, data) = (
            event.category, event.aggregateID, event.eventType, event.data
        )
        let (identifier, tags) = (event.identifier, event.tags)
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
            switch identifier {
            case .uuid(let uuid): uuid.bytes.withUnsafeBytes { writer.key(kind: KeyKind.uuid.rawValue, $0) }
            case .text(let text): writer.key(kind: KeyKind.identifier.rawValue, text)
            case nil: break
            }
            for tag in tags { writer.key(kind: KeyKind.tag.rawValue, tag) }
            head.withUnsafeBytes { writer.payload($0) }
            writer.payload(metadata)
            writer.payload(data)
        }
    }
}
