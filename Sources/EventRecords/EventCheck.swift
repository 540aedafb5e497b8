// Owns: what every record is asked beyond its checksum: whether its body says an event, the whole of it and nothing else.
// A read asks no more than reading safely takes; this is for whoever checks a whole store.

import EventModel
import SegmentLog

/// The page EventFormat, *What a reader refuses*, as code.
package enum EventCheck {
    /// Why a body says no event, or none that this version can read; nil where it says one.
    ///
    /// `object` is asked of the metadata and of the data, each with its name: the reason why a text is no JSON object. To parse
    /// is the business of a layer above.
    package static func flaw(
        in body: UnsafeRawBufferPointer,
        object: (_ text: UnsafeRawBufferPointer, _ what: StaticString) -> String? = { _, _ in nil }
    ) -> String? {
        var keys = Keys()
        let range = RecordBody.forEachKey(of: body) { key in
            keys.take(key)
            return true
        }
        guard let range else { return "the keys run past the end of the record" }
        let payload = UnsafeRawBufferPointer(rebasing: body[range])
        let legibility = EventPayload.legibility(of: payload)
        if let foreign = keys.foreign { return foreign }
        if legibility == .foreign {
            return payload.isEmpty ? "there is no payload" : "the payload ends before its data"
        }
        // What a later version means by the rest cannot be judged here.
        if let later = keys.later { return later }
        guard legibility == .known, let layout = EventPayload.layout(of: payload) else {
            let flags = String(payload[0] & EventPayload.laterFlags, radix: 2)
            return "the event is of a later version of evstore: its payload has the flags \(flags)"
        }
        if let flaw = keys.flaw ?? keys.absence { return flaw }
        if layout.version == 0 { return "the version is 0; expected one from 1" }
        if let metadata = layout.metadata,
            let flaw = object(UnsafeRawBufferPointer(rebasing: payload[metadata]), "metadata")
        {
            return flaw
        }
        return object(UnsafeRawBufferPointer(rebasing: payload[layout.data]), "data")
    }
}

/// The keys of a body, as far as they have been walked.
private struct Keys {
    /// Why no version can have written them.
    private(set) var foreign: String?
    /// Why a later version has.
    private(set) var later: String?
    /// What is wrong with them, by the rules of this version.
    private(set) var flaw: String?
    /// How often each kind has come, in the order in which they are to come.
    private var counts: [Int] = Array(repeating: 0, count: order.count)
    private var place = 0

    private static let order: [KeyKind] = [.category, .aggregate, .type, .uuid, .identifier, .tag]

    mutating func take(_ key: UnsafeRawBufferPointer) {
        let name = UnsafeRawBufferPointer(rebasing: key[1...])
        switch KeyKind.legibility(ofKind: key[0]) {
        case .foreign: foreign = foreign ?? "a key is of the kind \(key[0]); expected a letter"
        case .later:
            later = later ?? "the event is of a later version of evstore: it has a key of the kind '\(letter(key[0]))'"
        case .known:
            guard let kind = KeyKind(rawValue: key[0]), let own = Self.order.firstIndex(of: kind) else { return }
            counts[own] += 1
            flaw = flaw ?? misplacement(of: kind, own) ?? Self.violation(name, kind)
            place = own
        }
    }

    /// The first kind that is lacking.
    var absence: String? {
        for (kind, count) in zip(Self.order, counts).prefix(3) where count == 0 { return "there is no \(kind)" }
        return nil
    }

    private func misplacement(of kind: KeyKind, _ own: Int) -> String? {
        if counts[own] > 1, kind != .tag { return "there is more than one \(kind)" }
        if kind == .identifier, place < own, counts[own - 1] > 0 { return "there is an identifier beside the uuid" }
        return own < place ? "the \(kind) stands behind the \(Self.order[place])" : nil
    }

    private static func violation(_ name: UnsafeRawBufferPointer, _ kind: KeyKind) -> String? {
        if NameRule.isPlain(name), kind != .uuid, kind != .identifier { return nil }
        switch kind {
        case .category: return NameRule.violation(name, what: "the category")
        case .aggregate: return NameRule.violation(name, what: "the aggregate")
        case .type: return NameRule.violation(name, what: "the type")
        case .tag: return NameRule.violation(name, what: "a tag")
        case .identifier:
            if EventUUID(utf8: name) != nil { return "the identifier is a uuid as text; expected its 16 bytes" }
            return NameRule.violation(name, what: "the identifier")
        case .uuid: return name.count == 16 ? nil : "the uuid is \(name.count) bytes long; expected 16"
        }
    }

    private func letter(_ byte: UInt8) -> Character { Character(Unicode.Scalar(byte)) }
}
