// Owns: the promises about what identifies and names an event: id, UUID, names.

import Testing

@testable import EventModel

@Suite struct EventIDTests {
    @Test("an id is digits only and fits 64 bits")
    func decimal() {
        #expect(EventID(decimal: "0") == .zero)
        #expect(EventID(decimal: "18446744073709551615") == EventID(.max))
        for text in ["", "+1", "-1", "1.0", " 1", "1 ", "0x1", "18446744073709551616", "$", "١"] {
            #expect(EventID(decimal: text) == nil)
        }
        #expect(EventID(7).description == "7")
        #expect(EventID(7) < EventID(8))
    }
}

@Suite struct EventUUIDTests {
    private let text = "01234567-89ab-cdef-0123-456789abcdef"

    @Test("a UUID is read in either case and printed in lower case")
    func form() throws {
        let uuid = try #require(EventUUID(text))
        #expect(uuid == EventUUID(high: 0x0123_4567_89AB_CDEF, low: 0x0123_4567_89AB_CDEF))
        #expect(uuid.description == text)
        #expect(EventUUID(text.uppercased()) == uuid)
        #expect(EventUUID(utf8: UnsafeRawBufferPointer(start: nil, count: 0)) == nil)
        #expect(EventUUID(bytes: uuid.bytes) == uuid)
        #expect(uuid.bytes.prefix(4) == [0x01, 0x23, 0x45, 0x67])
    }

    @Test(
        "anything but the canonical form is refused",
        arguments: [
            "", "0123456789abcdef0123456789abcdef", "{01234567-89ab-cdef-0123-456789abcdef}",
            "01234567-89ab-cdef-0123-456789abcde", "01234567-89ab-cdef-0123-456789abcdeg",
            "01234567089ab-cdef-0123-456789abcdef", "0123456-789ab-cdef-0123-456789abcdef",
        ]
    )
    func refusals(text: String) {
        #expect(EventUUID(text) == nil)
    }

    @Test("a random UUID says that it is one, and is not seen twice")
    func random() {
        var seen: Set<EventUUID> = []
        for _ in 0..<1000 {
            let uuid = EventUUID.random()
            let digits = Array(uuid.description)
            #expect(digits[14] == "4")
            #expect("89ab".contains(digits[19]))
            #expect(EventUUID(uuid.description) == uuid)
            #expect(seen.insert(uuid).inserted)
        }
    }
}

@Suite struct NameRuleTests {
    private func violation(_ bytes: [UInt8]) -> String? {
        bytes.withUnsafeBytes { NameRule.violation($0, what: "tag") }
    }

    private func violation(_ text: String) -> String? {
        violation(Array(text.utf8))
    }

    @Test("one to 255 bytes of printable UTF-8 are a name")
    func names() {
        for text in ["a", "order-001", "two words", "Ünïcödé", "日本", "🙂", String(repeating: "x", count: 255), "\u{A0}"]
        {
            #expect(violation(text) == nil)
        }
    }

    @Test("anything else is not, and the reason is said")
    func violations() {
        #expect(violation("") == "tag is empty; expected 1 to 255 bytes")
        #expect(violation(String(repeating: "x", count: 256)) == "tag is 256 bytes long; expected 1 to 255")
        for text in ["\0", "a\nb", "\u{1F}", "\u{7F}", "\u{80}", "ü\u{85}", "\u{9F}"] {
            #expect(violation(text) == "tag holds a control character")
        }
        for bytes: [UInt8] in [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]] {
            #expect(violation(bytes) == "tag is not valid UTF-8")
        }
    }
}
