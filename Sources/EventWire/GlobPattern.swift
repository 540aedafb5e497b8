// Owns: the patterns of Redis: `*`, `?`, `[…]` and `\\`.

package import EventModel

package struct GlobPattern: Hashable, Sendable {
    /// Names are short; a longer pattern is a mistake.
    package static let maximumBytes = 255

    private enum Element: Hashable {
        case any
        case one
        case byte(UInt8)
        case among([ClosedRange<UInt8>], isNegated: Bool)

        func matches(_ byte: UInt8) -> Bool {
            switch self {
            case .any, .one: true
            case .byte(let expected): byte == expected
            case .among(let ranges, let isNegated): ranges.contains { $0.contains(byte) } != isNegated
            }
        }
    }

    private var elements: [Element] = []

    package init(_ text: String) throws(StoreError) {
        guard text.utf8.count <= Self.maximumBytes else {
            throw StoreError(.other, "a pattern has at most \(Self.maximumBytes) bytes, got \(text.utf8.count)")
        }
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "*"): elements.append(.any)
            case UInt8(ascii: "?"): elements.append(.one)
            case UInt8(ascii: "\\") where !rest.isEmpty: elements.append(.byte(rest.removeFirst()))
            case UInt8(ascii: "["): elements.append(Self.among(&rest))
            default: elements.append(.byte(byte))
            }
        }
    }

    /// Reads to the bracket that closes, or, as Redis does, to the end.
    private static func among(_ rest: inout ArraySlice<UInt8>) -> Element {
        let isNegated = rest.first == UInt8(ascii: "^")
        if isNegated { rest.removeFirst() }
        var ranges: [ClosedRange<UInt8>] = []
        while let byte = rest.popFirst(), byte != UInt8(ascii: "]") {
            if byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() {
                ranges.append(escaped...escaped)
            } else if rest.first == UInt8(ascii: "-"), let end = rest.dropFirst().first, end != UInt8(ascii: "]") {
                rest.removeFirst(2)
                ranges.append(min(byte, end)...max(byte, end))
            } else {
                ranges.append(byte...byte)
            }
        }
        return .among(ranges, isNegated: isNegated)
    }

    /// In time of the lengths multiplied, whatever the pattern.
    package func matches(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var (element, byte) = (0, 0)
        // Where to go on once what follows the last star does not fit: only that one has to give way.
        var star: (element: Int, byte: Int)?
        while byte < bytes.count {
            if element < elements.count, elements[element] == .any {
                star = (element, byte)
                element += 1
            } else if element < elements.count, elements[element].matches(bytes[byte]) {
                element += 1
                byte += 1
            } else if let last = star {
                star = (last.element, last.byte + 1)
                element = last.element + 1
                byte = last.byte + 1
            } else {
                return false
            }
        }
        return elements[element...].allSatisfy { $0 == .any }
    }
}
