// Owns: the events between MULTI and EXEC, and an event as the parts that staging takes.

package import EventModel

/// Events between MULTI and EXEC.
package struct Transaction: Sendable {
    private(set) var events: [NewEvent] = []
    private(set) var conditions: [AppendCondition] = []
    private(set) var reportsStatus: [Bool] = []
    package private(set) var byteCount = 0
    /// Of all conditions; one that is given for several events in a row counts once.
    private var alternativeCount = 0

    /// The writer asks all of them at once, in about a millisecond.
    package static let maximumAlternatives = 4096

    package init() {}

    package var count: Int { events.count }

    /// Adds an event that has been checked.
    package mutating func append(
        _ event: borrowing NewEventParts,
        unless condition: AppendCondition?,
        reportsStatus reports: Bool = false
    ) {
        let copy = NewEvent(event)
        byteCount += copy.data.count + (copy.metadata?.count ?? 0) + 128
        events.append(copy)
        reportsStatus.append(reports)
        guard let condition, conditions.last?.isSame(as: condition) != true else { return }
        alternativeCount += max(condition.alternatives.count, 1)
        // What is more will not be asked.
        if alternativeCount <= Self.maximumAlternatives { conditions.append(condition) }
    }

    /// Why it is refused whatever the log holds; nil where it is not.
    var excess: StoreError? {
        guard alternativeCount > Self.maximumAlternatives else { return nil }
        let reason =
            "the conditions of the transaction have \(alternativeCount) alternatives together; "
            + "the limit is \(Self.maximumAlternatives)"
        return StoreError(.tooBig, reason)
    }
}

extension AppendCondition {
    /// Whether it says the same, byte for byte: not what Unicode takes for equal.
    fileprivate func isSame(as other: AppendCondition) -> Bool {
        func isSame(_ names: [String], _ others: [String]) -> Bool {
            names.count == others.count && zip(names, others).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
        }
        return after == other.after && alternatives.count == other.alternatives.count
            && zip(alternatives, other.alternatives).allSatisfy { one, other in
                isSame(one.categories, other.categories) && isSame(one.aggregates, other.aggregates)
                    && isSame(one.types, other.types) && isSame(one.tags, other.tags)
            }
    }
}

extension NewEvent {
    fileprivate init(_ parts: borrowing NewEventParts) {
        func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
        self.init(
            category: text(parts.category),
            aggregateID: text(parts.aggregateID),
            eventType: text(parts.eventType),
            data: Array(parts.data),
            timestamp: parts.timestamp,
            version: parts.version,
            identifier: parts.identifier?.text,
            tags: parts.tags.map(text),
            metadata: parts.metadata.map { Array($0) }
        )
    }

    /// Gives `body` the parts of the event, valid within the call.
    package func withParts<Result>(_ body: (NewEventParts) -> Result) -> Result {
        var bytes: [UInt8] = []
        var ranges: [Range<Int>] = []
        for part in [
            Array(category.utf8), Array(aggregateID.utf8), Array(eventType.utf8), data, metadata ?? [],
            Array((identifier ?? "").utf8),
        ] + tags.map({ Array($0.utf8) }) {
            ranges.append(bytes.count..<bytes.count + part.count)
            bytes += part
        }
        return bytes.withUnsafeBytes { buffer in
            func part(_ index: Int) -> UnsafeRawBufferPointer {
                UnsafeRawBufferPointer(rebasing: buffer[ranges[index]])
            }
            return body(
                NewEventParts(
                    category: part(0),
                    aggregateID: part(1),
                    eventType: part(2),
                    data: part(3),
                    timestamp: timestamp,
                    version: version,
                    identifier: identifier == nil ? nil : EventIdentifierParts(part(5)),
                    tags: tags.indices.map { part(6 + $0) },
                    metadata: metadata == nil ? nil : part(4)
                )
            )
        }
    }
}
