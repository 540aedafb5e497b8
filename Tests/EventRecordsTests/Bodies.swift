// Owns: bodies to test with: those that production code stages, and those that nobody does.

import EventModel
import EventRecords
import SegmentLog

/// The body of a record, by its keys and its payload.
func body(_ keys: [[UInt8]], _ payload: [UInt8]) -> [UInt8] {
    [UInt8(keys.count)] + keys.flatMap { [UInt8($0.count - 1)] + $0 } + payload
}

func body(_ keys: [String], _ payload: [UInt8] = [0] + Array("{}".utf8)) -> [UInt8] {
    body(keys.map { Array($0.utf8) }, payload)
}

func legibility(_ body: [UInt8]) -> Legibility {
    body.withUnsafeBytes { EventParts.legibility(of: $0) }
}

/// An event that a test can write down.
struct SampleEvent {
    var category = "order"
    var aggregateID = "order-001"
    var eventType = "created"
    var data = "{\"total\":42}"
    var version: UInt32 = 1
    var identifier: String?
    var tags: [String] = []
    var metadata: String?

    /// With every option set.
    static let whole = SampleEvent(
        eventType: "paid",
        data: "{\"total\":129.9}",
        version: 7,
        identifier: "00112233-4455-6677-8899-aabbccddeeff",
        tags: ["customer-7", "zürich"],
        metadata: "{\"by\":\"ann\"}"
    )

    /// The body that production code stages.
    var staged: [UInt8] {
        withParts { parts in
            let buffer = RecordBuffer()
            buffer.append(parts)
            return buffer.onlyBody
        }
    }

    /// The body that production code stages by its way for events without options.
    var plainlyStaged: [UInt8] {
        withParts { parts in
            let buffer = RecordBuffer()
            buffer.append(
                category: parts.category,
                aggregateID: parts.aggregateID,
                eventType: parts.eventType,
                data: parts.data
            )
            return buffer.onlyBody
        }
    }

    private func withParts<Result>(_ use: (NewEventParts) -> Result) -> Result {
        let texts = ([category, aggregateID, eventType, data, metadata ?? "", identifier ?? ""] + tags).map {
            Array($0.utf8)
        }
        return texts.flatMap { $0 }.withUnsafeBytes { bytes in
            var start = 0
            let parts = texts.map { text in
                defer { start += text.count }
                return UnsafeRawBufferPointer(rebasing: bytes[start..<start + text.count])
            }
            return use(
                NewEventParts(
                    category: parts[0],
                    aggregateID: parts[1],
                    eventType: parts[2],
                    data: parts[3],
                    version: version,
                    identifier: identifier == nil ? nil : EventIdentifierParts(parts[5]),
                    tags: Array(parts[6...]),
                    metadata: metadata == nil ? nil : parts[4]
                )
            )
        }
    }
}

extension RecordBuffer {
    fileprivate var onlyBody: [UInt8] {
        var bodies: [[UInt8]] = []
        forEachRecord(in: 0..<byteCount) { body, _ in bodies.append(Array(body)) }
        precondition(bodies.count == 1, "one event was staged")
        return bodies[0]
    }
}
