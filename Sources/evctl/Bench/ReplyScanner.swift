// Owns: counting replies in the bytes of a connection without decoding them, however the bytes are cut into pieces.
// Refuses to know: what a reply says, other than how many things it holds and what error it is.

/// Goes through both dialects. Nothing is allocated but for errors and nested aggregates.
struct ReplyScanner {
    enum Stop: Equatable {
        /// The bytes are through.
        case end
        /// A reply that is an error or holds one is complete: the text of the first.
        case error(String)
        /// This is no RESP. There is no way on.
        case broken
    }

    /// A length beyond this is taken for garbage.
    private static let plausibleCount = 1 << 40

    /// Replies that are complete, those that are errors among them.
    private(set) var replies = 0
    /// What replies hold that are no errors: one for an integer, its length for an aggregate, nothing for anything else.
    private(set) var things = 0

    /// The first byte of the line that is being read; 0 between lines.
    private var marker: UInt8 = 0
    private var number = 0
    private var isNegative = false
    /// Bytes of a bulk string still to come, with its line break; 0 outside of one.
    private var bulkBytes = 0
    /// Elements that open aggregates still lack, the innermost last.
    private var missing: [Int] = []
    private var heldThings = 0
    private var errorText: [UInt8] = []
    private var hasError = false

    /// Reads from `position` on, which it moves to where it stopped.
    mutating func scan(_ bytes: UnsafeRawBufferPointer, from position: inout Int) -> Stop {
        while position < bytes.count {
            if bulkBytes > 0 {
                let part = min(bulkBytes, bytes.count - position)
                if marker == UInt8(ascii: "!") { errorText += bytes[position..<position + part] }
                position += part
                bulkBytes -= part
                if bulkBytes == 0, let stop = close() { return stop }
                continue
            }
            if marker == 0 {
                marker = bytes[position]
                position += 1
                number = 0
                isNegative = false
                if marker == UInt8(ascii: "-"), !hasError { errorText.removeAll() }
            }
            guard readLine(bytes, &position) else { return .end }
            switch marker {
            case UInt8(ascii: ":"):
                if missing.isEmpty { heldThings = 1 }
            case UInt8(ascii: "-"):
                hasError = true
            case UInt8(ascii: "+"), UInt8(ascii: "_"), UInt8(ascii: "#"), UInt8(ascii: ","), UInt8(ascii: "("):
                break
            case UInt8(ascii: "$"), UInt8(ascii: "="), UInt8(ascii: "!"):
                if marker == UInt8(ascii: "!") {
                    if !hasError { errorText.removeAll() }
                    hasError = true
                }
                if !isNegative {
                    guard number <= Self.plausibleCount else { return .broken }
                    bulkBytes = number + 2
                    continue
                }
            case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: ">"), UInt8(ascii: "%"):
                guard number <= Self.plausibleCount else { return .broken }
                let count = isNegative ? 0 : marker == UInt8(ascii: "%") ? 2 * number : number
                if missing.isEmpty { heldThings = isNegative ? 0 : number }
                if count > 0 {
                    missing.append(count)
                    marker = 0
                    continue
                }
            default:
                return .broken
            }
            if let stop = close() { return stop }
        }
        return .end
    }

    /// Reads to the end of a line; false where it is not there yet.
    private mutating func readLine(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> Bool {
        var index = position
        var number = number
        defer {
            self.number = number
            position = index
        }
        if marker == UInt8(ascii: "-") {
            while index < bytes.count {
                let byte = bytes[index]
                index += 1
                if byte == UInt8(ascii: "\n") { return true }
                errorText.append(byte)
            }
            return false
        }
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte &- UInt8(ascii: "0") < 10 {
                number = number &* 10 &+ Int(byte &- UInt8(ascii: "0"))
            } else if byte == UInt8(ascii: "\n") {
                return true
            } else if byte == UInt8(ascii: "-") {
                isNegative = true
            }
        }
        return false
    }

    /// Ends a value, and the aggregates that it was the last element of. Stops where that ends a reply with an error.
    private mutating func close() -> Stop? {
        marker = 0
        while let innermost = missing.indices.last {
            missing[innermost] -= 1
            if missing[innermost] > 0 { return nil }
            missing.removeLast()
        }
        replies += 1
        defer {
            heldThings = 0
            hasError = false
        }
        guard hasError else {
            things += heldThings
            return nil
        }
        return .error(String(decoding: errorText.prefix { $0 != UInt8(ascii: "\r") }, as: UTF8.self))
    }
}
