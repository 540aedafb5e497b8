// Owns: the filter flags of the commands that read, and the filter they mean.

import ArgumentParser
import EventModel

struct FilterOptions: ParsableArguments {
    // The parser checks these four and `--or`, and lists them in the help; which alternative each belongs to is read
    // from the raw arguments by `FilterAlternatives`, for the parser does not keep the order among options.
    @Option(help: ArgumentHelp("Of this category; repeated: any of them.", valueName: "name"))
    var category: [String] = []

    @Option(help: ArgumentHelp("Of this aggregate; repeated: any of them.", valueName: "name"))
    var aggregate: [String] = []

    @Option(help: ArgumentHelp("Of this type; repeated: any of them.", valueName: "name"))
    var type: [String] = []

    @Option(help: ArgumentHelp("With this tag; repeated: all of them.", valueName: "name"))
    var tag: [String] = []

    @Flag(help: "Begin an alternative: an event matches what stands before, or what follows.")
    var or: Int

    @Option(
        help: ArgumentHelp(
            "After this event id; id@store where it is of a store that may have been replaced.",
            valueName: "id"
        )
    )
    var after: String?

    @Option(help: ArgumentHelp("Before this event id.", valueName: "id"))
    var before: String?

    // Times may begin with a minus sign, hence `unconditional`.
    @Option(parsing: .unconditional, help: ArgumentHelp("Happened at this time or later.", valueName: "time"))
    var since: String?

    @OptionGroup var until: UntilOption

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("What the store knew by this event id or time; @N is seconds.", valueName: "id|time")
    )
    var asOf: String?

    @OptionGroup var damage: DamageOptions

    func filter(_ global: GlobalOptions, _ invocation: Invocation) throws -> Filter {
        let grammar = global.grammar(invocation)
        return Filter(
            alternatives: try FilterAlternatives.criteria(in: invocation.arguments),
            after: try after.map { try EventPosition(argument: $0, for: "--after").id },
            before: try before.map { try EventPosition(argument: $0, for: "--before").id },
            since: try since.map { try grammar.lowerBound($0, for: "--since") },
            until: try until.moment(grammar),
            asOf: try asOf.map { try grammar.asOf($0, for: "--as-of") },
            skipsDamage: damage.skipDamage
        )
    }

    /// The store that the positions among them belong to, where they say so.
    var store: EventUUID? {
        get throws {
            try commonStore(of: [
                try after.map { try EventPosition(argument: $0, for: "--after") },
                try before.map { try EventPosition(argument: $0, for: "--before") },
                asOf.flatMap { EventPosition($0) },
            ])
        }
    }
}
