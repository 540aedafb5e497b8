// Owns: why a text of the command line is no time: the one rule that is broken, as a sentence.

enum TimeFault: Error, Equatable {
    /// The text breaks the rule.
    case word(String)
    /// The text may be a time, but what it is to be read by is broken, such as `TZ`.
    case setting(String)

    var rule: String {
        switch self {
        case .word(let rule), .setting(let rule): rule
        }
    }

    func failure(_ text: String, for option: String) -> Failure {
        switch self {
        case .word(let rule): Failure(.usage, "\(option): “\(text)” is no TIME: \(rule)")
        case .setting(let rule): Failure(.usage, "\(option): “\(text)” cannot be read: \(rule)")
        }
    }
}
