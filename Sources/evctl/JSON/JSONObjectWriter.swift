// Owns: writing one JSON object member by member, without minding commas.

struct JSONObjectWriter {
    private(set) var bytes: [UInt8] = []

    /// An object with the members that `body` writes.
    static func object(_ body: (inout JSONObjectWriter) -> Void) -> [UInt8] {
        var writer = JSONObjectWriter()
        writer.bytes.append("{")
        body(&writer)
        writer.bytes.append("}")
        return writer.bytes
    }

    mutating func text(_ name: String, _ value: String) {
        key(name)
        bytes.append(jsonString: value)
    }

    mutating func number(_ name: String, _ value: some BinaryInteger) {
        key(name)
        if value < 0 { bytes.append("-") }
        bytes.append(decimal: UInt64(value.magnitude))
    }

    /// With three digits after the point.
    mutating func thousandths(_ name: String, _ value: UInt64) {
        key(name)
        bytes.append(decimal: value / 1000)
        bytes.append(".")
        bytes.append(decimal: value % 1000, width: 3)
    }

    mutating func flag(_ name: String, _ value: Bool) {
        key(name)
        bytes.append(value ? "true" : "false")
    }

    mutating func object(_ name: String, _ body: (inout JSONObjectWriter) -> Void) {
        key(name)
        bytes += Self.object(body)
    }

    private mutating func key(_ name: String) {
        if bytes.last != UInt8(ascii: "{") { bytes.append(",") }
        bytes.append(jsonString: name)
        bytes.append(":")
    }
}
