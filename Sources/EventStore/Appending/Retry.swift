// Owns: whether an append whose identifiers are known is the same append once more. A retry says the same of every event;
// whoever gives other content under a known identifier has made a mistake, and is told which event it meets and what differs.

import EventModel
import EventRecords
import SegmentLog

/// An event's record, staged or stored.
struct RecordContent {
    let body: UnsafeRawBufferPointer
    /// Nil where the time is to be that of the commit.
    let time: RecordTime?
}

/// Some events that are to be appended together, with what the store knows of their identifiers.
struct Retry {
    struct Event {
        let content: RecordContent
        let identifier: EventIdentifier?
        /// The stored event with that identifier.
        let known: EventID?
    }

    /// How far the comparison of an append with what is stored has come.
    struct Progress {
        /// Whether no identifier occurs twice in it.
        var isDistinct = false
        /// So many of its events, from the first on, are the same.
        var compared = 0
    }

    enum Answer {
        /// No identifier is known.
        case isNew
        case outcome(AppendOutcome)
        /// To be asked again, with the progress as it is.
        case unfinished
    }

    let events: [Event]

    /// What becomes of them. `difference` compares an event with a stored one and says in what they differ, on request also in the
    /// transactions that they are of. Before each comparison `goesOn` is asked, with how many have been made.
    func answer(
        _ progress: inout Progress,
        while goesOn: (_ compared: Int) throws(StoreError) -> Bool,
        _ difference: (RecordContent, EventID, _ withTransaction: Bool) throws(StoreError) -> String?
    ) throws(StoreError) -> Answer {
        guard let first = events.firstIndex(where: { $0.known != nil }), let firstID = events[first].known
        else { return .isNew }
        if let new = events.first(where: { $0.identifier != nil && $0.known == nil })?.identifier {
            return reused(
                at: first,
                "; the ID \(new) is new, and a transaction is retried as it was or has new IDs throughout"
            )
        }
        // Only where all have identifiers may they have been appended one by one.
        let isWhole = events.contains { $0.identifier == nil }
        let ids = events.map(\.known).enumerated().map { index, known in
            // Events of one transaction follow each other, so one without an identifier is found by those beside it.
            known ?? Self.neighbour(of: firstID, by: index - first)
        }
        var stored: [EventID] = []
        for (index, id) in ids.enumerated() {
            stored.append(id ?? .zero)
            if index < progress.compared { continue }
            guard try goesOn(progress.compared) else { return .unfinished }
            guard let id else {
                return reused(at: first, ", which no event stands beside that this transaction has beside it")
            }
            if let differing = try difference(events[index].content, id, isWhole) {
                return events[index].known == nil
                    ? reused(
                        at: first,
                        "; beside it stands event \(id), which differs from this transaction's in \(differing)"
                    )
                    : reused(at: index, ", which differs from this one in \(differing)")
            }
            progress.compared = index + 1
        }
        if isWhole, zip(stored, stored.dropFirst()).contains(where: { $0.rawValue &+ 1 != $1.rawValue }) {
            return reused(at: first, ", which was not appended together with the other events of this transaction")
        }
        return .outcome(.existing(stored))
    }

    private func reused(at index: Int, _ rest: String) -> Answer {
        guard let id = events[index].known, let identifier = events[index].identifier else {
            preconditionFailure("only a known identifier is reused")
        }
        return .outcome(
            .refused(StoreError(.reused, ids: [id], "the ID \(identifier) is that of event \(id)\(rest)"))
        )
    }

    private static func neighbour(of id: EventID, by distance: Int) -> EventID? {
        let (position, overflow) = Int64(clamping: id.rawValue).addingReportingOverflow(Int64(distance))
        return overflow || position < 1 ? nil : EventID(UInt64(position))
    }
}

extension AppendBatch.Unit {
    /// What becomes of it where an identifier is known. `found` are the events that have them, one for each.
    func answer(
        in buffer: RecordBuffer,
        _ found: [EventID?],
        _ progress: inout Retry.Progress,
        while goesOn: (_ compared: Int) throws(StoreError) -> Bool,
        _ difference: (RecordContent, EventID, _ withTransaction: Bool) throws(StoreError) -> String?
    ) throws(StoreError) -> Retry.Answer {
        guard !identifiers.isEmpty else { return .isNew }
        if !progress.isDistinct {
            var seen: Set<EventIdentifier> = []
            for case let identifier? in identifiers where !seen.insert(identifier).inserted {
                let reason = "the identifier \(identifier) occurs twice in one transaction"
                return .outcome(.refused(StoreError(.invalid, reason)))
            }
            progress.isDistinct = true
        }
        guard found.contains(where: { $0 != nil }) else { return .isNew }
        var contents: [RecordContent] = []
        buffer.forEachRecord(in: range) { contents.append(RecordContent(body: $0, time: $1)) }
        var known = found[...]
        let events = zip(contents, identifiers).map { content, identifier in
            Retry.Event(content: content, identifier: identifier, known: identifier == nil ? nil : known.removeFirst())
        }
        return try Retry(events: events).answer(&progress, while: goesOn, difference)
    }
}

extension RecordContent {
    /// In what it differs from the event of an id; nil where in nothing.
    func difference(
        from id: EventID,
        in log: SegmentLog,
        withTransaction: Bool
    ) throws(StoreError) -> String? {
        guard let record = try inLog({ () throws(LogError) in try log.view.record(RecordID(id)) }) else {
            return "that it does not exist"
        }
        return record.withBody { body in
            difference(from: RecordContent(body: body, time: record.time), withTransaction: withTransaction)
        }
    }

    /// The parts of an event that differ from a stored one's, as words in a row; nil where all that is given is the same. A time
    /// that is not given is the store's to choose, and tags are a set.
    func difference(from stored: RecordContent, withTransaction: Bool) -> String? {
        guard case .known = EventParts.legibility(of: stored.body) else { return "its form: a later version wrote it" }
        let (new, old) = (parts, stored.parts)
        func isSame(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool { one.elementsEqual(other) }
        let metadata = new.metadata.map { Array($0) } == old.metadata.map { Array($0) }
        let differing = [
            ("its category", isSame(new.category, old.category)),
            ("its aggregate", isSame(new.aggregateID, old.aggregateID)),
            ("its type", isSame(new.eventType, old.eventType)),
            ("its data", isSame(new.data, old.data)),
            ("its timestamp", time == nil || stored.time == nil || time == stored.time),
            ("its version", new.version == old.version),
            ("its ID", Self.isSame(new.identifier, old.identifier)),
            ("its tags", Set(new.tags.map { Array($0) }) == Set(old.tags.map { Array($0) })),
            ("its metadata", metadata),
            ("what it was appended with", !withTransaction || new.isJoined == old.isJoined),
        ].filter { !$0.1 }.map(\.0)
        return differing.isEmpty ? nil : differing.joined(separator: ", ")
    }

    private static func isSame(_ one: EventIdentifierParts?, _ other: EventIdentifierParts?) -> Bool {
        switch (one, other) {
        case (nil, nil): true
        case (let one?, let other?): one.isSame(as: other)
        default: false
        }
    }

    private var parts: EventParts {
        EventParts(body, id: .zero, timestamp: Timestamp(nanoseconds: 0), recordedAt: Timestamp(nanoseconds: 0))
    }
}
