// Owns: the two flags of a temporal question: how things stood at a time, and what the store knew by then.

import ArgumentParser
import EventModel

struct MomentOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Count what happened at this time or earlier.", valueName: "time")
    )
    var at: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Count what the store knew by this event id or time; @N is seconds.", valueName: "id|time")
    )
    var asOf: String?

    func values(_ global: GlobalOptions, _ invocation: Invocation) throws -> (at: Timestamp?, asOf: AsOf?) {
        let grammar = global.grammar(invocation)
        return (
            try at.map { try grammar.required($0, for: "--at") },
            try asOf.map { try grammar.requiredAsOf($0, for: "--as-of") }
        )
    }
}
