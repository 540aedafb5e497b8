// Owns what a reducer says of the events it wants. Matching events against it is the caller's, who has indexes for it.

/// The `events` of a reducer. An empty list selects any; the four kinds are ANDed.
package struct ReducerSelection: Sendable, Hashable {
    /// Any of these categories.
    package var categories: [String] = []
    /// Any of these event types.
    package var types: [String] = []
    /// Any of these aggregates.
    package var aggregates: [String] = []
    /// All of these tags.
    package var tags: [String] = []

    package init(categories: [String] = [], types: [String] = [], aggregates: [String] = [], tags: [String] = []) {
        self.categories = categories
        self.types = types
        self.aggregates = aggregates
        self.tags = tags
    }
}
