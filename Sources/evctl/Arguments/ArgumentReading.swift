// Owns: reading single arguments that need more than their text, such as the clock or a rule of the model. What cannot
// be read is an error of usage that quotes it and says what was expected.

import EventModel

extension TimeGrammar {
    /// When something happened: a moment that an event can have.
    func moment(_ text: String, for option: String) throws -> Timestamp {
        try read(text, for: option, moment)
    }

    /// A bound that things are not to lie before.
    func lowerBound(_ text: String, for option: String) throws -> Timestamp {
        try read(text, for: option, lowerBound)
    }

    /// A bound that things are not to lie after.
    func upperBound(_ text: String, for option: String) throws -> Timestamp {
        try read(text, for: option, upperBound)
    }

    func asOf(_ text: String, for option: String) throws -> AsOf {
        try read(text, for: option, asOf)
    }

    private func read<Value>(
        _ text: String,
        for option: String,
        _ reading: (String) throws(TimeFault) -> Value
    ) throws(Failure) -> Value {
        do throws(TimeFault) {
            return try reading(text)
        } catch {
            throw error.failure(text, for: option)
        }
    }
}

extension EventID {
    init(argument text: String, for what: String) throws {
        guard let id = EventID(decimal: text) else {
            throw Failure(.usage, "\(what): “\(text)” is no event id; expected a whole number")
        }
        self = id
    }
}

extension EventPosition {
    init(argument text: String, for what: String) throws {
        guard let position = EventPosition(text) else {
            throw Failure(.usage, "\(what): “\(text)” is no position; expected an event id, or id@store")
        }
        self = position
    }
}

/// The one store that positions belong to; nil where none says.
func commonStore(of positions: [EventPosition?]) throws -> EventUUID? {
    let stores = Set(positions.compactMap { $0?.store })
    guard stores.count <= 1 else { throw Failure(.usage, "the positions are of different stores; expected one") }
    return stores.first
}

/// Refuses what may not stand as a category, an aggregate, a type or a tag.
func requireName(_ text: String, for what: String) throws {
    var text = text
    if let violation = text.withUTF8({ NameRule.violation(UnsafeRawBufferPointer($0), what: "it") }) {
        throw Failure(.usage, "\(what): \(violation)")
    }
}
