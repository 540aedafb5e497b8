// Owns: the grammar of the commands that ask: EV.READ, EV.BLOCKS, EV.COUNT, EV.STATE, EV.FOLD, EV.PROJECTION and EV.SUBSCRIBE.

import EventModel

extension Filter {
    init(_ cursor: inout ArgumentCursor) throws(StoreError) {
        var filter = FilterParser()
        while let keyword = cursor.keyword() {
            guard try filter.take(keyword, &cursor) else { throw cursor.unexpected(FilterParser.keywords) }
        }
        self = try filter.finish(cursor)
    }
}

extension ReadRequest {
    init(_ cursor: inout ArgumentCursor) throws(StoreError) {
        var filter = FilterParser()
        var count: Int?
        var reversed: Bool?
        var withHead: Bool?
        var block: Int?
        while let keyword = cursor.keyword() {
            switch keyword {
            case "COUNT": try cursor.set(&count, cursor.number(1...Int.max, "a count"), "COUNT")
            case "REV": try cursor.set(&reversed, true, "REV")
            case "BLOCK": try cursor.set(&block, cursor.number(0...Int.max, "milliseconds"), "BLOCK")
            case "WITHHEAD": try cursor.set(&withHead, true, "WITHHEAD")
            default:
                guard try filter.take(keyword, &cursor) else {
                    throw cursor.unexpected("\(FilterParser.keywords), COUNT, REV, BLOCK or WITHHEAD")
                }
            }
        }
        self.filter = try filter.finish(cursor)
        self.count = count ?? ReadRequest.defaultCount
        self.reversed = reversed ?? false
        self.withHead = withHead ?? false
        blockMilliseconds = block
        guard !self.withHead || block == nil else {
            throw StoreError(.invalid, "WITHHEAD and BLOCK exclude each other: what a read has waited for is the head")
        }
    }
}

extension BlocksRequest {
    init(_ cursor: inout ArgumentCursor) throws(StoreError) {
        var after: EventID?
        var bytes: Int?
        while let keyword = cursor.keyword() {
            switch keyword {
            case "AFTER": try cursor.set(&after, cursor.eventPosition(), "AFTER")
            case "BYTES": try cursor.set(&bytes, cursor.number(1...Int.max, "bytes"), "BYTES")
            default: throw cursor.unexpected("AFTER or BYTES")
            }
        }
        self.after = after ?? EventID(0)
        self.bytes = bytes ?? Self.defaultBytes
    }
}

extension StateRequest {
    init(_ cursor: inout ArgumentCursor) throws(StoreError) {
        aggregateID = try cursor.name("aggregate")
        try cursor.require(keyword: "REDUCER")
        reducer = try cursor.name("reducer")
        if cursor.peeked?.spells("CATEGORY") == true {
            _ = cursor.next()
            category = try cursor.name("category")
        }
        (at, asOf, skipsDamage) = try cursor.moment(maySkipDamage: true)
    }
}

extension ProjectionRequest {
    init(_ cursor: inout ArgumentCursor) throws(StoreError) {
        name = try cursor.name("projection")
        (at, asOf, _) = try cursor.moment(maySkipDamage: false)
    }
}

extension FoldRequest {
    init(_ cursor: inout ArgumentCursor) throws(StoreError) {
        switch cursor.keyword() {
        case "REDUCER": source = .reducer(try cursor.name("reducer"))
        case "LUA":
            guard let text = String(validating: try cursor.required("Lua source"), as: UTF8.self) else {
                throw StoreError(.invalid, "argument \(cursor.position): the Lua source is not valid UTF-8")
            }
            source = .lua(text)
        default: throw cursor.unexpected("REDUCER or LUA")
        }
        filter = try Filter(&cursor)
    }
}

extension SubscribeRequest {
    init(_ cursor: inout ArgumentCursor) throws(StoreError) {
        var filter = FilterParser()
        var from: EventID?
        while let keyword = cursor.keyword() {
            if keyword == "FROM" {
                // What `$` stands for has been; a subscription that begins there begins with the next.
                let isNext = cursor.peeked?.spells("$") == true
                let position = try cursor.eventPosition()
                try cursor.set(&from, isNext ? EventID(position.rawValue + 1) : position, "FROM")
            } else if try !filter.take(keyword, &cursor) {
                throw cursor.unexpected("\(FilterParser.keywords) or FROM")
            }
        }
        self.filter = try filter.finish(cursor)
        // AFTER says where to begin as well; without either only what is new is delivered.
        self.from = from ?? self.filter.after.map { $0.successor ?? $0 }
    }
}

extension ArgumentCursor {
    /// `[AT time] [ASOF id|time] [SKIPDAMAGE]`, to the end of the command.
    fileprivate mutating func moment(
        maySkipDamage: Bool
    ) throws(StoreError) -> (at: Timestamp?, asOf: AsOf?, skipsDamage: Bool) {
        var at: Timestamp?
        var asOf: AsOf?
        var skipsDamage: Bool?
        while let keyword = keyword() {
            switch keyword {
            case "AT": try set(&at, time(), "AT")
            case "ASOF": try set(&asOf, self.asOf(), "ASOF")
            case "SKIPDAMAGE" where maySkipDamage: try set(&skipsDamage, true, "SKIPDAMAGE")
            default: throw unexpected(maySkipDamage ? "AT, ASOF or SKIPDAMAGE" : "AT or ASOF")
            }
        }
        return (at, asOf, skipsDamage ?? false)
    }
}
