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

    /// Tags are a set: one that comes twice is kept once, where it came first.
    private static func distinct(_ tags: [UnsafeRawBufferPointer]) -> [UnsafeRawBufferPointer] {
        // Without an allocation for as many as events have.
        let few = 16
        if tags.count <= few {
            let isDistinct = tags.indices.allSatisfy { index in
                !tags[..<index].contains { $0.count == tags[index].count && $0.elementsEqual(tags[index]) }
            }
            if isDistinct { return tags }
        }
        var seen: Set<[UInt8]> = []
        return tags.filter { seen.insert(Array($0)).inserted }
    }

    private mutating func takeOptions(_ cursor: inout ArgumentCursor) throws(StoreError) {
        var version: UInt32?
        var reports: Bool?
        while let keyword = cursor.keyword() {
            switch keyword {
            case "TIMESTAMP": try cursor.set(&event.timestamp, cursor.time(), "TIMESTAMP")
            case "VERSION": try cursor.set(&version, cursor.number(1...UInt32.max, "an integer"), "VERSION")
            case "ID": try cursor.set(&event.identifier, cursor.identifier(), "ID")
            case "TAG": event.tags.append(try cursor.nameBytes("tag"))
            case "METADATA": try cursor.set(&event.metadata, cursor.required("a JSON object"), "METADATA")
            case "WITHSTATUS": try cursor.set(&reports, true, "WITHSTATUS")
            case "UNLESS": unless = try AppendCondition(&cursor)
            default: throw cursor.unexpected("TIMESTAMP, VERSION, ID, TAG, METADATA, WITHSTATUS or UNLESS")
            }
        }
        if event.tags.count > 1 { event.tags = Self.distinct(event.tags) }
        event.version = version ?? 1
        reportsStatus = reports ?? false
        store = cursor.store
    }
}

extension AppendCondition {
    /// `FILTER… AFTER id`, which ends the command: what came after it could not be told from the filter.
    init(_ cursor: inout ArgumentCursor) throws(StoreError) {
        var alternatives = AlternativesParser()
        while let keyword = cursor.keyword() {
            if keyword == "AFTER" {
                let after = try cursor.eventPosition(orTail: false)
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
    fileprivate mutating func identifier() throws(StoreError) -> EventIdentifierParts {
        EventIdentifierParts(try nameBytes("identifier"))
    }
}
