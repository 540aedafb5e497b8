// Owns: the promises of the request decoder and the command parser: a stream means the same however it is cut into
// pieces, arguments lie within it and within the limits, and a command that is encoded again is decoded as it was.

import EventModel
import EventWire

enum RequestTarget {
    private static let limits = WireLimits(argumentBytes: 96, commandBytes: 192, arguments: 12, inlineBytes: 64)

    private enum Outcome: Equatable {
        case command([[UInt8]])
        case refused(StoreError)
        case broken(WireError)
    }

    static func run(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let stream = Array(bytes.dropFirst())
        let whole = outcomes(of: stream, pieces: Int.max, visit: check)
        // The first byte says how the stream is cut the second time.
        let pieces = outcomes(of: stream, pieces: 1 + Int(first & 63))
        require(pieces == whole, "the commands of a stream depend on how it is cut")
        var encoder = CommandEncoder()
        var commands: [Outcome] = []
        for case .command(let arguments) in whole {
            encoder.command(arguments)
            commands.append(.command(arguments))
        }
        require(outcomes(of: encoder.bytes, pieces: Int.max) == commands, "a command changes when it is encoded")
    }

    private static func outcomes(
        of stream: [UInt8],
        pieces: Int,
        visit: (ArgumentList) -> Void = { _ in }
    ) -> [Outcome] {
        var decoder = RESPDecoder(limits: limits)
        var outcomes: [Outcome] = []
        var unread: [UInt8] = []
        var rest = stream[...]
        while !rest.isEmpty {
            unread += rest.prefix(pieces)
            rest = rest.dropFirst(pieces)
            while true {
                let (outcome, consumed) = unread.withUnsafeBytes { next(&decoder, $0, visit) }
                require(0...unread.count ~= consumed, "more is consumed than there is")
                unread.removeFirst(consumed)
                guard let outcome else { break }
                outcomes.append(outcome)
                if case .broken = outcome { return outcomes }
            }
            // What the caller has to keep for a command that is not all there is bounded by the limits: the bytes of the
            // arguments, and what frames each of them.
            let bound =
                limits.commandBytes + limits.inlineBytes + 24 * (limits.arguments + 2) + min(pieces, stream.count)
            require(unread.count <= bound, "\(unread.count) bytes are kept")
        }
        return outcomes
    }

    private static func next(
        _ decoder: inout RESPDecoder,
        _ bytes: UnsafeRawBufferPointer,
        _ visit: (ArgumentList) -> Void
    ) -> (Outcome?, Int) {
        let plain = decoder.isBetweenCommands ? PlainAppend(front: bytes, limits: limits) : nil
        do throws(WireError) {
            switch try decoder.next(bytes) {
            case .command(let arguments, let consumed):
                if let plain { check(plain, arguments, consumed) }
                let words = (0..<arguments.count).map { Array(arguments[$0]) }
                require(!words.isEmpty && words.count <= max(limits.arguments, limits.inlineBytes))
                visit(arguments)
                return (.command(words), consumed)
            case .refused(let error, let consumed):
                require(plain == nil, "a plain append is refused")
                return (.refused(error), consumed)
            case .incomplete(let consumed):
                require(plain == nil, "a plain append is incomplete")
                return (nil, consumed)
            }
        } catch {
            return (.broken(error), 0)
        }
    }

    private static func check(_ plain: PlainAppend, _ arguments: ArgumentList, _ consumed: Int) {
        guard let event = (try? AppendRequest(arguments))?.event else {
            return require(false, "a plain append has an error")
        }
        require(arguments.count == 5 && consumed == plain.wireBytes)
        require(
            plain.category.elementsEqual(event.category) && plain.aggregateID.elementsEqual(event.aggregateID)
                && plain.eventType.elementsEqual(event.eventType) && plain.data.elementsEqual(event.data)
        )
    }

    private static func check(_ arguments: ArgumentList) {
        guard let command = try? CommandParser.parse(arguments).command else { return }
        switch command {
        case .append(let request):
            require(CommandParser.isAppend(arguments))
            require(NameRule.violation(request.event.category, what: "category") == nil)
            require(NameRule.violation(request.event.aggregateID, what: "aggregate") == nil)
            require(NameRule.violation(request.event.eventType, what: "type") == nil)
            require(request.event.tags.allSatisfy { NameRule.violation($0, what: "tag") == nil })
            if case .text(let name)? = request.event.identifier {
                require(NameRule.violation(name, what: "identifier") == nil && EventUUID(utf8: name) == nil)
            }
            require(request.event.version > 0)
        case .count(let filter):
            require(parsed(["EV.COUNT"] + filter.arguments()) == filter, "a filter changes when it is written out")
        case .connection(.command): break  // answered from a table
        case .connection(let connection):
            var handshake = Handshake(connectionID: 1, serverVersion: "0")
            var replies = ReplyEncoder()
            handshake.answer(connection, &replies)
            require(ReplyTarget.values(of: replies.bytes, pieces: .max)?.count == 1, "an answer is one reply")
        default: break
        }
    }

    private static func parsed(_ words: [String]) -> Filter? {
        var encoder = CommandEncoder()
        encoder.command(words)
        var decoder = RESPDecoder()
        return encoder.bytes.withUnsafeBytes { bytes in
            guard case .command(let arguments, _)? = try? decoder.next(bytes),
                case .count(let filter)? = try? CommandParser.parse(arguments).command
            else { return nil }
            return filter
        }
    }
}
