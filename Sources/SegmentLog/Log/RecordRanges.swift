// Owns: the arithmetic of id ranges.

package enum RecordRanges {
    /// The same ids in the fewest ranges, in order.
    package static func merged(_ ranges: [ClosedRange<RecordID>]) -> [ClosedRange<RecordID>] {
        var merged: [ClosedRange<RecordID>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound <= last.upperBound.next {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }

    /// What is left of `ranges` without `others`, in the fewest ranges, in order.
    static func subtracting(
        _ others: [ClosedRange<RecordID>],
        from ranges: [ClosedRange<RecordID>]
    ) -> [ClosedRange<RecordID>] {
        let others = merged(others)
        return merged(ranges).flatMap { range in
            var (left, first): ([ClosedRange<RecordID>], RecordID?) = ([], range.lowerBound)
            for other in others where other.overlaps(range) {
                guard let next = first else { break }
                if next < other.lowerBound { left.append(next...RecordID(other.lowerBound.rawValue - 1)) }
                first = other.upperBound < range.upperBound ? max(next, other.upperBound.next) : nil
            }
            if let first { left.append(first...range.upperBound) }
            return left
        }
    }
}
