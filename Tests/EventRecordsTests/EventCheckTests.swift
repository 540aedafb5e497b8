// Owns: the promise that a body is called sound only where it is an event by the page, and that the reason is said where not.

import EventModel
import Testing

@testable import EventRecords

@Suite struct EventCheckTests {
    private static let plain = ["corder", "aorder-1", "tcreated"].map { Array($0.utf8) }
    private static let uuid: [UInt8] = [0x69] + (0..<16)
    private static let empty = [UInt8(0)] + Array("{}".utf8)

    private func flaw(_ body: [UInt8]) -> String? {
        body.withUnsafeBytes { EventCheck.flaw(in: $0) }
    }

    private func flaw(keys: [[UInt8]], payload: [UInt8] = Self.empty) -> String? {
        flaw(body(keys, payload))
    }

    private func flaw(keys: [String], payload: [UInt8] = Self.empty) -> String? {
        flaw(keys: keys.map { Array($0.utf8) }, payload: payload)
    }

    @Test func `Whatever production code stages is sound`() {
        let long = String(repeating: "ä", count: 127) + "a"
        let events = [
            SampleEvent(), .whole, SampleEvent(category: long, aggregateID: long, eventType: long, tags: [long]),
            SampleEvent(tags: ["twice", "twice"]), SampleEvent(tags: (0..<250).map { "t\($0)" }),
            SampleEvent(version: .max), SampleEvent(metadata: "{}"), SampleEvent(identifier: "x", tags: ["y"]),
            SampleEvent(identifier: long),
        ]
        for event in events { #expect(flaw(event.staged) == nil) }
        #expect(flaw(SampleEvent().plainlyStaged) == nil)
    }

    @Test func `What may be ignored is no flaw, wherever among the keys it stands`() {
        for place in 0...3 {
            var keys = Self.plain
            keys.insert(Array("Xnew".utf8), at: place)
            #expect(flaw(keys: keys, payload: [0x80] + Array("{}".utf8)) == nil)
        }
    }

    @Test func `A category, an aggregate and a type are there once`() {
        #expect(flaw(keys: [String]()) == "there is no category")
        #expect(flaw(keys: ["cx", "tz"]) == "there is no aggregate")
        #expect(flaw(keys: ["cx", "ay"]) == "there is no type")
        #expect(flaw(keys: ["cx", "cx", "ay", "tz"]) == "there is more than one category")
        #expect(flaw(keys: ["cx", "ay", "ay", "tz"]) == "there is more than one aggregate")
        #expect(flaw(keys: ["cx", "ay", "tz", "tz"]) == "there is more than one type")
    }

    @Test func `A UUID is there once at most, and has 16 bytes`() {
        #expect(flaw(keys: Self.plain + [Self.uuid]) == nil)
        #expect(flaw(keys: Self.plain + [Self.uuid, Self.uuid]) == "there is more than one uuid")
        for count in [1, 15, 17, 255] {
            let short = [0x69] + [UInt8](repeating: 1, count: count)
            #expect(flaw(keys: Self.plain + [short]) == "the uuid is \(count) bytes long; expected 16")
        }
        #expect(flaw(keys: Self.plain + [[0x69]]) == "the uuid is 0 bytes long; expected 16")
    }

    @Test func `Another identifier is there once at most, not beside a UUID, and is no UUID itself`() {
        let (plain, other) = (Self.plain, Array("npayment 7".utf8))
        #expect(flaw(keys: plain + [other]) == nil)
        #expect(flaw(keys: plain + [other, other]) == "there is more than one identifier")
        #expect(flaw(keys: plain + [Self.uuid, other]) == "there is an identifier beside the uuid")
        #expect(flaw(keys: plain + [other, Self.uuid]) == "the uuid stands behind the identifier")
        #expect(flaw(keys: plain + [Array("gw".utf8), other]) == "the identifier stands behind the tag")
        for text in ["00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-AABBCCDDEEFF"] {
            #expect(
                flaw(keys: plain + [Array("n\(text)".utf8)])
                    == "the identifier is a uuid as text; expected its 16 bytes"
            )
        }
    }

    @Test func `Keys stand in their order`() {
        #expect(flaw(keys: ["ay", "cx", "tz"]) == "the category stands behind the aggregate")
        #expect(flaw(keys: ["cx", "tz", "ay"]) == "the aggregate stands behind the type")
        #expect(flaw(keys: ["gw", "cx", "ay", "tz"]) == "the category stands behind the tag")
        #expect(flaw(keys: Self.plain + [Array("gw".utf8), Self.uuid]) == "the uuid stands behind the tag")
    }

