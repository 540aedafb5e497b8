// Owns: walking over the arguments of a command, and saying which one is wrong and what was expected instead.

import EventModel

struct ArgumentCursor {
    private let arguments: ArgumentList
    /// The argument taken last. The command's name is argument 0, its first argument is argument 1.
    private(set) var position: Int

    init(_ arguments: ArgumentList, after position: Int = 0) {
        self.arguments = arguments
        self.position = position
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
        guard let id = EventID(decimal: String(decoding: bytes, as: UTF8.self)),
            let number = Number(exactly: id.rawValue), range.contains(number)
        else { throw unexpected("\(what) from \(range.lowerBound) to \(range.upperBound)") }
        return number
    }

    mutating func eventID() throws(StoreError) -> EventID {
        guard let id = EventID(decimal: String(decoding: try required("an event id"), as: UTF8.self)) else {
            throw unexpected("an event id, a decimal integer")
        }
        return id
    }

    mutating func time() throws(StoreError) -> Timestamp {
        guard let time = Timestamp(text: String(decoding: try required("a time"), as: UTF8.self)) else {
            throw unexpected("a time, in seconds since the Unix epoch or RFC 3339 with its zone")
        }
        return time
    }

    mutating func asOf() throws(StoreError) -> AsOf {
        let text = String(decoding: try required("an event id or a time"), as: UTF8.self)
        if let id = EventID(decimal: text) { return .id(id) }
        let time = text.first == "@" ? Timestamp(decimalSeconds: text.dropFirst()) : Timestamp(rfc3339: text)
        guard let time else { throw unexpected("an event id, @seconds or RFC 3339 with its zone") }
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

    /// The error about the argument taken last.
    func unexpected(_ expected: some CustomStringConvertible) -> StoreError {
        StoreError(.invalid, "argument \(position): expected \(expected), got \(arguments[position].quoted)")
    }
}
