// Owns: finding the next reply in the bytes a server sent, in either dialect, within bounds of depth and size.
// Refuses to know: which request a reply answers.

import EventModel

package enum DecodedReply {
    case value(RESPValue, consumed: Int)
    case incomplete(consumed: Int)
}

/// An incremental decoder for one connection.
///
/// Each call passes every byte that no call has consumed yet. An element of an unfinished reply is consumed as soon as
/// it is whole and kept as a value, so that a large reply that comes in pieces is read once.
package struct RESPReplyDecoder: ~Copyable {
    private static let maximumDepth = 16
    private static let maximumElements = 1 << 24
    private static let maximumLineBytes = 64 << 10
    private let maximumBulkBytes: Int
    /// The aggregates that lack elements, the innermost last.
    private var open: [Aggregate] = []

    package init(maximumBulkBytes: Int = 512 << 20) {
        self.maximumBulkBytes = maximumBulkBytes
    }

    package mutating func next(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> DecodedReply {
        var position = 0
        while let item = try readItem(bytes, &position) {
            switch item {
            case .head(let aggregate):
                guard open.count < Self.maximumDepth else { throw .protocolBroken("reply is nested too deeply") }
                open.append(aggregate)
            case .value(let value):
                if let whole = close(value) { return .value(whole, consumed: position) }
            }
        }
        return .incomplete(consumed: position)
    }

    /// Puts a value into the innermost aggregate, and that into the one around it where it is full now. Returns the
    /// outermost.
    private mutating func close(_ value: RESPValue) -> RESPValue? {
        var value = value
        while let innermost = open.indices.last {
            open[innermost].elements.append(value)
            guard open[innermost].elements.count == open[innermost].count else { return nil }
            value = open.removeLast().value
        }
        return value
    }

    private enum Item {
        case head(Aggregate)
        case value(RESPValue)
    }

    /// Reads a value, or the head of an aggregate that has elements; nil where it is not all there.
    private func readItem(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) throws(WireError) -> Item? {
        guard let line = try line(bytes, from: position) else { return nil }
        let marker = bytes[position]
        let text = String(decoding: bytes[(position + 1)..<line], as: UTF8.self)
        var end = line + 2
        let item: Item
        switch marker {
        case UInt8(ascii: "+"): item = .value(.simple(text))
        case UInt8(ascii: "-"): item = .value(.error(StoreError(wireText: text)))
        case UInt8(ascii: ":"): item = .value(.integer(try number(text)))
        case UInt8(ascii: "_"): item = .value(.null)
        case UInt8(ascii: "#"): item = .value(.boolean(text == "t"))
        case UInt8(ascii: ","):
            guard let double = Double(text) else { throw .protocolBroken("invalid double") }
            item = .value(.double(double))
        case UInt8(ascii: "$"), UInt8(ascii: "!"), UInt8(ascii: "="):
            let length = try number(text)
            if length == -1 {
                item = .value(.null)
                break
            }
            guard length >= 0, length <= maximumBulkBytes else { throw .protocolBroken("invalid bulk length") }
            let start = end
            end += Int(length) + 2
            guard bytes.count >= end else { return nil }
            guard bytes[end - 2] == UInt8(ascii: "\r"), bytes[end - 1] == UInt8(ascii: "\n") else {
                throw .protocolBroken("expected CRLF after a bulk string")
            }
            item = .value(Self.bulk(marker, bytes[start..<end - 2]))
        case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: "%"), UInt8(ascii: ">"):
            let count = try number(text)
            if count == -1 {
                item = .value(.null)
                break
            }
            guard count >= 0, count <= Self.maximumElements else { throw .protocolBroken("invalid aggregate length") }
            let aggregate = Aggregate(marker: marker, count: Int(count))
            item = count == 0 ? .value(aggregate.value) : .head(aggregate)
        default: throw .protocolBroken("unknown type of reply 0x\(String(marker, radix: 16))")
        }
        position = end
        return item
    }

    /// Where the line that begins at `start` ends; nil where it is not all there.
    private func line(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(WireError) -> Int? {
        let searched = bytes[start..<min(bytes.count, start + Self.maximumLineBytes)]
        guard let end = searched.firstIndex(of: UInt8(ascii: "\r")) else {
            guard searched.count < Self.maximumLineBytes else { throw .protocolBroken("too long a line") }
            return nil
        }
        guard end + 1 < bytes.count else { return nil }
        guard end > start, bytes[end + 1] == UInt8(ascii: "\n") else { throw .protocolBroken("expected CRLF") }
        return end
    }

    private func number(_ text: String) throws(WireError) -> Int64 {
        guard let number = Int64(text) else { throw .protocolBroken("invalid number") }
        return number
    }

    private static func bulk(_ marker: UInt8, _ bytes: Slice<UnsafeRawBufferPointer>) -> RESPValue {
        switch marker {
        case UInt8(ascii: "!"): .error(StoreError(wireText: String(decoding: bytes, as: UTF8.self)))
        // A verbatim string begins with its format: three letters and a colon.
        case UInt8(ascii: "="): .bulk(Array(bytes.dropFirst(4)))
        default: .bulk(Array(bytes))
        }
    }
}

/// An array, set, map or push whose elements are still coming.
private struct Aggregate {
    private let marker: UInt8
    let count: Int
    var elements: [RESPValue] = []

    init(marker: UInt8, count: Int) {
        self.marker = marker
        self.count = marker == UInt8(ascii: "%") ? 2 * count : count
    }

    var value: RESPValue {
        switch marker {
        case UInt8(ascii: "%"): .map(elements)
        case UInt8(ascii: ">"): .push(elements)
        default: .array(elements)
        }
    }
}
