// Owns: appending JSON to bytes: strings with their escapes, whole numbers, decimal seconds. Import, export and the
// generator run through here once a field, so nothing makes a String on the way.

import EventModel

extension [UInt8] {
    mutating func append(_ literal: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// A JSON string, with the escapes that JSON requires and no others.
    mutating func append(jsonString text: some StringProtocol) {
        append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(UInt8(ascii: "\\"))
                append(byte)
            case 0..<0x20:
                append("\\u00")
                append(UInt8(ascii: "0") + byte >> 4)
                append(byte & 15 < 10 ? UInt8(ascii: "0") + byte & 15 : UInt8(ascii: "a") + (byte & 15) - 10)
            default:
                append(byte)
            }
        }
        append(UInt8(ascii: "\""))
    }

    /// Decimal digits, with leading zeros up to a width.
    mutating func append(decimal value: some UnsignedInteger & FixedWidthInteger, width: Int = 1) {
        var digits = 1
        var rest = value / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        let count = Swift.max(digits, width)
        append(contentsOf: repeatElement(UInt8(ascii: "0"), count: count))
        rest = value
        for index in stride(from: self.count - 1, to: self.count - 1 - digits, by: -1) {
            self[index] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
    }

    /// Decimal seconds, exactly as `Timestamp` prints itself.
    mutating func append(seconds timestamp: Timestamp) {
        if timestamp.nanoseconds < 0 { append(UInt8(ascii: "-")) }
        let (seconds, fraction) = timestamp.nanoseconds.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
        append(decimal: seconds)
        guard fraction > 0 else { return }
        append(UInt8(ascii: "."))
        append(decimal: fraction, width: 9)
        while last == UInt8(ascii: "0") { removeLast() }
    }

    /// A JSON text on one line. Outside its strings, where JSON allows no line break, a break is mere space.
    mutating func append(jsonOnOneLine text: [UInt8]) {
        let start = count
        append(contentsOf: text)
        for index in start..<count where self[index] == UInt8(ascii: "\n") || self[index] == UInt8(ascii: "\r") {
            self[index] = UInt8(ascii: " ")
        }
    }
}
