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

    mutating func texts(_ name: String, _ values: [String]) {
        array(name, values) { $0.append(jsonString: $1) }
    }

    mutating func numbers(_ name: String, _ values: [some UnsignedInteger]) {
        array(name, values) { $0.append(decimal: UInt64($1)) }
    }

    /// Null where there is no value; else what `write` writes under that name.
    mutating func optional<Value>(
        _ name: String,
        _ value: Value?,
        _ write: (inout JSONObjectWriter, Value) -> Void
    ) {
        if let value { return write(&self, value) }
        key(name)
        bytes.append("null")
    }

    private mutating func array<Value>(_ name: String, _ values: [Value], _ write: (inout [UInt8], Value) -> Void) {
        key(name)
        bytes.append("[")
        for (index, value) in values.enumerated() {
            if index > 0 { bytes.append(",") }
            write(&bytes, value)
        }
        bytes.append("]")
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
