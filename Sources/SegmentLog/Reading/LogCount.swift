// Owns: counting what a scan would find. Of a whole segment its index says, or its trailer; only of the rest blocks are read.

extension LogScan {
    /// How many records match from here on, in ascending order. Reads no block where a summary or the index can count:
    /// such a count includes records that are known to be there and cannot be read.
    package mutating func count() throws(LogError) -> Int {
        var total = 0
        while isInSegment {
            try work?.check()
            if entered == nil, let key = query.keys.soleKey, let whole = try wholeSegmentCount(of: key) {
                total += whole
                leaveSegment()
                continue
            }
            if entered == nil, let whole = try unwalkedCount() {
                total += whole
                leaveSegment()
                continue
            }
            guard let (index, summary) = try nextCandidate() else {
                leaveSegment()
                continue
            }
            try passDamage(before: summary)
            if query.keys.isEmpty, query.contains(summary), !summary.isUnreadable {
                total += Int(summary.recordCount)
            } else {
                guard case .some(let block) = try readable(index, summary) else { continue }
                total += block.map { matches(in: $0).count } ?? 0
            }
            entered?.candidates.removeFirst()
            position = max(position, summary.lastID)
        }
        try passDamage(upTo: query.through.next)
        return total
    }

    /// The index's own count for the current segment, where the bounds take all of it.
    private mutating func wholeSegmentCount(of key: [UInt8]) throws(LogError) -> Int? {
        let source = view.segments[segment].latest
        guard query.since == .minimum, query.until == .maximum, source.base > query.after, !hasDamage(in: source) else {
            return nil
        }
        if source is SealedSegment, let last = source.lastID, last <= query.through {
            // It grows no more. Its table, the larger part of what a look-up reads, is not asked where the filter rules the key out.
            ahead.enter(segment, of: view.segments, query)
            guard let count = try source.recordCount(holding: key, for: work) else { return nil }
            ahead.note(isEmpty: count == 0)
            try passDamage(upTo: source.base)
            position = last
            return count
        }
        let blocks = try source.blockCount()
        guard blocks > 0, try source.summary(of: blocks - 1).lastID <= query.through,
            let count = try source.recordCount(holding: key, for: work),
            // A raw segment may have grown between the two questions; then its count covers more than was asked.
            try source.blockCount() == blocks, try source.summary(of: blocks - 1).lastID <= query.through
        else { return nil }
        try passDamage(upTo: source.base)
        position = try source.summary(of: blocks - 1).lastID
        return count
    }

    /// The records of the current segment, where its trailer says how many they are, nobody has walked it yet, and the query takes
    /// all of them.
    private mutating func unwalkedCount() throws(LogError) -> Int? {
        guard query.keys.isEmpty, query.since == .minimum, query.until == .maximum,
            let source = view.segments[segment] as? RawSegment, let count = source.unwalkedCount,
            let last = source.lastID, source.base > query.after, last <= query.through, !hasDamage(in: source)
        else { return nil }
        try passDamage(upTo: source.base)
        position = last
        return count
    }

    private func hasDamage(in source: any Segment) -> Bool {
        view.damage.contains { $0.upperBound >= source.base && $0.lowerBound <= source.lastID ?? source.base }
    }
}
