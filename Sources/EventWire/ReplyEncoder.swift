// Owns: the replies of the wire as bytes, in either dialect.
// Refuses to know: sockets, and when to write what has gathered here.

package import EventModel

/// Gathers replies. The caller takes `bytes` away and empties it with `removeAll(keepingCapacity:)`.
package struct ReplyEncoder: Sendable {
    package var bytes: [UInt8] = []
    package var version: RESPVersion

    package init(version: RESPVersion = .resp2) {
        self.version = version
    }

    package mutating func simple(_ text: StaticString) {
        append(capacity: text.utf8CodeUnitCount + 3) { writer in
            writer.write(UInt8(ascii: "+"))
            writer.write(text)
            writer.write("\r\n")
        }
    }

    package mutating func error(_ error: StoreError) {
        self.error(text: error.description)
    }

    /// For the few errors whose code is Redis' and not ours. The text is one line and begins with the code.
    package mutating func error(text: String) {
        line("-", text)
    }

    package mutating func integer(_ value: Int64) {
        guard value >= 0 else { return line(":", String(value)) }
        head(":", UInt64(value))
    }

    package mutating func integer(_ value: UInt64) {
        head(":", value)
    }

    package mutating func integer(_ id: EventID) {
        head(":", id.rawValue)
    }

    /// `count` integers, each one more than the one before.
    package mutating func integers(from first: UInt64, count: Int) {
        append(capacity: 23 * count) { $0.write(integersFrom: first, count: count) }
    }

    package mutating func bulk(_ value: UnsafeRawBufferPointer) {
        append(capacity: value.count + 32) { $0.write(bulk: value) }
    }

    package mutating func bulk(_ value: [UInt8]) {
        value.withUnsafeBytes { bulk($0) }
    }

    package mutating func bulk(_ text: String) {
        var text = text
        text.withUTF8 { bulk(UnsafeRawBufferPointer($0)) }
    }

    /// In place of a value.
    package mutating func null() {
        line(version == .resp3 ? "_" : "$-1", "")
    }

    /// In place of an array: RESP2 tells the two apart.
    package mutating func nullArray() {
        line(version == .resp3 ? "_" : "*-1", "")
    }

    /// `count` values follow.
    package mutating func array(_ count: Int) {
        head("*", UInt64(count))
    }

    /// `count` keys follow, each with its value; a flat array in RESP2.
    package mutating func map(_ count: Int) {
        version == .resp3 ? head("%", UInt64(count)) : array(2 * count)
    }

    /// `count` values follow, in no order; an array in RESP2.
    package mutating func set(_ count: Int) {
        version == .resp3 ? head("~", UInt64(count)) : array(count)
    }

    /// `count` values follow that answer no request. RESP2 has no such thing.
    package mutating func push(_ count: Int) {
        precondition(version == .resp3, "RESP2 has no pushes")
        head(">", UInt64(count))
    }

    private mutating func head(_ marker: Unicode.Scalar, _ value: UInt64) {
        append(capacity: 23) { $0.write(marker, value) }
    }

    private mutating func line(_ marker: String, _ text: String) {
        bytes.append(contentsOf: marker.utf8)
        bytes.append(contentsOf: text.utf8)
        bytes.append(contentsOf: "\r\n".utf8)
    }

    /// One growth of the array for everything that `write` writes, which is at most `capacity` bytes.
    mutating func append(capacity: Int, _ write: (inout ByteWriter) -> Void) {
        bytes.append(addingCapacity: capacity) { span in
            span.withUnsafeMutableBufferPointer { memory, count in
                var writer = ByteWriter(UnsafeMutableBufferPointer(rebasing: memory[count...]))
                write(&writer)
                count += writer.count
            }
        }
    }
}
