// Owns: what may stand as a category, an aggregate, a type or a tag.

/// The rule for names: 1 to 255 bytes of UTF-8 without control characters.
public enum NameRule {
    /// The most bytes of UTF-8 a name can have.
    public static let maximumBytes = 255

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
