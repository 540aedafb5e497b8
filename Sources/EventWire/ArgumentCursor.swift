// Owns: walking over the arguments of a command, and saying which one is wrong and what was expected instead.

import EventModel

struct ArgumentCursor {
    private let arguments: ArgumentList
    /// The argument taken last. The command's name is argument 0, its first argument is argument 1.
    private(set) var position: Int
    /// The store that positions among the arguments belong to, where they say so.
    private(set) var store: EventUUID?
    /// What `$` stands for; nil where it stands for nothing.
    let tail: EventID?

    init(_ arguments: ArgumentList, after position: Int = 0, tail: EventID? = nil) {
        self.arguments = arguments
        self.position = position
        self.tail = tail
    }

    /// The next argument, not taken yet.
    var peeked: UnsafeRawBufferPointer? {
        position + 1 < arguments.count ? arguments[position + 1] : nil
    }

    mutating func next() -> UnsafeRawBufferPointer? {
        guard let argument = peeked else { return nil }
        position += 1
        return argument
    }

    /// The next argument, as a keyword in capitals; nil at the end.
    mutating func keyword() -> String? {
        next()?.keyword
    }

    mutating func required(_ what: StaticString) throws(StoreError) -> UnsafeRawBufferPointer {
        guard let argument = next() else {
            throw StoreError(.invalid, "argument \(position + 1) is missing; expected \(what)")
        }
        return argument
    }

    mutating func require(keyword: StaticString) throws(StoreError) {
        guard try required(keyword).spells(keyword) else { throw unexpected(keyword) }
    }

    mutating func name(_ what: StaticString) throws(StoreError) -> String {
        String(decoding: try nameBytes(what), as: UTF8.self)
    }

    mutating func nameBytes(_ what: StaticString) throws(StoreError) -> UnsafeRawBufferPointer {
        let bytes = try required(what)
        if let violation = NameRule.violation(bytes, what: what) {
            throw StoreError(.invalid, "argument \(position): \(violation)")
        }
        return bytes
    }

    mutating func number<Number: FixedWidthInteger>(
        _ range: ClosedRange<Number>,
        _ what: StaticString
    ) throws(StoreError) -> Number {
        let bytes = try required(what)
        guard let id = EventID(decimal: bytes),
            let number = Number(exactly: id.rawValue), range.contains(number)
        else { throw unexpected("\(what) from \(range.lowerBound) to \(range.upperBound)") }
        return number
    }

    mutating func eventID() throws(StoreError) -> EventID {
        guard let id = EventID(decimal: try required("an event id")) else {
            throw unexpected("an event id, a decimal integer")
        }
        return id
    }

    /// An event's place in the order, perhaps with its store; `$`, where it may stand, is that of the last event.
    mutating func eventPosition(orTail takesTail: Bool = true) throws(StoreError) -> EventID {
        let text = try required("a position")
        if takesTail, let tail, text.spells("$") { return tail }
        guard let position = EventPosition(utf8: text) else {
            throw unexpected("a position: an event id, id@store with the store's UUID\(takesTail ? ", or $" : "")")
        }
        return try belonging(position)
    }

    private mutating func belonging(_ position: EventPosition) throws(StoreError) -> EventID {
        if let named = position.store {
            guard store == nil || store == named else {
                throw unexpected("a position of the same store as the one before")
            }
            store = named
        }
        return position.id
    }

    mutating func time() throws(StoreError) -> Timestamp {
        let text = String(decoding: try required("a time"), as: UTF8.self)
        guard let time = Timestamp(text: text) else {
            throw unexpected("a time, in seconds since the Unix epoch or RFC 3339 with its zone", brokenRule: text)
        }
        return time
    }

    mutating func asOf() throws(StoreError) -> AsOf {
        let bytes = try required("an event id or a time")
        if let tail, bytes.spells("$") { return .id(tail) }
        let text = String(decoding: bytes, as: UTF8.self)
        if let position = EventPosition(text) { return .id(try belonging(position)) }
        let time = text.first == "@" ? Timestamp(decimalSeconds: text.dropFirst()) : Timestamp(rfc3339: text)
        guard let time else {
            let expected: StaticString = "an event id, id@store, @seconds or RFC 3339 with its zone"
            let number = text.first == "@" ? text.dropFirst() : text[...]
            // Seconds that lack their @ break no rule of times.
            guard Timestamp(decimalSeconds: number) == nil else { throw unexpected(expected) }
            throw unexpected(expected, brokenRule: number)
        }
        return .time(time)
    }

    /// Fills an option that may be given once.
    func set<Value>(_ slot: inout Value?, _ value: Value, _ keyword: StaticString) throws(StoreError) {
        guard slot == nil else { throw StoreError(.invalid, "argument \(position): \(keyword) was given already") }
        slot = value
    }

    func end() throws(StoreError) {
        guard let argument = peeked else { return }
        throw StoreError(.invalid, "argument \(position + 1): expected the end of the command, got \(argument.quoted)")
    }

    /// The error about a time that was taken last, with the rule that it breaks.
    private func unexpected(_ expected: StaticString, brokenRule time: some StringProtocol) -> StoreError {
        let error = unexpected(expected)
        return StoreError(error.code, "\(error.message); \(TimeRules.violation(of: time))")
    }

    /// The error about the argument taken last.
    func unexpected(_ expected: some CustomStringConvertible) -> StoreError {
        StoreError(.invalid, "argument \(position): expected \(expected), got \(arguments[position].quoted)")
    }
}
