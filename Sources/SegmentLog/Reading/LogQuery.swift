// Owns: what can be asked of the log: keys, bounds, a direction.

/// Keys a record must have: any alternative, in it every clause, in that any key. No alternatives: every record.
package struct KeyExpression: Hashable, Sendable {
    /// Any of these keys.
    package typealias Clause = [[UInt8]]

    package var alternatives: [[Clause]]

    package init(alternatives: [[Clause]] = []) {
        self.alternatives = alternatives
    }

    /// Whether every record matches.
    package var isEmpty: Bool {
        alternatives.isEmpty || alternatives.contains { $0.isEmpty }
    }

    /// The rule itself, on the body of a record: what every index must agree with.
    package func matches(_ body: UnsafeRawBufferPointer) -> Bool {
        isEmpty
            || alternatives.contains { clauses in
                clauses.allSatisfy { clause in clause.contains { Self.has($0, body) } }
            }
    }

    /// The key, where one alone is asked for; the most frequent question.
    var soleKey: [UInt8]? {
        guard alternatives.count == 1, alternatives[0].count == 1, alternatives[0][0].count == 1 else { return nil }
        return alternatives[0][0][0]
    }

    private static func has(_ key: [UInt8], _ body: UnsafeRawBufferPointer) -> Bool {
        key.withUnsafeBytes { RecordBody.hasKey($0, body) }
    }
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

    /// Whether all records of a block lie within the bounds.
    func contains(_ summary: BlockSummary) -> Bool {
        summary.firstID > after && summary.lastID <= through
            && summary.minimumTime >= since && summary.maximumTime <= until
    }
}
