// Owns: the promises about whether a body can be read at all: by this version, by a later one, by none.

import EventModel
import Testing

@testable import EventRecords

@Suite struct LegibilityTests {
    private let plain = ["corder", "aorder-1", "tcreated"]
    private let empty = [UInt8(0)] + Array("{}".utf8)

    @Test func `What production code stages is known`() {
        for event in [SampleEvent(), .whole] { #expect(legibility(event.staged) == .known) }
    }

    @Test func `A key or a flag that must be known and is not makes an event one of a later version`() {
        #expect(legibility(body(plain + ["zx"])) == .later)
        #expect(legibility(body(["zx"] + plain)) == .later)
        #expect(legibility(body(plain, [4])) == .later)
        #expect(legibility(body(plain + ["zx"], [0x40] + empty)) == .later)
    }

    @Test func `A key or a flag that may be ignored is ignored`() {
        let body = body(plain + ["Zx"], [0x80] + Array("{}".utf8))
        #expect(legibility(body) == .known)
        body.withUnsafeBytes { bytes in
            let parts = EventParts(
                bytes,
                id: EventID(1),
                timestamp: Timestamp(nanoseconds: 0),
                recordedAt: Timestamp(nanoseconds: 0)
            )
            #expect(Array(parts.category) == Array("order".utf8) && Array(parts.data) == Array("{}".utf8))
            #expect(parts.tags.isEmpty && parts.metadata == nil && parts.version == 1)
        }
    }

    @Test(arguments: [[], [3], [1, 200, 0x63], [0], [0, 1, 2, 0], [0, 2, 9, 0, 0, 0, 0x7B, 0x7D]] as [[UInt8]])
    func `What runs past its end is no event`(body: [UInt8]) {
        #expect(legibility(body) == .foreign)
    }

    @Test func `A key that is none of any version makes a body no event, whatever else a later version may have said`()
    {
        #expect(legibility(body(plain + ["1x"])) == .foreign)
        #expect(legibility(body(["1x", "zx"] + plain, [4])) == .foreign)
        #expect(legibility(body(plain + ["zx"], [])) == .foreign)
    }
}
