// Owns: that the page on the format of events tells the truth: its dumps, read by its own words, are what it says they are, and
// production code writes and reads the same.

import EventModel
import Foundation
import Testing

@testable import EventRecords

@Suite struct EventPageTests {
    /// The bytes of every dump on the page, in order.
    private static func dumps() throws -> [[UInt8]] {
        let page = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/EventRecords/EventRecords.docc/EventFormat.md")
        var dumps: [[UInt8]] = []
        for line in try String(contentsOf: page, encoding: .utf8).split(separator: "\n") {
            guard line.count > 10, line.dropFirst(8).hasPrefix("  "), let offset = Int(line.prefix(8), radix: 16) else {
                continue
            }
            if offset == 0 { dumps.append([]) }
            #expect(offset == dumps[dumps.count - 1].count)
            let columns = line.dropFirst(10).prefix(47)
            dumps[dumps.count - 1] += columns.split(separator: " ").compactMap { UInt8($0, radix: 16) }
        }
        return dumps
    }

    private static let plain = PageEvent(
        category: "order",
        aggregateID: "order-001",
        eventType: "created",
        data: "{\"total\":42}"
    )

    private static let whole = PageEvent(
        category: "order",
        aggregateID: "order-001",
        eventType: "paid",
        identifier: "00112233-4455-6677-8899-aabbccddeeff",
        tags: ["customer-7", "zürich"],
        version: 7,
        metadata: "{\"by\":\"ann\"}",
        data: "{\"total\":129.9}"
    )

    @Test func `The dumps, read by the words of the page, are the events it says`() throws {
        let dumps = try Self.dumps()
        try #require(dumps.count == 2)
        #expect(dumps.map(\.count) == [41, 100])
        #expect(try PageEvent(dumps[0]) == Self.plain)
        #expect(try PageEvent(dumps[1]) == Self.whole)
    }

    @Test func `Production code writes the dumps, byte for byte`() throws {
        let dumps = try Self.dumps()
        #expect(SampleEvent().staged == dumps[0])
        #expect(SampleEvent().plainlyStaged == dumps[0])
        #expect(SampleEvent.whole.staged == dumps[1])
    }

    @Test func `Production code reads the dumps`() throws {
        for (dump, expected) in zip(try Self.dumps(), [Self.plain, Self.whole]) {
            #expect(legibility(dump) == .known)
            let event = dump.withUnsafeBytes { bytes in
                Event(
                    EventParts(
                        bytes,
                        id: EventID(1),
                        timestamp: .init(nanoseconds: 0),
                        recordedAt: .init(nanoseconds: 0)
                    )
                )
            }
            #expect(PageEvent(event) == expected)
        }
    }

    @Test func `What production code writes can be read by the words of the page`() throws {
        let metadata = String(repeating: " ", count: 70_000) + "{}"
        let events = [
            SampleEvent(category: String(repeating: "c", count: 255)), SampleEvent(version: .max),
            SampleEvent(metadata: "{}"), SampleEvent(version: 2, metadata: metadata),
            SampleEvent(tags: (0..<250).map { "tag \($0)" }), SampleEvent(tags: ["one", "two"]),
            SampleEvent(identifier: "payment 7", tags: ["one"]),
            SampleEvent(identifier: String(repeating: "ä", count: 127)),
            SampleEvent(identifier: "0190f5ea-7c7e-7000-8000-0123456789ab"),
        ]
        for event in events {
            let read = try PageEvent(event.staged)
            #expect(read.identifier == event.identifier)
            #expect(read.category == event.category && read.tags == event.tags && read.data == event.data)
            #expect(read.version == event.version && read.metadata == event.metadata)
        }
    }

    @Test func `What a later version says is known, ignored or refused as the page says`() throws {
        // As long as a UUID, which a key can be too.
        let name = Array("0123456789abcdef".utf8)
        for byte in UInt8.min ... .max {
            let bodies = [
                body(["cx", "ay", "tz"], [byte, 2, 0, 0, 0, 2, 0, 0, 0] + Array("{}{}".utf8)),
                body([Array("cx".utf8), [byte] + name, Array("ay".utf8), Array("tz".utf8)], [0] + Array("{}".utf8)),
            ]
            for body in bodies {
                let expected: Legibility
                do throws(PageRefusal) {
                    _ = try PageEvent(body)
                    expected = .known
                } catch {
                    expected = error == .later ? .later : .foreign
                }
                #expect(legibility(body) == expected, "\(byte)")
            }
        }
    }
}

extension PageEvent {
    fileprivate init(_ event: Event) {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        self.init(
            category: event.category,
            aggregateID: event.aggregateID,
            eventType: event.eventType,
            identifier: event.identifier,
            tags: event.tags,
            version: event.version,
            metadata: event.metadata.map(text),
            data: text(event.data)
        )
    }
}
