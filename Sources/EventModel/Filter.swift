// Owns: which events a reader asks for, as a value, and the rule that decides whether an event is one of them.

/// One alternative of a filter: an event matches when every kind that is given matches.
public struct Criteria: Hashable, Sendable {
    /// Any of these; empty means every category.
    public var categories: [String]
    /// Any of these; empty means every aggregate.
    public var aggregates: [String]
    /// Any of these; empty means every type.
    public var types: [String]
    /// All of these.
    public var tags: [String]

    /// Criteria of these kinds; an empty kind asks nothing.
    public init(categories: [String] = [], aggregates: [String] = [], types: [String] = [], tags: [String] = []) {
        self.categories = categories
        self.aggregates = aggregates
        self.types = types
        self.tags = tags
    }

    /// Whether nothing is asked, so that every event matches.
    public var isEmpty: Bool {
        categories.isEmpty && aggregates.isEmpty && types.isEmpty && tags.isEmpty
    }

    /// The rule, on the names of an event.
    public func matches(category: String, aggregateID: String, eventType: String, tags eventTags: [String]) -> Bool {
        (categories.isEmpty || categories.contains(category))
            && (aggregates.isEmpty || aggregates.contains(aggregateID))
            && (types.isEmpty || types.contains(eventType))
            && tags.allSatisfy(eventTags.contains)
    }
}

/// What the store knew by then, inclusive.
public enum AsOf: Hashable, Sendable {
    /// By id.
    case id(EventID)
    /// By `recordedAt`.
    case time(Timestamp)
}

/// A filter: alternatives over keys (together a DCB query), and bounds around them, once.
public struct Filter: Hashable, Sendable {
    /// An event matches when any alternative does; empty means every event.
    public var alternatives: [Criteria]
    /// Exclusive lower bound.
    public var after: EventID?
    /// Exclusive upper bound.
    public var before: EventID?
    /// Inclusive lower bound on `timestamp`.
    public var since: Timestamp?
    /// Inclusive upper bound on `timestamp`.
    public var until: Timestamp?
    /// Only what the store knew by then.
    public var asOf: AsOf?
    /// Whether to pass over events that are damaged on disk, in place of an error that names them. It decides about what
    /// cannot be read, not about what matches.
    public var skipsDamage: Bool

    /// A filter of these alternatives within these bounds.
    public init(
        alternatives: [Criteria] = [],
        after: EventID? = nil,
        before: EventID? = nil,
        since: Timestamp? = nil,
        until: Timestamp? = nil,
        asOf: AsOf? = nil,
        skipsDamage: Bool = false
    ) {
        self.alternatives = alternatives
        self.after = after
        self.before = before
        self.since = since
        self.until = until
        self.asOf = asOf
        self.skipsDamage = skipsDamage
    }

    /// Every event.
    public static let all = Filter()

    /// The rule itself, on a whole event: what every index must agree with.
    public func matches(_ event: Event) -> Bool {
        if let after, event.id <= after { return false }
        if let before, event.id >= before { return false }
        if let since, event.timestamp < since { return false }
        if let until, event.timestamp > until { return false }
        switch asOf {
        case .id(let id) where event.id > id: return false
        case .time(let time) where event.recordedAt > time: return false
        default: break
        }
        return alternatives.isEmpty
            || alternatives.contains {
                $0.matches(
                    category: event.category,
                    aggregateID: event.aggregateID,
                    eventType: event.eventType,
                    tags: event.tags
                )
            }
    }
}

/// The one append condition: refuse if an event that matches `alternatives` exists after `after`.
public struct AppendCondition: Hashable, Sendable {
    /// Never empty of meaning: an empty list matches every event.
    public var alternatives: [Criteria]
    /// Only events behind this one count.
    public var after: EventID

    /// Refuses where an event that matches any alternative exists after `after`.
    public init(alternatives: [Criteria], after: EventID) {
        self.alternatives = alternatives
        self.after = after
    }
}
