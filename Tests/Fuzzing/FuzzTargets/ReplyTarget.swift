// Owns: the promises of the reply decoder: a stream means the same however it is cut into pieces, and no value is
// larger than the bytes it came in.

import EventModel
import EventWire

enum ReplyTarget {
    static func run(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let stream = Array(bytes.dropFirst())
        let whole = values(of: stream, pieces: .max)
        require(values(of: stream, pieces: 1 + Int(first & 63)) == whole, "the replies depend on how they are cut")
        for value in whole ?? [] {
            require(weight(of: value) <= 4 * stream.count, "a reply weighs more than its bytes")
            if let event = Event(value) {
                require(!(event.id == EventID(0) && event.data == []) || event.version >= 0)
            }
        }
    }

    /// The values of a stream up to where it breaks off; nil where it is no stream of replies.
    static func values(of stream: [UInt8], pieces: Int) -> [RESPValue]? {
        var decoder = RESPReplyDecoder(maximumBulkBytes: 4096)
        var values: [RESPValue] = []
        var unread: [UInt8] = []
        var rest = stream[...]
        while !rest.isEmpty {
            unread += rest.prefix(pieces)
            rest = rest.dropFirst(pieces)
            while true {
                let decoded = unread.withUnsafeBytes { bytes in
                    Result { () throws(WireError) in try decoder.next(bytes) }
                }
                guard case .success(let reply) = decoded else { return nil }
                switch reply {
                case .value(let value, let consumed):
                    require(1...unread.count ~= consumed, "more is consumed than there is")
                    unread.removeFirst(consumed)
                    values.append(value)
                    continue
                case .incomplete(let consumed):
                    require(0...unread.count ~= consumed, "more is consumed than there is")
                    unread.removeFirst(consumed)
                }
                break
            }
        }
        return values
    }

    private static func weight(of value: RESPValue) -> Int {
        switch value {
        case .array(let elements), .map(let elements), .push(let elements):
            elements.reduce(1) { $0 + weight(of: $1) }
        default: 1 + (value.bytes?.count ?? 0)
        }
    }
}
