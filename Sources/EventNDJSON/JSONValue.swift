// Owns: the meaning of JSON values that a command looks into: a field of a line to import, or a number in the daemon's
// report. Values come as bytes that the scanner has passed.

package enum JSONValue {
    static func isNull(_ value: ArraySlice<UInt8>) -> Bool {
        value.first == UInt8(ascii: "n")
    }

    static func isNumber(_ value: ArraySlice<UInt8>) -> Bool {
        value.first.map { $0.isDigit || $0 == UInt8(ascii: "-") } ?? false
    }

    static func isString(_ value: ArraySlice<UInt8>) -> Bool {
        value.first == UInt8(ascii: "\"")
    }

    static func isObject(_ value: ArraySlice<UInt8>) -> Bool {
        value.first == UInt8(ascii: "{")
    }

    static func isArray(_ value: ArraySlice<UInt8>) -> Bool {
        value.first == UInt8(ascii: "[")
    }

    package static func unsigned(_ value: ArraySlice<UInt8>) -> UInt64? {
        value.allSatisfy(\.isDigit) ? UInt64(String(decoding: value, as: UTF8.self)) : nil
    }

    package static func array(_ value: ArraySlice<UInt8>) throws(JSONFault) -> [ArraySlice<UInt8>] {
        var scanner = try JSONScanner(Array(value))
        guard scanner.takeToken("[") else { throw scanner.expected("an array") }
        var elements: [ArraySlice<UInt8>] = []
        if !scanner.takeToken("]") {
            repeat {
                elements.append(scanner.bytes[try scanner.value()])
            } while scanner.takeToken(",")
        }
        return elements
    }

    /// An object's members by name; of a repeated name, the last.
    package static func object(_ text: [UInt8]) throws(JSONFault) -> [String: ArraySlice<UInt8>] {
        var reader = try JSONObjectReader(text)
        var members: [String: ArraySlice<UInt8>] = [:]
        while let member = try reader.next() { members[member.name] = member.value }
        return members
    }

    /// What a string, given with its quotes, stands for.
    package static func string(_ value: ArraySlice<UInt8>) throws(JSONFault) -> String {
        guard value.first == UInt8(ascii: "\"") else {
            throw JSONFault(offset: value.startIndex, reason: "expected a string")
        }
        var rest = value.dropFirst().dropLast()
        guard rest.contains(UInt8(ascii: "\\")) else { return String(decoding: rest, as: UTF8.self) }
        var text: [UInt8] = []
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            switch rest.removeFirst() {
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "u"): text.append(contentsOf: try unicodeEscape(&rest).utf8)
            case let itself: text.append(itself)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Takes what follows `\u`: one scalar, or the two surrogates that stand for one.
    private static func unicodeEscape(_ rest: inout ArraySlice<UInt8>) throws(JSONFault) -> Character {
        let offset = rest.startIndex
        var value = hexadecimal(rest.prefix(4))
        rest = rest.dropFirst(4)
        if (0xD800..<0xDC00).contains(value), rest.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) {
            let low = hexadecimal(rest.dropFirst(2).prefix(4))
            if (0xDC00..<0xE000).contains(low) {
                value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
                rest = rest.dropFirst(6)
            }
        }
        guard let scalar = Unicode.Scalar(value) else {
            throw JSONFault(offset: offset, reason: "half of a surrogate pair")
        }
        return Character(scalar)
    }

    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt32 {
        digits.reduce(0) { value, digit in
            value << 4 | UInt32(digit.isDigit ? digit - UInt8(ascii: "0") : (digit | 0x20) - UInt8(ascii: "a") + 10)
        }
    }
}
