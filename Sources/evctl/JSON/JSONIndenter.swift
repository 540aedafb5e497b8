// Owns: laying JSON text out over lines, two spaces a level, as Python's `json.dumps(indent=2)` does.
// Refuses to know: values. Every token is copied byte for byte; only the space between tokens changes.

enum JSONIndenter {
    /// Lays out one JSON value, which must be valid.
    static func indented(_ text: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(text.count * 2)
        var depth = 0
        var isInString = false
        var isEscaped = false
        // An opened container waits here for its first token, for an empty one stays on its line.
        var isJustOpened = false

        func breakLine() {
            output.append(UInt8(ascii: "\n"))
            output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
        }

        for byte in text {
            if isInString {
                output.append(byte)
                isInString = isEscaped || byte != UInt8(ascii: "\"")
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
                continue
            }
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                continue
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if !isJustOpened { breakLine() }
                isJustOpened = false
                output.append(byte)
                continue
            default:
                if isJustOpened { breakLine() }
                isJustOpened = false
            }
            output.append(byte)
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                isJustOpened = true
            case UInt8(ascii: ","): breakLine()
            case UInt8(ascii: ":"): output.append(UInt8(ascii: " "))
            case UInt8(ascii: "\""): isInString = true
            default: break
            }
        }
        return output
    }
}
