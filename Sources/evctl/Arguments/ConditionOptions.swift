// Owns: the flags that say when nothing is to be appended, and the condition they mean: a filter's flags with `unless-`
// before each.

import ArgumentParser
import EventModel

struct ConditionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Refuse (exit 4) if there is such an event after this id; without flags of a filter: one of the aggregate "
                + "that is appended to. 0: it must be new.",
            valueName: "id"
        )
    )
    var unlessAfter: String?

    // As in `FilterOptions`: the parser checks these, and `FilterAlternatives` reads them in their order.
    @Option(
        help: ArgumentHelp("Refuse if there is an event of this category; repeated: any of them.", valueName: "name")
    )
    var unlessCategory: [String] = []

    @Option(help: ArgumentHelp("… of this aggregate; repeated: any of them.", valueName: "name"))
    var unlessAggregate: [String] = []

    @Option(help: ArgumentHelp("… of this type; repeated: any of them.", valueName: "name"))
    var unlessType: [String] = []

    @Option(help: ArgumentHelp("… with this tag; repeated: all of them.", valueName: "name"))
    var unlessTag: [String] = []

    @Flag(help: "Begin an alternative: refuse for what stands before, or for what follows.")
    var unlessOr: Int

    /// The store that `--unless-after` belongs to, where it says so.
    var store: EventUUID? {
        get throws { try unlessAfter.flatMap { try EventPosition(argument: $0, for: "--unless-after").store } }
    }

    /// The condition for appending `events` together; nil where none is asked.
    func condition(for events: [NewEvent], _ invocation: Invocation) throws -> AppendCondition? {
        let after = try unlessAfter.map { try EventPosition(argument: $0, for: "--unless-after").id }
        let asked = try FilterAlternatives.criteria(in: invocation.arguments, prefix: "--unless-")
        guard after != nil || !asked.isEmpty else { return nil }
        return AppendCondition(
            alternatives: asked.isEmpty ? Self.aggregates(of: events) : asked,
            after: after ?? .zero
        )
    }

    /// Each aggregate once, in the order of the events. The same name in two categories is two aggregates.
    private static func aggregates(of events: [NewEvent]) -> [Criteria] {
        var seen: Set<Criteria> = []
        return events.map { Criteria(categories: [$0.category], aggregates: [$0.aggregateID]) }
            .filter { seen.insert($0).inserted }
    }
}
