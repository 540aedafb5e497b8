// Owns: the way from a record's body back to an event: whether it is one, its keys by their kinds, and its payload.

package import EventModel
import SegmentLog

extension EventParts {
    /// What is to be made of a record's body: as much as reading it safely takes. `EventCheck` asks for the rest.
    package static func legibility(of body: UnsafeRawBufferPointer) -> Legibility {
        var keys = Legibility.known
        let range = RecordBody.forEachKey(of: body) { key in
            // Each event that is read comes here, so what is known costs a look at a byte and no more.
            if case .known = KeyKind.legibility(ofKind: key[0]) { return true }
            keys = both(keys, KeyKind.legibility(ofKind: key[0]))
            return true
        }
        guard let range else { return .foreign }
        let payload = EventPayload.legibility(of: UnsafeRawBufferPointer(rebasing: body[range]))
        if case .known = keys { return payload }
        return both(keys, payload)
    }

    @inline(never)
    private static func both(_ one: Legibility, _ other: Legibility) -> Legibility { max(one, other) }

    /// The parts of a body that is `known`.
    package init(_ body: UnsafeRawBufferPointer, id: EventID, timestamp: Timestamp, recordedAt: Timestamp) {
        var category = UnsafeRawBufferPointer(start: nil, count: 0)
        var aggregateID = category
        var eventType = category
        var identifier: EventIdentifierParts?
        var tags: [UnsafeRawBufferPointer] = []
        let payloadRange = RecordBody.forEachKey(of: body) { key in
            let name = UnsafeRawBufferPointer(rebasing: key[1...])
            switch KeyKind(rawValue: key[0]) {
            case .category: category = name
            case .aggregate: aggregateID = name
            case .type: eventType = name
            case .uuid: identifier = .uuid(EventUUID(bytes: name))
            case .identifier: identifier = .text(name)
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
            identifier: identifier,
            tags: tags,
            metadata: layout.metadata.map { UnsafeRawBufferPointer(rebasing: payload[$0]) },
            isJoined: layout.isJoined
        )
    }
}

extension StoreError {
    /// Why an event that is not `known` cannot be given out.
    package init(unreadable id: EventID, _ legibility: Legibility) {
        if legibility == .later {
            self.init(.later, ids: [id, id], "event \(id) was written by a later version of evstore")
        } else {
            self.init(.corrupt, ids: [id, id], "the record is not an event")
        }
    }
}

extension Event {
    /// The whole event, copied out.
    package init(_ parts: EventParts) {
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
            identifier: parts.identifier?.text,
            tags: parts.tags.map(text),
            metadata: parts.metadata.map { Array($0) }
        )
    }
}
