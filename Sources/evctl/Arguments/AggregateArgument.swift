// Owns: an aggregate on the command line, as `read` prints it: CATEGORY/ID. An id alone is that id in every category.

struct AggregateArgument: Equatable {
    let category: String?
    let id: String

    /// Splits at the first slash. Nothing before it is no category: so an id that has slashes of its own is given alone.
    init(_ text: String) throws {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        category = parts.count == 2 && !parts[0].isEmpty ? parts[0] : nil
        id = parts[parts.count - 1]
        if let category { try requireName(category, for: "CATEGORY") }
        try requireName(id, for: "AGGREGATE")
    }
}
