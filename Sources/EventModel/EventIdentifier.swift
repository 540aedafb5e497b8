// Owns: the identifier a caller gives an event so that a retry of its append changes nothing: any name, of which a UUID
// is kept as its 16 bytes.

/// An event's identifier whose bytes lie in somebody else's memory; valid as long as that is.
package enum EventIdentifierParts {
    /// The form of 36 characters, in either case.
    case uuid(EventUUID)
    /// Any other name.
    case text(UnsafeRawBufferPointer)

    /// What the bytes of a name are: a UUID, or a text.
    package init(_ name: UnsafeRawBufferPointer) {
        self = EventUUID(utf8: name).map { .uuid($0) } ?? .text(name)
    }

    /// As text: a UUID in lower case.
    package var text: String {
        switch self {
        case .uuid(let uuid): uuid.description
        case .text(let bytes): String(decoding: bytes, as: UTF8.self)
        }
    }

    /// How many bytes its index key has, with its kind.
    package var keyBytes: Int {
        switch self {
        case .uuid: 17
        case .text(let bytes): 1 + bytes.count
        }
    }

    package func isSame(as other: EventIdentifierParts) -> Bool {
        switch (self, other) {
        case (.uuid(let one), .uuid(let other)): one == other
        case (.text(let one), .text(let other)): one.elementsEqual(other)
        default: false
        }
    }
}

/// An event's identifier as its index key: equal where the bytes are, whatever Unicode says of them.
package struct EventIdentifier: Hashable, Sendable, CustomStringConvertible {
    package let key: [UInt8]

    package init(_ parts: EventIdentifierParts) {
        key = [UInt8](unsafeUninitializedCapacity: parts.keyBytes) { key, count in
            count = parts.keyBytes
            let name = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(key)[1..<count])
            switch parts {
            case .uuid(let uuid):
                key[0] = KeyKind.uuid.rawValue
                name.storeBytes(of: uuid.high.bigEndian, as: UInt64.self)
                name.storeBytes(of: uuid.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            case .text(let bytes):
                key[0] = KeyKind.identifier.rawValue
                name.copyMemory(from: bytes)
            }
        }
    }

    /// For a sentence: a UUID in lower case, or the name between quotes.
    package var description: String {
        key[0] == KeyKind.uuid.rawValue
            ? EventUUID(bytes: key.dropFirst()).description : "“\(String(decoding: key.dropFirst(), as: UTF8.self))”"
    }
}
