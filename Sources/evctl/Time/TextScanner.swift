// Owns: walking over ASCII text byte by byte, for the grammars of times and of zones.

struct TextScanner {
    private(set) var rest: ArraySlice<UInt8>

    init(_ text: some StringProtocol) {
        rest = Array(text.utf8)[...]
    }

    var isAtEnd: Bool { rest.isEmpty }
    var peek: UInt8? { rest.first }

    /// What is left, up to the next blank.
    var word: String {
        String(decoding: rest.prefix { !$0.isBlank }, as: UTF8.self)
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    /// Takes all bytes that come next and are of a kind.
    mutating func take(while isOfKind: (UInt8) -> Bool) -> String {
        let taken = rest.prefix(while: isOfKind)
        rest = rest.dropFirst(taken.count)
        return String(decoding: taken, as: UTF8.self)
    }

    /// The number that comes next, and how many digits it was written with; nil where there is no digit. A number of more
    /// than 18 digits is not read to its end.
    mutating func number() -> (value: Int, digits: Int)? {
        var value = 0
        var digits = 0
        while digits < 18, let byte = rest.first, byte.isDigit {
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
            digits += 1
            rest.removeFirst()
        }
        return digits > 0 ? (value, digits) : nil
    }
}

extension UInt8 {
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
    var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
    var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
}
