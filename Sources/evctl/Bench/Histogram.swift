// Owns: durations counted by their size, as HdrHistogram does: constant memory, percentiles exact to three digits.

/// Sizes up to 2047 have a counter each; above, each power of two is divided into 1024 equal steps.
struct Histogram: Equatable, Sendable {
    private static let stepBits = 10
    private static let exactSizes: UInt64 = 2 << stepBits
    /// Whatever is larger, 73 minutes in nanoseconds, is counted as this; `maximum` and `mean` know better.
    static let ceiling: UInt64 = 1 << 42 - 1

    private var counts = [UInt64](repeating: 0, count: index(of: ceiling) + 1)
    private(set) var count: UInt64 = 0
    /// The largest of all, exactly; 0 where there is none.
    private(set) var maximum: UInt64 = 0
    private var sum: UInt64 = 0

    mutating func record(_ size: UInt64, times: UInt64 = 1) {
        counts[Self.index(of: min(size, Self.ceiling))] += times
        count += times
        sum += size * times
        maximum = max(maximum, size)
    }

    mutating func merge(_ other: Histogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        sum += other.sum
        maximum = max(maximum, other.maximum)
    }

    var mean: UInt64 {
        count == 0 ? 0 : sum / count
    }

    /// A size that so many of ten thousand do not exceed, and the next smaller counter's would not suffice: at most a
    /// thousandth above the true one, never below it. 0 where nothing has been recorded.
    func percentile(perTenThousand share: UInt64) -> UInt64 {
        let rank = max(1, (count * share + 9999) / 10_000)
        var seen: UInt64 = 0
        for (index, count) in counts.enumerated() where count > 0 {
            seen += count
            if seen >= rank { return index == counts.count - 1 ? maximum : min(Self.largest(at: index), maximum) }
        }
        return 0
    }

    private static func index(of size: UInt64) -> Int {
        guard size >= exactSizes else { return Int(size) }
        let shift = 63 - size.leadingZeroBitCount - stepBits
        return shift << stepBits + Int(size >> UInt64(shift))
    }

    /// The largest size that the counter stands for.
    private static func largest(at index: Int) -> UInt64 {
        guard index >= exactSizes else { return UInt64(index) }
        let shift = index >> stepBits - 1
        let step = UInt64(index & (1 << stepBits - 1) + 1 << stepBits)
        return (step + 1) << UInt64(shift) - 1
    }
}
