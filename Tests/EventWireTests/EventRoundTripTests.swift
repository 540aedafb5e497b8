// Owns: the promise that an event arrives as it was sent, in either dialect.

import EventModel
import Testing

@testable import EventWire

@Suite struct EventRoundTripTests {
    @Test("an event that is encoded and decoded is the same event", arguments: RESPVersion.allCases, [1, 13, .max])
    func roundTrip(version: RESPVersion, chunk: Int) throws {
        for seed in 0..<40 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            let event = random.event()
            let values = try decodeReplies(encode(event, version), chunk: chunk)
            #expect(values.count == 1)
            #expect(values.first.flatMap(Event.init) == event)
        }
    }

    @Test("the fields stand in their promised order")
    func order() throws {
        var random = SplitMix64(seed: 1)
        let event = random.event(full: true)
        let names = [
            "event_id", "category", "event_type", "aggregate_id", "data", "timestamp", "version", "recorded_at", "id",
            "tags", "metadata",
        ]
        guard case .map(let map) = try decodeReplies(encode(event, .resp3))[0],
            case .array(let array) = try decodeReplies(encode(event, .resp2))[0]
        else {
            Issue.record("not a map and an array")
            return
        }
        #expect(map == array)
        #expect(stride(from: 0, to: map.count, by: 2).compactMap { map[$0].text } == names)
    }

    @Test("a pushed event names its subscription")
    func push() throws {
        let text: StaticString = "x"
        let name = UnsafeRawBufferPointer(start: text.utf8Start, count: 1)
        let parts = EventParts(
            id: EventID(7),
            category: name,
            aggregateID: name,
            eventType: name,
            data: name,
            timestamp: Timestamp(nanoseconds: 0),
            recordedAt: Timestamp(nanoseconds: 1)
        )
        var replies = ReplyEncoder(version: .resp3)
        replies.push(parts, subscription: 12)
        guard case .push(let elements) = try decodeReplies(replies.bytes)[0] else {
            Issue.record("not a push")
            return
        }
        #expect(elements[0] == .bulk(Array("ev.event".utf8)))
        #expect(elements[1] == .integer(12))
        #expect(Event(elements[2])?.id == EventID(7))
    }

    @Test("a timestamp on the wire is what its description prints")
    func timestamps() throws {
        var random = SplitMix64(seed: 7)
        let edges: [Int64] = [
            .min, .max, 0, 1, -1, 999_999_999, 1_000_000_000, -1_000_000_000, 1_100_000_000, 10, 5_000_000_000,
        ]
        let moments = edges.map { Timestamp(nanoseconds: $0) } + (0..<2000).map { _ in random.timestamp() }
        for moment in moments {
            #expect(written(40) { $0.write(bulk: moment) } == bulk(moment.description))
        }
    }

    @Test("an integer on the wire is what its description prints")
    func integers() throws {
        var value: UInt64 = 1
        var values: [UInt64] = [0, .max]
        for _ in 0..<19 {
            values += [value - 1, value, value + 1]
            value *= 10
        }
        values += [value - 1, value]
        for value in values {
            #expect(written(20) { $0.write(decimal: value) } == Array(String(value).utf8))
        }
    }

    @Test("a UUID on the wire is what its description prints")
    func uuids() {
        var random = SplitMix64(seed: 3)
        for _ in 0..<100 {
            let uuid = EventUUID(high: random.next(), low: random.next())
            #expect(written(50) { $0.write(bulk: uuid) } == bulk(uuid.description))
        }
    }

    private func bulk(_ text: String) -> [UInt8] {
        Array("$\(text.utf8.count)\r\n\(text)\r\n".utf8)
    }

    private func written(_ capacity: Int, _ write: (inout ByteWriter) -> Void) -> [UInt8] {
        var replies = ReplyEncoder()
        replies.append(capacity: capacity, write)
        return replies.bytes
    }
}

extension SplitMix64 {
    fileprivate mutating func event(full: Bool = false) -> Event {
        Event(
            id: EventID(next() >> 1),
            category: name(),
            aggregateID: name(),
            eventType: name(),
            data: Array(#"{"text":"\#(name().filter { $0 != "\"" })\r\n"}"#.utf8),
            timestamp: timestamp(),
            recordedAt: timestamp(),
            version: UInt32.random(in: 1...UInt32.max, using: &self),
            identifier: full || Bool.random(using: &self) ? identifier() : nil,
            tags: names(full ? 2...2 : 0...3),
            metadata: full || Bool.random(using: &self) ? Array("{}".utf8) : nil
        )
    }
}
