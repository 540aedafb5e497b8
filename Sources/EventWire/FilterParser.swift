// Owns: the grammar of filters: alternatives of CATEGORY, AGGREGATE, TYPE and TAG with OR between them, and the bounds
// around them.
// Refuses to know: which commands take a filter.

import EventModel

/// `CATEGORY c`, `AGGREGATE a`, `TYPE t`, `TAG g` and `OR`.
struct AlternativesParser {
    /// More are more than somebody means, and each is looked at for every event.
    static let maximumCount = 1024

    private var finished: [Criteria] = []
    private var open = Criteria()
    /// Those that have been given, by their bytes, once there is more than one.
    private var seen: Set<[[UInt8]]> = []

    /// Takes the value of a keyword that belongs to an alternative; false where it does not.
    mutating func take(_ keyword: String, _ cursor: inout ArgumentCursor) throws(StoreError) -> Bool {
        switch keyword {
        case "CATEGORY": open.categories.append(try cursor.name("category"))
        case "AGGREGATE": open.aggregates.append(try cursor.name("aggregate"))
        case "TYPE": open.types.append(try cursor.name("type"))
        case "TAG": open.tags.append(try cursor.name("tag"))
        case "OR":
            guard !open.isEmpty else { throw cursor.unexpected("an alternative before OR") }
            try finishOne()
        default: return false
        }
        return true
    }

    /// Adds the alternative that is open, unless it has been given before.
    private mutating func finishOne() throws(StoreError) {
        defer { open = Criteria() }
        // Mostly there is one, which needs no telling from others.
        if let first = finished.first {
            if seen.isEmpty { seen.insert(first.bytes) }
            guard seen.insert(open.bytes).inserted else { return }
        }
        finished.append(open)
        guard finished.count <= Self.maximumCount else {
            throw StoreError(.tooBig, "the filter has more than \(Self.maximumCount) different alternatives")
        }
    }

    mutating func finish(_ cursor: ArgumentCursor) throws(StoreError) -> [Criteria] {
        // An alternative that asks for nothing would match everything, which nobody means by a trailing OR.
        guard !open.isEmpty || finished.isEmpty else {
            throw StoreError(.invalid, "OR begins an alternative; expected CATEGORY, AGGREGATE, TYPE or TAG after it")
        }
        if !open.isEmpty { try finishOne() }
        return finished
    }
}

extension Criteria {
    /// What tells it from others: not what Unicode takes for equal.
    fileprivate var bytes: [[UInt8]] {
        func keys(_ kind: KeyKind, _ names: [String]) -> [[UInt8]] { names.map(kind.key) }
        return keys(.category, categories) + keys(.aggregate, aggregates) + keys(.type, types) + keys(.tag, tags)
    }
}

/// Alternatives and `AFTER id`, `BEFORE id`, `SINCE time`, `UNTIL time`, `ASOF id|time`, `SKIPDAMAGE`.
struct FilterParser {
    static let keywords = "CATEGORY, AGGREGATE, TYPE, TAG, OR, AFTER, BEFORE, SINCE, UNTIL, ASOF, SKIPDAMAGE"

    private var alternatives = AlternativesParser()
    private var filter = Filter()
    private var skipsDamage: Bool?

    /// Takes the value of a keyword that belongs to a filter; false where it does not.
    mutating func take(_ keyword: String, _ cursor: inout ArgumentCursor) throws(StoreError) -> Bool {
        switch keyword {
        case "AFTER": try cursor.set(&filter.after, cursor.eventPosition(), "AFTER")
        case "BEFORE": try cursor.set(&filter.before, cursor.eventPosition(), "BEFORE")
        case "SINCE": try cursor.set(&filter.since, cursor.time(), "SINCE")
        case "UNTIL": try cursor.set(&filter.until, cursor.time(), "UNTIL")
        case "ASOF": try cursor.set(&filter.asOf, cursor.asOf(), "ASOF")
        case "SKIPDAMAGE": try cursor.set(&skipsDamage, true, "SKIPDAMAGE")
        default: return try alternatives.take(keyword, &cursor)
        }
        return true
    }

    mutating func finish(_ cursor: ArgumentCursor) throws(StoreError) -> Filter {
        filter.alternatives = try alternatives.finish(cursor)
        filter.skipsDamage = skipsDamage ?? false
        return filter
    }
}
