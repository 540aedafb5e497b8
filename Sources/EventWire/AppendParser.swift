// Owns: the arguments of EV.APPEND, the one command that is parsed a million times a second.

package import EventModel

extension AppendRequest {
    /// `EV.APPEND category aggregate type data [options]`; the caller has counted the arguments.
    package init(_ arguments: ArgumentList) throws(StoreError) {
        var cursor = ArgumentCursor(arguments)
        event = NewEventParts(
            category: try cursor.nameBytes("category"),
            aggregateID: try cursor.nameBytes("aggregate"),
            eventType: try cursor.nameBytes("type"),
            data: try cursor.required("data")
        )
        if arguments.count > 5 { try takeOptions(&cursor) }
    }

    private mutating func takeOptions(_ cursor: inout ArgumentCursor) throws(StoreError) {
        var version: UInt32?
        while let keyword = cursor.keyword() {
            switch keyword {
            case "TIMESTAMP": try cursor.set(&event.timestamp, cursor.time(), "TIMESTAMP")
            case "VERSION": try cursor.set(&version, cursor.number(1...UInt32.max, "an integer"), "VERSION")
            case "ID": try cursor.set(&event.uuid, cursor.uuid(), "ID")
            case "TAG": event.tags.append(try cursor.nameBytes("tag"))
            case "METADATA": try cursor.set(&event.metadata, cursor.required("a JSON object"), "METADATA")
            case "UNLESS": unless = try AppendCondition(&cursor)
            default: throw cursor.unexpected("TIMESTAMP, VERSION, ID, TAG, METADATA or UNLESS")
            }
        }
        event.version = version ?? 1
    }
}

extension AppendCondition {
    /// `FILTER… AFTER id`, which ends the command: what came after it could not be told from the filter.
    init(_ cursor: inout ArgumentCursor) throws(StoreError) {
        var alternatives = AlternativesParser()
        while let keyword = cursor.keyword() {
            if keyword == "AFTER" {
                let after = try cursor.eventID()
                try cursor.end()
                self.init(alternatives: try alternatives.finish(cursor), after: after)
                return
            }
            guard try alternatives.take(keyword, &cursor) else {
                throw cursor.unexpected("CATEGORY, AGGREGATE, TYPE, TAG, OR or AFTER")
            }
        }
        throw StoreError(.invalid, "UNLESS has no AFTER; expected UNLESS FILTER… AFTER id")
    }
}

extension ArgumentCursor {
    fileprivate mutating func uuid() throws(StoreError) -> EventUUID {
        guard let uuid = EventUUID(utf8: try required("a UUID")) else {
            throw unexpected("a UUID in its form of 36 characters")
        }
        return uuid
    }
}
