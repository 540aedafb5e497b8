// Owns: which filter flags stand together: a walk over the raw arguments in their order, where `--or` begins the next
// alternative. The flags of a condition are the same with `--unless-` before them.
// Refuses to know: any other option. The parser has accepted the arguments before, so each flag here has its value.

import EventModel

enum FilterAlternatives {
    /// The alternatives of the flags that begin with `prefix`; none where no flag was given.
    static func criteria(in arguments: [String], prefix: String = "--") throws -> [Criteria] {
        var alternatives = [Criteria()]
        // What follows `--` are values, whatever they look like.
        var rest = arguments.prefix { $0 != "--" }
        while let argument = rest.popFirst() {
            if argument == "\(prefix)or" {
                alternatives.append(Criteria())
                continue
            }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let names = names(for: parts[0], prefix), let name = parts.count == 2 ? parts[1] : rest.popFirst()
            else {
                continue
            }
            try requireName(name, for: parts[0])
            alternatives[alternatives.count - 1][keyPath: names].append(name)
        }
        if alternatives.count == 1, alternatives[0].isEmpty { return [] }
        guard !alternatives.contains(where: \.isEmpty) else {
            throw Failure(
                .usage,
                "\(prefix)or stands between two alternatives; one of them is empty and would match everything"
            )
        }
        return alternatives
    }

    private static func names(for option: String, _ prefix: String) -> WritableKeyPath<Criteria, [String]>? {
        guard option.hasPrefix(prefix) else { return nil }
        return switch option.dropFirst(prefix.count) {
        case "category": \.categories
        case "aggregate": \.aggregates
        case "type": \.types
        case "tag": \.tags
        default: nil
        }
    }
}
