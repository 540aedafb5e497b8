// Owns: a reply as a client sees it, whichever dialect it came in.

package import EventModel

package enum RESPValue: Hashable, Sendable {
    case simple(String)
    case error(StoreError)
    case integer(Int64)
    case bulk([UInt8])
    case null
    case boolean(Bool)
    case double(Double)
    /// Sets too.
    case array([RESPValue])
    /// Keys and values in turn, which is also how RESP2 writes a map as an array.
    case map([RESPValue])
    case push([RESPValue])

    /// Simple and bulk strings alike.
    package var text: String? {
        switch self {
        case .simple(let text): text
        case .bulk(let bytes): String(validating: bytes, as: UTF8.self)
        default: nil
        }
    }

    package var bytes: [UInt8]? {
        switch self {
        case .simple(let text): Array(text.utf8)
        case .bulk(let bytes): bytes
        default: nil
        }
    }

    package var unsigned: UInt64? {
        if case .integer(let value) = self { UInt64(exactly: value) } else { nil }
    }

    package var elements: [RESPValue]? {
        switch self {
        case .array(let elements), .map(let elements), .push(let elements): elements
        default: nil
        }
    }

    /// The value of a field in a map, or in an array that stands for one.
    package subscript(field name: String) -> RESPValue? {
        guard let elements else { return nil }
        var index = 0
        while index + 1 < elements.count {
            if elements[index].text == name { return elements[index + 1] }
            index += 2
        }
        return nil
    }
}
