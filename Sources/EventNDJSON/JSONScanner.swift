// Owns: the grammar of JSON (RFC 8259): finds where a value begins and ends, and refuses what is no JSON.
// Refuses to know: what values mean. Numbers of any size, the order of keys and repeated keys pass through as they are.

/// What is wrong with a JSON text, and at which byte of it.
package struct JSONFault: Error, Equatable, CustomStringConvertible {
    let offset: Int
    let reason: String

    package var description: String {
        "\(reason) at byte \(offset + 1)"
    }
}

struct JSONScanner {
    let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) throws(JSONFault) {
        do {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            throw JSONFault(offset: error.byteOffsets.lowerBound, reason: "invalid UTF-8")
        }
        self.bytes = bytes
    }

    /// The bytes of the next value, whatever it is. Containers are counted, not recursed into: depth costs no stack.
    mutating func value() throws(JSONFault) -> Range<Int> {
        skipWhitespace()
        let start = position
        var open: [UInt8] = []
        repeat {
            // Here a value begins …
            skipWhitespace()
            switch peek {
            case UInt8(ascii: "{"):
                position += 1
                if !takeToken("}") {
                    open.append(UInt8(ascii: "}"))
                    try memberName()
                    continue
                }
            case UInt8(ascii: "["):
                position += 1
                if !takeToken("]") {
                    open.append(UInt8(ascii: "]"))
                    continue
                }
            case UInt8(ascii: "\""): _ = try string()
            case UInt8(ascii: "t"): try literal("true")
            case UInt8(ascii: "f"): try literal("false")
            case UInt8(ascii: "n"): try literal("null")
            default: try number()
            }
            // … and here one ended, and with it perhaps the containers it is the last of.
            while let closing = open.last {
                if takeToken(",") {
                    if closing == UInt8(ascii: "}") { try memberName() }
                    break
                }
                guard peek == closing else { throw expected("a comma or \(Character(Unicode.Scalar(closing)))") }
                position += 1
                open.removeLast()
            }
        } while !open.isEmpty
        return start..<position
    }

    /// The next string, with its quotes.
    mutating func string() throws(JSONFault) -> ArraySlice<UInt8> {
        guard takeToken("\"") else { throw expected("a string") }
        let start = position - 1
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                return bytes[start..<position]
            case UInt8(ascii: "\\"):
                try escape()
            case 0..<0x20:
                position -= 1
                throw expected("no control character in a string")
            default: break
            }
        }
        throw expected("a closing quote")
    }

    /// Takes a character of punctuation if it is the next token.
    mutating func takeToken(_ character: Unicode.Scalar) -> Bool {
        skipWhitespace()
        guard peek == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func end() throws(JSONFault) {
        skipWhitespace()
        guard position == bytes.count else { throw expected("nothing more") }
    }

    func expected(_ what: String) -> JSONFault {
        JSONFault(offset: position, reason: "expected \(what)")
    }

    private var peek: UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    private mutating func skipWhitespace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func memberName() throws(JSONFault) {
        _ = try string()
        guard takeToken(":") else { throw expected("a colon") }
    }

    private mutating func escape() throws(JSONFault) {
        switch peek {
        case UInt8(ascii: "u"):
            for _ in 0..<4 {
                position += 1
                guard let byte = peek, byte.isHexadecimalDigit else { throw expected("four hexadecimal digits") }
            }
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            break
        default:
            throw expected("an escape that JSON has")
        }
        position += 1
    }

    private mutating func literal(_ word: StaticString) throws(JSONFault) {
        guard bytes[position...].starts(with: UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
        else { throw expected("\(word)") }
        position += word.utf8CodeUnitCount
    }

    private mutating func number() throws(JSONFault) {
        let start = position
        if peek == UInt8(ascii: "-") { position += 1 }
        if peek == UInt8(ascii: "0") {
            position += 1
        } else {
            guard takeDigits() else {
                position = start
                throw expected("a value")
            }
        }
        if peek == UInt8(ascii: ".") {
            position += 1
            guard takeDigits() else { throw expected("a digit") }
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            position += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
            guard takeDigits() else { throw expected("a digit") }
        }
    }

    private mutating func takeDigits() -> Bool {
        let start = position
        while let byte = peek, byte.isDigit { position += 1 }
        return position > start
    }
}

extension UInt8 {
    var isDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
    }

    fileprivate var isHexadecimalDigit: Bool {
        isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20)
    }
}