    @Test(arguments: [
        ("c", "the category"), ("a", "the aggregate"), ("t", "the type"), ("n", "the identifier"), ("g", "a tag"),
    ])
    func `Every name keeps the rule for names`(kind: String, what: String) {
        let bad: [([UInt8], String)] = [
            ([], "is empty; expected 1 to 255 bytes"), ([0x78, 0x0A], "holds a control character"),
            (Array("x\u{85}".utf8), "holds a control character"), ([0x78, 0xFF], "is not valid UTF-8"),
            ([UInt8](repeating: 0x78, count: 8) + [0x7F], "holds a control character"),
        ]
        for (name, reason) in bad {
            let key = Array(kind.utf8) + name
            var keys = Self.plain
            if let place = keys.firstIndex(where: { $0[0] == key[0] }) { keys[place] = key } else { keys.append(key) }
            #expect(flaw(keys: keys) == "\(what) \(reason)")
        }
    }

    @Test func `A flag or a key that is not known is told to be of a later version`() {
        let prefix = "the event is of a later version of evstore: "
        for flag in [4, 8, 0x10, 0x20, 0x40] as [UInt8] {
            #expect(
                flaw(keys: Self.plain, payload: [flag | 0x83]) == prefix
                    + "its payload has the flags \(String(flag, radix: 2))"
            )
        }
        #expect(flaw(keys: Self.plain + [Array("zx".utf8)]) == prefix + "it has a key of the kind 'z'")
        // By which rules it keeps its other keys is the later version's affair.
        #expect(flaw(keys: ["zx"]) == prefix + "it has a key of the kind 'z'")
        #expect(flaw(keys: ["cx"], payload: [4]) == prefix + "its payload has the flags 100")
    }

    @Test func `What no version writes is told apart from what a later one does`() {
        #expect(flaw([]) == "the keys run past the end of the record")
        #expect(flaw([3]) == "the keys run past the end of the record")
        #expect(flaw([1, 200, 0x63]) == "the keys run past the end of the record")
        #expect(flaw(keys: ["1x", "zx"], payload: [4]) == "a key is of the kind 49; expected a letter")
        #expect(flaw(keys: Self.plain, payload: []) == "there is no payload")
        let cut: [[UInt8]] = [
            [1, 0, 0], [2, 1, 0, 0], [2, 9, 0, 0, 0, 0x7B, 0x7D], [3, 2, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF],
        ]
        for payload in cut {
            #expect(flaw(keys: Self.plain, payload: payload) == "the payload ends before its data")
        }
        #expect(
            flaw(keys: Self.plain, payload: [1, 0, 0, 0, 0] + Array("{}".utf8))
                == "the version is 0; expected one from 1"
        )
    }

    @Test func `Metadata and data are asked about, each with its own bytes`() {
        var asked: [String] = []
        func flaw(_ event: SampleEvent, refusing refused: String? = nil) -> String? {
            event.staged.withUnsafeBytes { body in
                EventCheck.flaw(in: body) { text, what in
                    asked.append("\(what) \(String(decoding: text, as: UTF8.self))")
                    return "\(what)" == refused ? "\(what) is bad" : nil
                }
            }
        }
        #expect(flaw(.whole) == nil && flaw(SampleEvent()) == nil)
        #expect(asked == ["metadata {\"by\":\"ann\"}", "data {\"total\":129.9}", "data {\"total\":42}"])
        #expect(flaw(.whole, refusing: "metadata") == "metadata is bad")
        #expect(flaw(.whole, refusing: "data") == "data is bad")
    }

    @Test func `A body that is sound can be read, and one that cannot be read is not sound`() {
        var bodies = [SampleEvent().staged, SampleEvent.whole.staged]
        for index in bodies[1].indices {
            for bit in 0..<8 {
                var flipped = bodies[1]
                flipped[index] ^= 1 << UInt8(bit)
                bodies.append(flipped)
            }
        }
        for length in 0..<100 { bodies.append(Array(bodies[1].prefix(length))) }
        for body in bodies {
            if legibility(body) != .known { #expect(flaw(body) != nil) }
            #expect((flaw(body)?.contains("of a later version") ?? false) == (legibility(body) == .later))
        }
    }
}
