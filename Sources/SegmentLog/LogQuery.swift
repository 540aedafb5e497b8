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

    /// Whether a record's body names a key. Walks the keys by their lengths, and compares those of the same length.
    private static func has(_ key: [UInt8], _ body: UnsafeRawBufferPointer) -> Bool {
        key.withUnsafeBytes { key in
            guard var keysLeft = body.first else { return false }
            var offset = 1
            while keysLeft > 0, offset < body.count {
                let length = Int(body[offset]) + 1
                let end = offset + 1 + length
                guard end <= body.count else { return false }
                if length == key.count, KeyOrder.equal(UnsafeRawBufferPointer(rebasing: body[offset + 1..<end]), key) {
                    return true
                }
                offset = end
                keysLeft -= 1
            }
            return false
        }
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
