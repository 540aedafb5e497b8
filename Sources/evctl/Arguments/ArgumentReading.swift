// Owns: reading single arguments that need more than their text, such as the clock or a rule of the model. What cannot
// be read is an error of usage that quotes it and says what was expected.

import EventModel

extension TimeGrammar {
    func required(_ text: String, for option: String) throws -> Timestamp {
        guard let moment = moment(text) else {
            throw Failure(.usage, "\(option): “\(text)” is no TIME; expected \(Self.forms)")
        }
        return moment
    }

    func requiredAsOf(_ text: String, for option: String) throws -> AsOf {
        guard let asOf = asOf(text) else {
            throw Failure(.usage, "\(option): “\(text)” is neither an event id nor a TIME")
        }
        return asOf
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

/// Refuses what may not stand as a category, an aggregate, a type or a tag.
func requireName(_ text: String, for what: String) throws {
    var text = text
    if let violation = text.withUTF8({ NameRule.violation(UnsafeRawBufferPointer($0), what: "it") }) {
        throw Failure(.usage, "\(what): \(violation)")
    }
}
