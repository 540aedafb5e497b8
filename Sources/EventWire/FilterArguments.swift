// Owns: filters as the words of a command, the inverse of `FilterParser`.

package import EventModel

extension Filter {
    package var arguments: [String] {
        var words = Criteria.arguments(of: alternatives)
        if let after { words += ["AFTER", after.description] }
        if let before { words += ["BEFORE", before.description] }
        if let since { words += ["SINCE", since.description] }
        if let until { words += ["UNTIL", until.description] }
        if let asOf { words += ["ASOF", asOf.argument] }
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
    package var arguments: [String] {
        Criteria.arguments(of: alternatives) + ["AFTER", after.description]
    }
}

extension AsOf {
    package var argument: String {
        switch self {
        case .id(let id): id.description
        case .time(let time): "@\(time)"
        }
    }
}
