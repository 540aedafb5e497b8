// Owns: what may stand as a category, an aggregate, a type, an identifier or a tag.

/// The rule for names: 1 to 255 bytes of UTF-8 without control characters.
public enum NameRule {
    /// The most bytes of UTF-8 a name can have.
    public static let maximumBytes = 255

    /// Whether the bytes are a name, of ASCII; what is not may be one yet.
    package static func isPlain(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= maximumBytes else { return false }
        guard bytes.count >= 8 else {
            for byte in bytes where byte < 0x20 || byte >= 0x7F { return false }
            return !bytes.isEmpty
        }
        var offset = 0
        while offset < bytes.count {
            // The last eight bytes overlap those before.
            offset = min(offset, bytes.count - 8)
            guard isPrintable(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) else { return false }
            offset += 8
        }
        return true
    }

    /// Whether all eight bytes are from 0x20 to 0x7E.
    private static func isPrintable(_ word: UInt64) -> Bool {
        let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        // Adding one carries 0x7F into the high bit, and subtracting 0x20 what is below it; only a byte whose high bit is set
        // already could disturb its neighbour, and that is refused anyway.
        return (word | (word &+ ones) | (word &- 0x20 &* ones)) & highs == 0
    }

    /// The reason why the bytes are no name, or nil where they are one. `what` is the word the sentence begins with.
    public static func violation(_ bytes: UnsafeRawBufferPointer, what: StaticString) -> String? {
        if bytes.isEmpty { return "\(what) is empty; expected 1 to \(maximumBytes) bytes" }
        if bytes.count > maximumBytes {
            return "\(what) is \(bytes.count) bytes long; expected 1 to \(maximumBytes)"
        }
        var needsDecoding = false
        for byte in bytes {
            if byte < 0x20 || byte == 0x7F { return "\(what) holds a control character" }
            if byte >= 0x80 { needsDecoding = true }
        }
        guard needsDecoding else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else { return "\(what) is not valid UTF-8" }
        // U+0080 to U+009F are control characters too.
        return text.unicodeScalars.contains { (0x80...0x9F).contains($0.value) }
            ? "\(what) holds a control character" : nil
    }
}
