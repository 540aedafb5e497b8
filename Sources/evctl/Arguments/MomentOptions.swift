// Owns: the two flags of a temporal question: how things stood at a time, and what the store knew by then.

import ArgumentParser
import EventModel

/// `--at` and `--until` are one option with two names, in every command that asks: a state is said to be at a time, a list to go
/// until it, and both count what happened at that time or earlier.
struct UntilOption: ParsableArguments {
    // Times may begin with a minus sign, hence `unconditional`.
    @Option(
        name: [.customLong("at"), .customLong("until")],
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Happened at this time or earlier.", valueName: "time")
    )
    var moments: [String] = []

    func moment(_ grammar: TimeGrammar) throws -> Timestamp? {
        guard moments.count <= 1 else {
            throw Failure(.usage, "--at and --until are the same bound, and may be given once")
        }
        return try moments.first.map { try grammar.upperBound($0, for: "--until") }
    }
}

struct MomentOptions: ParsableArguments {
    @OptionGroup var until: UntilOption

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Count what the store knew by this event id or time; @N is seconds.", valueName: "id|time")
    )
    var asOf: String?

    /// The store that `--as-of` belongs to, where it says so.
    var store: EventUUID? { asOf.flatMap { EventPosition($0)?.store } }

    func values(_ global: GlobalOptions, _ invocation: Invocation) throws -> (at: Timestamp?, asOf: AsOf?) {
        let grammar = global.grammar(invocation)
        return (
            try until.moment(grammar),
            try asOf.map { try grammar.asOf($0, for: "--as-of") }
        )
    }
}
