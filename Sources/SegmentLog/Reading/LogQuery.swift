// Owns: what can be asked of the log: keys, bounds, a direction.

/// Keys a record must have: any alternative, in it every clause, in that any key. No alternatives: every record. Whether a record
/// has them, `KeyMatcher` tells.
package struct KeyExpression: Sendable {
    /// Any of these keys.
    package typealias Clause = [[UInt8]]

    package let alternatives: [[Clause]]
    /// Whether every record matches.
    package let isEmpty: Bool
    /// How often a key is named.
    let nameCount: Int
    /// Nil where there is nothing to be looked up in a table.
    private let lazyTable: LazyKeyTable?

    package init(alternatives: [[Clause]] = []) {
        self.alternatives = alternatives
        nameCount = alternatives.reduce(0) { $1.reduce($0) { $0 + $1.count } }
        isEmpty = alternatives.isEmpty || alternatives.contains { $0.isEmpty }
        lazyTable = isEmpty || Self.soleKey(of: alternatives) != nil ? nil : LazyKeyTable()
    }

    /// The key, where one alone is asked for; the most frequent question.
    package var soleKey: [UInt8]? { Self.soleKey(of: alternatives) }

    private static func soleKey(of alternatives: [[Clause]]) -> [UInt8]? {
        guard alternatives.count == 1, alternatives[0].count == 1, alternatives[0][0].count == 1 else { return nil }
        return alternatives[0][0][0]
    }

    /// Makes ready what is needed for matching, which is done otherwise when it is first needed.
    package func compile() { _ = table }

    /// What records are matched by; nil where every record matches, or all that have a sole key do. All copies share one.
    var table: KeyTable? { lazyTable?.table(of: alternatives) }
}

extension KeyExpression: Hashable {
    package static func == (one: KeyExpression, other: KeyExpression) -> Bool { one.alternatives == other.alternatives }

    package func hash(into hasher: inout Hasher) { hasher.combine(alternatives) }
}

package struct LogQuery: Sendable {
    package var keys: KeyExpression
    /// Exclusive.
    package var after: RecordID
    /// Inclusive.
    package var through: RecordID
    /// Inclusive, on the caller's time.
    package var since: RecordTime
    package var until: RecordTime
    /// Newest first.
    package var reversed: Bool
    /// Passes over damaged ids in place of throwing. The scan says in `skipped` which they were.
    package var skipsDamage: Bool

    package init(
        keys: KeyExpression = KeyExpression(),
        after: RecordID = .zero,
        through: RecordID = .maximum,
        since: RecordTime = .minimum,
        until: RecordTime = .maximum,
        reversed: Bool = false,
        skipsDamage: Bool = false
    ) {
        self.keys = keys
        self.after = after
        self.through = through
        self.since = since
        self.until = until
        self.reversed = reversed
        self.skipsDamage = skipsDamage
    }

    /// Whether a block can hold a match, as far as its summary tells.
    func admits(_ summary: BlockSummary) -> Bool {
        summary.lastID > after && summary.firstID <= through
            && summary.maximumTime >= since && summary.minimumTime <= until
    }

    /// Whether a segment may have something within the bounds of ids.
    func reaches(_ segment: any Segment) -> Bool {
        segment.base <= through && segment.lastID.map { $0 > after } ?? true
    }

    /// Whether all records of a block lie within the bounds.
    func contains(_ summary: BlockSummary) -> Bool {
        summary.firstID > after && summary.lastID <= through
            && summary.minimumTime >= since && summary.maximumTime <= until
    }
}
