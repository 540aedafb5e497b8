// Owns: finding the next command in the bytes a client sent, RESP arrays of bulk strings and inline lines alike, within
// the limits.
// Refuses to know: what commands mean, and where the bytes come from.

package import EventModel

/// What the front of the bytes held. `consumed` bytes are done with in each case.
package enum DecodedCommand {
    /// The arguments lie within the bytes that were passed in.
    case command(ArgumentList, consumed: Int)
    /// A whole command that passes a limit. It has been skipped and the next can be decoded.
    case refused(StoreError, consumed: Int)
    case incomplete(consumed: Int)
}

/// An incremental decoder for one connection.
///
/// Each call passes every byte that no call has consumed yet, so the caller keeps an incomplete command together and
/// the decoder remembers how far it has read. Nothing is copied and nothing is allocated per argument.
package struct RESPDecoder: ~Copyable {
    /// Arguments whose places are remembered without asking for memory for each command.
    private static let keptArguments = 256

    private let limits: WireLimits
    /// How far the first, incomplete command has been read.
    private var position = 0
    /// How far an incomplete line has been searched for its end.
    private var scanned = 0
    private var ranges: [Range<Int>] = []
    /// Arguments of the command still to come; nil before its header.
    private var pendingArguments: Int?
    /// Bytes of the argument still to come; nil before its header.
    private var pendingBytes: Int?
    private var commandBytes = 0
    /// Set once the command has passed a limit. From there on its bytes are consumed as they come, not kept.
    private var refusal: StoreError?
    private var failure: WireError?

    package init(limits: WireLimits = WireLimits()) {
        self.limits = limits
    }

    /// Bytes of memory that the command which is arriving takes here, beside the bytes that it arrives in.
    package var memoryBytes: Int {
        ranges.capacity <= Self.keptArguments ? 0 : ranges.capacity * MemoryLayout<Range<Int>>.stride
    }

    /// Lets go of what a command with many arguments has left behind, where none is arriving.
    package mutating func release() {
        if isBetweenCommands, ranges.capacity > Self.keptArguments { ranges = [] }
    }

    /// Whether the next byte begins a command.
    package var isBetweenCommands: Bool {
        pendingArguments == nil && position == 0 && scanned == 0 && failure == nil
    }

    /// Once it has thrown there is no way on: it throws the same again.
    package mutating func next(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> DecodedCommand {
        if let failure { throw failure }
        do throws(WireError) {
            return try decode(bytes)
        } catch {
            failure = error
            throw error
        }
    }

    private mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> DecodedCommand {
        while pendingArguments == nil {
            guard position < bytes.count else { return incomplete() }
            if bytes[position] == UInt8(ascii: "*") {
                guard let count = try header(in: bytes, "multibulk") else { return incomplete() }
                // An empty array is no command; Redis passes over it too.
                if count > 0 { try begin(arguments: count) }
            } else {
                guard try readLine(bytes) else { return incomplete() }
                if !ranges.isEmpty {
                    try admitLine()
                    return finish(bytes)
                }
            }
        }
        while let pending = pendingArguments, pending > 0 {
            guard try readArgument(bytes) else { return incomplete() }
            pendingArguments = pending - 1
        }
        return finish(bytes)
    }

    private mutating func begin(arguments count: Int) throws(WireError) {
        guard count <= WireLimits.plausibleArguments else { throw .protocolBroken("invalid multibulk length") }
        pendingArguments = count
        commandBytes = 0
        ranges.removeAll(keepingCapacity: true)
        admit(arguments: count)
    }

    /// Holds a typed line to the limits of any command.
    private mutating func admitLine() throws(WireError) {
        commandBytes = 0
        admit(arguments: ranges.count)
        for range in ranges { try admit(argumentBytes: range.count) }
    }

    private mutating func admit(arguments count: Int) {
        guard count > limits.arguments else { return }
        refusal = StoreError(.tooBig, "command has \(count) arguments; expected at most \(limits.arguments)")
    }

    /// Reads one argument; false where it is not all there.
    private mutating func readArgument(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> Bool {
        if pendingBytes == nil {
            guard position < bytes.count else { return false }
            guard bytes[position] == UInt8(ascii: "$") else {
                let got = UnsafeRawBufferPointer(rebasing: bytes[position...position]).quoted
                throw .protocolBroken("expected '$', got \(got)")
            }
            guard let length = try header(in: bytes, "bulk") else { return false }
            try admit(argumentBytes: length)
            pendingBytes = length
        }
        guard var length = pendingBytes else { return false }
        if refusal != nil {
            let skipped = min(length, bytes.count - position)
            position += skipped
            length -= skipped
            pendingBytes = length
        }
        let end = position + length
        guard bytes.count >= end + 2 else { return false }
        guard bytes[end] == UInt8(ascii: "\r"), bytes[end + 1] == UInt8(ascii: "\n") else {
            throw .protocolBroken("expected CRLF after a bulk string")
        }
        if refusal == nil { ranges.append(position..<end) }
        position = end + 2
        pendingBytes = nil
        return true
    }

    /// Holds a declared length to the limits, before there is anything to buffer.
    private mutating func admit(argumentBytes length: Int) throws(WireError) {
        commandBytes += length
        guard commandBytes <= WireLimits.plausibleBytes else { throw .protocolBroken("invalid bulk length") }
        guard refusal == nil else { return }
        if length > limits.argumentBytes {
            refusal = StoreError(
                .tooBig,
                "argument is \(length) bytes long; expected at most \(limits.argumentBytes)"
            )
        } else if commandBytes > limits.commandBytes {
            refusal = StoreError(
                .tooBig,
                "command is more than \(limits.commandBytes) bytes long, which is the limit"
            )
        }
    }

    /// Reads `<marker><digits>CRLF` at the position; nil where it is not all there.
    private mutating func header(
        in bytes: UnsafeRawBufferPointer,
        _ what: StaticString
    ) throws(WireError) -> Int? {
        var value = 0
        var index = position + 1
        while index < bytes.count, case let digit = bytes[index] &- UInt8(ascii: "0"), digit < 10 {
            value = value * 10 + Int(digit)
            index += 1
            guard index - position <= 11 else { throw .protocolBroken("invalid \(what) length") }
        }
        guard index < bytes.count else { return nil }
        guard bytes[index] == UInt8(ascii: "\r"), index > position + 1 else {
            throw .protocolBroken("invalid \(what) length")
        }
        guard index + 1 < bytes.count else { return nil }
        guard bytes[index + 1] == UInt8(ascii: "\n") else { throw .protocolBroken("invalid \(what) length") }
        position = index + 2
        return value
    }

    private mutating func incomplete() -> DecodedCommand {
        // What is being skipped, and what is empty, is consumed as it comes; a command stays whole in the caller's
        // buffer until its end is there.
        guard refusal != nil || pendingArguments == nil else { return .incomplete(consumed: 0) }
        if ranges.capacity > Self.keptArguments { ranges = [] }
        let consumed = position
        position = 0
        scanned = max(0, scanned - consumed)
        return .incomplete(consumed: consumed)
    }

    private mutating func finish(_ bytes: UnsafeRawBufferPointer) -> DecodedCommand {
        let consumed = position
        position = 0
        pendingArguments = nil
        if let refusal {
            self.refusal = nil
            return .refused(refusal, consumed: consumed)
        }
        return .command(ArgumentList(bytes: bytes, ranges: ranges), consumed: consumed)
    }

    /// Reads a line, as a person types it; false where its end is not there yet.
    private mutating func readLine(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> Bool {
        let limit = position + limits.inlineBytes
        let unread = bytes[max(position, scanned)..<min(bytes.count, limit + 1)]
        guard let end = unread.firstIndex(of: UInt8(ascii: "\n")) else {
            guard bytes.count <= limit else { throw .protocolBroken("too big inline request") }
            scanned = bytes.count
            return false
        }
        ranges.removeAll(keepingCapacity: true)
        try InlineSplitter.split(bytes, position..<end, into: &ranges)
        position = end + 1
        scanned = 0
        return true
    }
}
