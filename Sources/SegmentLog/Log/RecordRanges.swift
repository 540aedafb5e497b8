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
}
