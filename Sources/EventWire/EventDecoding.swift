// Owns: reading an event back from a reply, in either dialect.

package import EventModel

extension Event {
    /// Nil where the reply is not an event. Fields that this version does not know are passed over.
    package init?(_ value: RESPValue) {
        guard let elements = value.elements, elements.count.isMultiple(of: 2) else { return nil }
        var fields = Fields()
        for index in stride(from: 0, to: elements.count, by: 2) {
            guard let name = elements[index].text else { return nil }
            fields.take(name, elements[index + 1])
        }
        guard let id = fields.id, let category = fields.category, let aggregateID = fields.aggregateID,
            let eventType = fields.eventType, let data = fields.data, let timestamp = fields.timestamp,
            let version = fields.version, let recordedAt = fields.recordedAt
        else { return nil }
        self.init(
            id: id,
            category: category,
            aggregateID: aggregateID,
            eventType: eventType,
            data: data,
            timestamp: timestamp,
            recordedAt: recordedAt,
            version: version,
            identifier: fields.identifier,
            tags: fields.tags,
            metadata: fields.metadata
        )
    }
}

private struct Fields {
    var id: EventID?
    var category: String?
    var aggregateID: String?
    var eventType: String?
    var data: [UInt8]?
    var timestamp: Timestamp?
    var version: UInt32?
    var recordedAt: Timestamp?
    var identifier: String?
    var tags: [String] = []
    var metadata: [UInt8]?

    mutating func take(_ name: String, _ value: RESPValue) {
        switch name {
        case "event_id": id = value.unsigned.map { EventID($0) }
        case "category": category = value.text
        case "aggregate_id": aggregateID = value.text
        case "event_type": eventType = value.text
        case "data": data = value.bytes
        case "timestamp": timestamp = value.text.flatMap { Timestamp(decimalSeconds: $0) }
        case "version": version = value.unsigned.flatMap { UInt32(exactly: $0) }
        case "recorded_at": recordedAt = value.text.flatMap { Timestamp(decimalSeconds: $0) }
        case "id": identifier = value.text
        case "tags": tags = value.elements?.compactMap(\.text) ?? []
        case "metadata": metadata = value.bytes
        default: break
        }
    }
}
