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
        #expect(EventPayload.head(version: 1, metadataBytes: nil, isJoined: true) == [0x80])
        #expect(EventPayload.head(version: 2, metadataBytes: 0, isJoined: true) == [0x83, 2, 0, 0, 0, 0, 0, 0, 0])
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

    private func legibility(_ payload: [UInt8]) -> Legibility {
        payload.withUnsafeBytes { EventPayload.legibility(of: $0) }
    }

    @Test("a flag that must be known and is not makes the payload one of a later version, whatever follows it")
    func laterFlags() {
        for bit in 2...6 as ClosedRange<UInt8> {
            for other in [0, 1, 2, 3, 0x80] as [UInt8] {
                #expect(legibility([1 << bit | other]) == .later)
                #expect(legibility([1 << bit | other] + data) == .later)
            }
        }
    }

    @Test("the flag that may be ignored moves nothing")
    func ignoredFlag() throws {
        for head in [[0], [1, 2, 0, 0, 0], [2, 11, 0, 0, 0], [3, 9, 0, 0, 0, 11, 0, 0, 0]] as [[UInt8]] {
            let payload = head + (head[0] & 2 == 0 ? [] : metadata) + data
            let flagged = [payload[0] | 0x80] + payload.dropFirst()
            let (plain, ignored) = (
                payload.withUnsafeBytes { EventPayload.layout(of: $0) },
                flagged.withUnsafeBytes { EventPayload.layout(of: $0) }
            )
            #expect(legibility(payload) == .known && legibility(flagged) == .known)
            #expect(Array(payload[try #require(plain).data]) == data && ignored?.data == plain?.data)
            #expect(ignored?.metadata == plain?.metadata && ignored?.version == plain?.version)
        }
    }

    @Test(
        "a payload that is cut off is none of any version",
        arguments: [[], [1, 0, 0], [0x82, 1, 0, 0, 0]] as [[UInt8]]
    )
    func foreignPayload(payload: [UInt8]) {
        #expect(legibility(payload) == .foreign)
    }

    @Test(
        "a small letter that is not known is the kind of a later version, a capital may be ignored, and no other is a kind"
    )
    func kinds() {
        let known = Set(KeyKind.allCases.map(\.rawValue))
        for byte in UInt8.min ... .max {
            let expected: Legibility =
                switch byte {
                case _ where known.contains(byte), UInt8(ascii: "A")...UInt8(ascii: "Z"): .known
                case UInt8(ascii: "a")...UInt8(ascii: "z"): .later
                default: .foreign
                }
            #expect(KeyKind.legibility(ofKind: byte) == expected, "\(byte)")
        }
    }

    @Test("a key is its kind and its name")
    func keys() {
        #expect(KeyKind.category.key("x") == Array("cx".utf8))
        #expect(KeyKind.aggregate.key("x") == Array("ax".utf8))
        #expect(KeyKind.type.key("x") == Array("tx".utf8))
        #expect(KeyKind.tag.key("x") == Array("gx".utf8))
    }

    @Test func `An identifier's key is the bytes of a UUID, in either case, and the text of any other name`() {
        func identifier(_ name: String) -> EventIdentifier {
            Array(name.utf8).withUnsafeBytes { EventIdentifier(EventIdentifierParts($0)) }
        }
        let uuid = "0190f5ea-7c7e-7000-8000-0123456789ab"
        #expect(
            identifier(uuid).key == [
                0x69, 0x01, 0x90, 0xF5, 0xEA, 0x7C, 0x7E, 0x70, 0, 0x80, 0, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB,
            ]
        )
        #expect(identifier(uuid.uppercased()) == identifier(uuid))
        #expect(identifier(uuid.uppercased()).description == uuid)
        for name in ["x", "payment 7", uuid + "0", String(uuid.dropLast()), String(repeating: "x", count: 255)] {
            #expect(identifier(name).key == Array("n\(name)".utf8))
            #expect(identifier(name).description == "“\(name)”")
        }
        // One for Unicode, two for whoever compares bytes.
        #expect(identifier("caf\u{E9}") != identifier("cafe\u{301}"))
    }
}
