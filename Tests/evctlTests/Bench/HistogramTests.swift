import Testing

@testable import evctl

@Suite("The histogram")
struct HistogramTests {
    private static let shares: [UInt64] = [1, 100, 2500, 5000, 9000, 9900, 9990, 9999, 10_000]

    /// The value that so many of ten thousand do not exceed, by sorting them.
    private func truth(_ sorted: [UInt64], _ share: UInt64) -> UInt64 {
        sorted[max(1, (sorted.count * Int(share) + 9999) / 10_000) - 1]
    }

    private func histogram(_ sizes: [UInt64]) -> Histogram {
        var histogram = Histogram()
        for size in sizes { histogram.record(size) }
        return histogram
    }

    @Test(
        "tells each percentile never below the true one and at most a thousandth above it",
        arguments: [UInt64(2000), 5000, 1_000_000, 40_000_000_000, 4_000_000_000_000]
    )
    func percentiles(bound: UInt64) {
        var random = SplitMix64(seed: bound)
        // Every magnitude, small ones as often as large ones.
        let sizes = (0..<5000).map { _ in random.below(1 + bound >> random.below(20)) }
        let (histogram, sorted) = (histogram(sizes), sizes.sorted())
        for share in Self.shares {
            let (told, true_) = (histogram.percentile(perTenThousand: share), truth(sorted, share))
            #expect(told >= true_ && told <= true_ + true_ / 1000, "\(share) of ten thousand below \(bound)")
        }
        #expect(histogram.count == 5000)
        #expect(histogram.maximum == sorted.last && histogram.percentile(perTenThousand: 10_000) == sorted.last)
        #expect(histogram.mean == sizes.reduce(0, +) / 5000)
    }

    @Test("is exact up to 2047, and holds its thousandth at every power of two and on both sides of it")
    func edges() {
        for size in (0...2047) as ClosedRange<UInt64> {
            #expect(histogram([size, 5000]).percentile(perTenThousand: 5000) == size)
        }
        for bit in 11..<42 as Range<UInt64> {
            for size in [1 << bit - 1, 1 << bit, 1 << bit + 1, 3 << (bit - 1) + 1] as [UInt64] {
                let told = histogram([size, Histogram.ceiling]).percentile(perTenThousand: 5000)
                #expect(told >= size && told <= size + size / 1000, "\(size)")
            }
        }
    }

    @Test("what is beyond its range is told by the maximum")
    func ceiling() {
        let histogram = histogram([1, Histogram.ceiling + 1, Histogram.ceiling * 5])
        #expect(histogram.percentile(perTenThousand: 9999) == Histogram.ceiling * 5)
        #expect(histogram.percentile(perTenThousand: 1) == 1)
    }

    @Test("two that are merged are one that counted everything")
    func merge() {
        var random = SplitMix64(seed: 7)
        let sizes = (0..<2000).map { _ in random.below(1 << 35) }
        var merged = histogram(Array(sizes[..<700]))
        merged.merge(histogram(Array(sizes[700...])))
        #expect(merged == histogram(sizes))
        var empty = Histogram()
        empty.merge(Histogram())
        #expect(empty.percentile(perTenThousand: 5000) == 0 && empty.mean == 0 && empty.maximum == 0)
    }

    @Test("many of one size are one record")
    func times() {
        var histogram = Histogram()
        histogram.record(70_000, times: 3)
        #expect(histogram == self.histogram([70_000, 70_000, 70_000]))
    }
}
