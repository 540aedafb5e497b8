// Owns: an event on the wire: a map in RESP3, a flat array of fields and values in RESP2.

package import EventModel

extension EventParts {
    /// An upper bound of the bytes on the wire: 512 for field names, numbers and framing, 32 to frame each tag.
    fileprivate var capacity: Int {
        var size = 512 + category.count + eventType.count + aggregateID.count + data.count + (metadata?.count ?? 0)
        for tag in tags { size += 32 + tag.count }
        return size
    }
}

extension ReplyEncoder {
    package mutating func event(_ event: EventParts) {
        let version = version
        append(capacity: event.capacity) { writer in
            writer.write(event, version)
        }
    }

    /// What a subscription delivers: `ev.event <subscription> <event>`.
    package mutating func push(_ event: EventParts, subscription: UInt64) {
        precondition(version == .resp3, "RESP2 has no pushes")
        append(capacity: event.capacity + 64) { writer in
            writer.write(">3\r\n$8\r\nev.event\r\n")
            writer.write(":", subscription)
            writer.write(event, .resp3)
        }
    }
}

extension ByteWriter {
    fileprivate mutating func write(_ event: EventParts, _ version: RESPVersion) {
        var fields: UInt64 = 8
        if event.identifier != nil { fields += 1 }
        if !event.tags.isEmpty { fields += 1 }
        if event.metadata != nil { fields += 1 }
        version == .resp3
            ? write("%", fields, end: "\r\n$8\r\nevent_id\r\n")
            : write("*", 2 * fields, end: "\r\n$8\r\nevent_id\r\n")
        write(":", event.id.rawValue, end: "\r\n$8\r\ncategory\r\n")
        write(bulk: event.category, end: "\r\n$10\r\nevent_type\r\n")
        write(bulk: event.eventType, end: "\r\n$12\r\naggregate_id\r\n")
        write(bulk: event.aggregateID, end: "\r\n$4\r\ndata\r\n")
        write(bulk: event.data, end: "\r\n$9\r\ntimestamp\r\n")
        write(bulk: event.timestamp, end: "\r\n$7\r\nversion\r\n")
        write(":", UInt64(event.version), end: "\r\n$11\r\nrecorded_at\r\n")
        write(bulk: event.recordedAt)
        switch event.identifier {
        case .uuid(let uuid):
            write("$2\r\nid\r\n")
            write(bulk: uuid)
        case .text(let text):
            write("$2\r\nid\r\n")
            write(bulk: text)
        case nil: break
        }
        if !event.tags.isEmpty {
            write("$4\r\ntags\r\n")
            write("*", UInt64(event.tags.count))
            for tag in event.tags { write(bulk: tag) }
        }
        if let metadata = event.metadata {
            write("$8\r\nmetadata\r\n")
            write(bulk: metadata)
        }
    }
}
