// Owns: which filter flags stand together: a walk over the raw arguments in their order, where `--or` begins the next
// alternative.
// Refuses to know: any other option. The parser has accepted the arguments before, so each flag here has its value.

import EventModel

enum FilterAlternatives {
    /// The alternatives; none where no flag was given.
    static func criteria(in arguments: [String]) throws -> [Criteria] {
        var alternatives = [Criteria()]
        // What follows `--` are values, whatever they look like.
        var rest = arguments.prefix { $0 != "--" }
        while let argument = rest.popFirst() {
            if argument == "--or" {
                alternatives.append(Criteria())
                continue
            }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let names = names(for: parts[0]), let name = parts.count == 2 ? parts[1] : rest.popFirst() else {
                continue
            }
            try requireName(name, for: parts[0])
            alternatives[alternatives.count - 1][keyPath: names].append(name)
        }
        if alternatives.count == 1, alternatives[0].isEmpty { return [] }
        guard !alternatives.contains(where: \.isEmpty) else {
            throw Failure(
                .usage,
                "--or stands between two alternatives; one of them is empty and would match everything"
            )
        }
        return alternatives
    }

    private static func names(for option: String) -> WritableKeyPath<Criteria, [String]>? {
        switch option {
        case "--category": \.categories
        case "--aggregate": \.aggregates
        case "--type": \.types
        case "--tag": \.tags
        default: nil
        }
    }
}
