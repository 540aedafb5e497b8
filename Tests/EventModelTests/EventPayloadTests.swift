// Owns: the promises about the one encoding of an event as keys and payload.

import Testing

@testable import EventModel

@Suite struct EventPayloadTests {
    private let data = Array(#"{"a":1}"#.utf8)
    private let metadata = Array(#"{"by":"me"}"#.utf8)

    @Test("a payload is laid out as it was written", arguments: [1, 2, UInt32.max], [false, true])
    func roundTrip(version: UInt32, hasMetadata: Bool) throws {
        let metadata = hasMetadata ? self.metadata : nil
        let head = EventPayload.head(version: version, metadataBytes: metadata?.count)
        #expect(head.count <= EventPayload.maximumHeadBytes)
        let payload = head + (metadata ?? []) + data
        let layout = try #require(payload.withUnsafeBytes { EventPayload.layout(of: $0) })
        #expect(layout.version == version)
        #expect(layout.metadata.map { Array(payload[$0]) } == metadata)
        #expect(Array(payload[layout.data]) == data)
    }

    @Test("the bytes of a payload are as documented")
    func bytes() {
        #expect(EventPayload.head(version: 1, metadataBytes: nil) == [0])
        #expect(EventPayload.head(version: 0x0102, metadataBytes: nil) == [1, 2, 1, 0, 0])
        #expect(EventPayload.head(version: 1, metadataBytes: 3) == [2, 3, 0, 0, 0])
        #expect(EventPayload.head(version: 2, metadataBytes: 0) == [3, 2, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test(
        "what is no payload is not taken for one",
        arguments: [[], [4], [0xFF], [1, 0, 0], [2, 1, 0, 0], [2, 1, 0, 0, 0], [2, 0xFF, 0xFF, 0xFF, 0xFF, 0]]
            as [[UInt8]]
    )
    func refusals(payload: [UInt8]) {
        #expect(payload.withUnsafeBytes { EventPayload.layout(of: $0) } == nil)
    }

    @Test("a key is its kind and its name")
    func keys() {
        #expect(KeyKind.category.key("x") == Array("cx".utf8))
        #expect(KeyKind.aggregate.key("x") == Array("ax".utf8))
        #expect(KeyKind.type.key("x") == Array("tx".utf8))
        #expect(KeyKind.tag.key("x") == Array("gx".utf8))
        #expect(EventUUID(high: 0, low: 1).key == [0x69] + [UInt8](repeating: 0, count: 15) + [1])
    }
}
