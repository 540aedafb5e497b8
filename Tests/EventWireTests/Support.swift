// Owns: what several tests of the wire need: running bytes through the decoder, events as bytes, seeded random values.

import EventModel
import Testing

@testable import EventWire

/// What the decoder made of a command, copied out of the bytes.
enum Outcome: Equatable {
    case command([String])
    case refused(StoreError)
    case broken(WireError)
}

/// Feeds `bytes` as a connection would: `chunk` bytes arrive at a time, and what was not consumed is passed again.
func decode(_ bytes: [UInt8], chunk: Int = .max, limits: WireLimits = WireLimits()) -> [Outcome] {
    var decoder = RESPDecoder(limits: limits)
    var outcomes: [Outcome] = []
    var unread: [UInt8] = []
    var rest = bytes[...]
    while !rest.isEmpty {
        unread += rest.prefix(chunk)
        rest = rest.dropFirst(chunk)
        do {
            while try decodeOne(&decoder, &unread, &outcomes) {}
        } catch {
            return outcomes + [.broken(error)]
        }
    }
    return outcomes
}

/// False where more bytes are needed.
private func decodeOne(
    _ decoder: inout RESPDecoder,
    _ unread: inout [UInt8],
    _ outcomes: inout [Outcome]
) throws(WireError) -> Bool {
    let result = unread.withUnsafeBytes { bytes in
        Result { () throws(WireError) -> (Outcome?, Int) in
            switch try decoder.next(bytes) {
            case .command(let arguments, let consumed):
                let words = (0..<arguments.count).map { String(decoding: arguments[$0], as: UTF8.self) }
                return (.command(words), consumed)
            case .refused(let error, let consumed): return (.refused(error), consumed)
            case .incomplete(let consumed): return (nil, consumed)
            }
        }
    }
    let (outcome, consumed) = try result.get()
    unread.removeFirst(consumed)
    if let outcome { outcomes.append(outcome) }
    return outcome != nil
}

func encode(_ commands: [String]...) -> [UInt8] {
    var encoder = CommandEncoder()
    for command in commands { encoder.command(command) }
    return encoder.bytes
}

/// Parses one command; what it borrows is valid within `body`.
func withCommand<Value>(_ bytes: [UInt8], _ body: (Command) throws -> Value) throws -> Value {
    try bytes.withUnsafeBytes { bytes in
        var decoder = RESPDecoder()
        guard case .command(let arguments, _) = try decoder.next(bytes) else {
            throw StoreError(.other, "not a whole command")
        }
        return try body(try CommandParser.parse(arguments) { EventID(77) }.command)
    }
}

func withCommand<Value>(_ words: [String], _ body: (Command) throws -> Value) throws -> Value {
    try withCommand(encode(words), body)
}

/// The error that parsing gives, as it goes over the wire.
func refusal(_ words: [String]) -> String? {
    do {
        try withCommand(words) { _ in }
        return nil
    } catch {
        return String(describing: error)
    }
}

func encode(_ event: Event, _ version: RESPVersion) -> [UInt8] {
    let texts = [event.category, event.eventType, event.aggregateID, event.identifier ?? ""] + event.tags
    let parts = texts.map { Array($0.utf8) } + [event.data, event.metadata ?? []]
    var bounds = [0]
    for part in parts { bounds.append(bounds[bounds.count - 1] + part.count) }
    return parts.flatMap(\.self).withUnsafeBytes { all in
        let borrowed = parts.indices.map { UnsafeRawBufferPointer(rebasing: all[bounds[$0]..<bounds[$0 + 1]]) }
        var replies = ReplyEncoder(version: version)
        replies.event(
            EventParts(
                id: event.id,
                category: borrowed[0],
                aggregateID: borrowed[2],
                eventType: borrowed[1],
                data: borrowed[borrowed.count - 2],
                timestamp: event.timestamp,
                recordedAt: event.recordedAt,
                version: event.version,
                identifier: event.identifier.map { _ in EventIdentifierParts(borrowed[3]) },
                tags: Array(borrowed[4..<4 + event.tags.count]),
                metadata: event.metadata.map { _ in borrowed[borrowed.count - 1] }
            )
        )
        return replies.bytes
    }
}

/// Feeds a client's decoder as a connection would.
func decodeReplies(_ bytes: [UInt8], chunk: Int = .max) throws(WireError) -> [RESPValue] {
    var decoder = RESPReplyDecoder()
    var values: [RESPValue] = []
    var unread: [UInt8] = []
    var rest = bytes[...]
    while !rest.isEmpty {
        unread += rest.prefix(chunk)
        rest = rest.dropFirst(chunk)
        var isWaiting = false
        while !isWaiting {
            let result = unread.withUnsafeBytes { bytes in
                Result { () throws(WireError) in try decoder.next(bytes) }
            }
            switch try result.get() {
            case .value(let value, let consumed):
                values.append(value)
                unread.removeFirst(consumed)
            case .incomplete(let consumed):
                unread.removeFirst(consumed)
                isWaiting = true
            }
        }
    }
    return values
}

/// Sebastiano Vigna's SplitMix64: the same values for the same seed, everywhere.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func names(_ count: ClosedRange<Int>) -> [String] {
        (0..<Int.random(in: count, using: &self)).map { _ in name() }
    }

    mutating func name() -> String {
        let letters = ["a", "Z", "0", "-", " ", "ü", "日", "🙂", "OR", "AFTER", "$", "'", "\""]
        return (0..<Int.random(in: 1...6, using: &self)).map { _ in letters.randomElement(using: &self)! }.joined()
    }

    mutating func identifier() -> String {
        Bool.random(using: &self) ? EventUUID(high: next(), low: next()).description : name()
    }

    mutating func timestamp() -> Timestamp {
        let nanoseconds = Int64.random(in: .min ... .max, using: &self)
        let coarse: [Int64] = [1, 10, 1_000_000, 1_000_000_000]
        let grain = coarse.randomElement(using: &self)!
        return Timestamp(nanoseconds: nanoseconds / grain * grain)
    }
}
