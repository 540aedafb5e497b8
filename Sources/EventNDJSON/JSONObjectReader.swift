// Owns: walking through one JSON object member by member: each name as it reads, each value as its bytes.

struct JSONObjectReader {
    private var scanner: JSONScanner
    private var isOpen = false

    init(_ bytes: [UInt8]) throws(JSONFault) {
        scanner = try JSONScanner(bytes)
    }

    /// The next member, in the order of the text; nil after the last, when nothing may follow the object.
    mutating func next() throws(JSONFault) -> (name: String, value: ArraySlice<UInt8>)? {
        if !isOpen {
            guard scanner.takeToken("{") else { throw scanner.expected("a JSON object") }
            isOpen = true
            if scanner.takeToken("}") { return try finish() }
        } else if !scanner.takeToken(",") {
            guard scanner.takeToken("}") else { throw scanner.expected("a comma or }") }
            return try finish()
        }
        let name = try JSONValue.string(scanner.string())
        guard scanner.takeToken(":") else { throw scanner.expected("a colon") }
        return (name, scanner.bytes[try scanner.value()])
    }

    private mutating func finish() throws(JSONFault) -> (name: String, value: ArraySlice<UInt8>)? {
        try scanner.end()
        return nil
    }
}
