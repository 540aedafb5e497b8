// Owns: a decoder of events written from the page EventFormat and from nothing else: not one line of the production code. What
// it reads as the page says, anyone can.

/// What an event is, for a reader that has only the page and a body.
struct PageEvent: Equatable {
    var category = ""
    var aggregateID = ""
    var eventType = ""
    var identifier: String?
    var tags: [String] = []
    var version: UInt32 = 1
    var metadata: String?
    var data = ""
}

/// Why a body is no event by the page.
enum PageRefusal: Error, Equatable {
    case noEvent
    case later
}

extension PageEvent {
    init(_ body: [UInt8]) throws(PageRefusal) {
        var rest = body[...]
        func take(_ count: Int) throws(PageRefusal) -> [UInt8] {
            guard rest.count >= count else { throw .noEvent }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        func number() throws(PageRefusal) -> UInt32 {
            try take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
        func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
        var isLater = false
        for _ in 0..<(try take(1)[0]) {
            let key = try take(Int(try take(1)[0]) + 1)
            let name = key.dropFirst()
            switch text(key.prefix(1)) {
            case "c": category = text(name)
            case "a": aggregateID = text(name)
            case "t": eventType = text(name)
            case "i": identifier = Self.printed(Array(name))
            case "n": identifier = text(name)
            case "g": tags.append(text(name))
            case "A"..."Z": break
            case "a"..."z": isLater = true
            default: throw .noEvent
            }
        }
        let flags = try take(1)[0]
        if isLater || flags & (0x04 | 0x08 | 0x10 | 0x20 | 0x40) != 0 { throw .later }
        if flags & 0x01 != 0 { version = try number() }
        if flags & 0x02 != 0 { metadata = text(try take(Int(try number()))) }
        data = text(rest)
    }

    private static func printed(_ uuid: [UInt8]) -> String {
        let digits = uuid.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return [digits[..<4], digits[4..<6], digits[6..<8], digits[8..<10], digits[10...]]
            .map { $0.joined() }.joined(separator: "-")
    }
}
