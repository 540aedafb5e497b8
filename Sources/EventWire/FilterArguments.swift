// Owns: filters as the words of a command, the inverse of `FilterParser`.

package import EventModel

extension Filter {
    /// The words; positions with the store they belong to, where that is given.
    package func arguments(in store: EventUUID? = nil) -> [String] {
        var words = Criteria.arguments(of: alternatives)
        if let after { words += ["AFTER", after.argument(in: store)] }
        if let before { words += ["BEFORE", before.argument(in: store)] }
        if let since { words += ["SINCE", since.description] }
        if let until { words += ["UNTIL", until.description] }
        if let asOf { words += ["ASOF", asOf.argument(in: store)] }
        if skipsDamage { words.append("SKIPDAMAGE") }
        return words
    }
}

extension Criteria {
    static func arguments(of alternatives: [Criteria]) -> [String] {
        // An alternative that asks for nothing matches everything, and so do they all together.
        guard !alternatives.contains(where: \.isEmpty) else { return [] }
        return Array(alternatives.map(\.arguments).joined(separator: ["OR"]))
    }

    private var arguments: [String] {
        categories.flatMap { ["CATEGORY", $0] } + aggregates.flatMap { ["AGGREGATE", $0] }
            + types.flatMap { ["TYPE", $0] } + tags.flatMap { ["TAG", $0] }
    }
}

extension AppendCondition {
    package func arguments(in store: EventUUID? = nil) -> [String] {
        Criteria.arguments(of: alternatives) + ["AFTER", after.argument(in: store)]
    }
}

extension AsOf {
    package func argument(in store: EventUUID? = nil) -> String {
        switch self {
        case .id(let id): id.argument(in: store)
        case .time(let time): "@\(time)"
        }
    }
}

extension EventID {
    /// A position, with the store it belongs to, where that is given.
    package func argument(in store: EventUUID?) -> String {
        EventPosition(self, store: store).description
    }
}
