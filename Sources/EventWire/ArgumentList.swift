// Owns: the arguments of one command, borrowed from the bytes they arrived in, and what those bytes look like as words.

import EventModel

/// Valid only as long as the bytes that were decoded; copy what must live longer.
package struct ArgumentList {
    private let bytes: UnsafeRawBufferPointer
    private let ranges: [Range<Int>]

    init(bytes: UnsafeRawBufferPointer, ranges: [Range<Int>]) {
        self.bytes = bytes
        self.ranges = ranges
    }

    /// At least one: the name of the command.
    package var count: Int {
        ranges.count
    }

    package subscript(index: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[ranges[index]])
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the bytes spell `keyword`, which is in capitals, in whatever case.
    func spells(_ keyword: StaticString) -> Bool {
        guard count == keyword.utf8CodeUnitCount else { return false }
        for index in 0..<count where self[index].asciiUppercased != keyword.utf8Start[index] { return false }
        return true
    }

    /// The bytes as a keyword in capitals; empty where they are too long to be one. Fifteen bytes of UTF-8 fit into a
    /// String without an allocation, and every keyword fits into those.
    var keyword: String {
        guard count <= 15 else { return "" }
        return String(unsafeUninitializedCapacity: count) { text in
            for index in 0..<count { text[index] = self[index].asciiUppercased }
            return count
        }
    }

    /// The bytes in quotes, shortened and made printable, for the text of an error.
    var quoted: String {
        "'\(String(decoding: prefix(64), as: UTF8.self).visible)\(count > 64 ? "…" : "")'"
    }
}

extension UInt8 {
    fileprivate var asciiUppercased: UInt8 {
        self >= UInt8(ascii: "a") && self <= UInt8(ascii: "z") ? self &- 32 : self
    }
}
