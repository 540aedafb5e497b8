// Owns: the promise of the cache: what was used last stays, within the budget, whatever the order of uses.

import DiskSimulation
import Testing

@testable import SegmentLog

@Suite struct BlockCacheTests {
    private static let segment = UniqueID(bytes: Array(0..<16))

    /// The value under a number, and whether it had to be loaded.
    private static func load(_ cache: BlockCache, _ number: UInt64, bytes: Int) throws -> Bool {
        var isLoaded = false
        let value = try cache.value(BlockCache.Key(segment: segment, offset: number), bytes: { _ in bytes }) {
            () throws(LogError) -> UInt64? in
            isLoaded = true
            return number
        }
        #expect(value == number)
        return isLoaded
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `It keeps what a list kept by hand keeps`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let cache = BlockCache(budgetBytes: 100)
        // The used last comes last.
        var model: [(number: UInt64, bytes: Int)] = []
        for _ in 0..<3_000 {
            let number = UInt64.random(in: 0..<24, using: &random)
            let bytes = Int(number % 5) * 6 + 1
            if let place = model.firstIndex(where: { $0.number == number }) {
                #expect(try !Self.load(cache, number, bytes: bytes))
                model.append(model.remove(at: place))
            } else {
                #expect(try Self.load(cache, number, bytes: bytes))
                model.append((number, bytes))
                while model.reduce(0, { $0 + $1.bytes }) > 100 { model.removeFirst() }
            }
        }
    }

    @Test func `What is larger than a quarter of it is not kept, and what cannot be loaded is asked for again`() throws
    {
        let cache = BlockCache(budgetBytes: 100)
        for _ in 0..<2 { #expect(try Self.load(cache, 1, bytes: 26)) }
        let key = BlockCache.Key(segment: Self.segment, offset: 2)
        for _ in 0..<2 {
            #expect(try cache.value(key, bytes: { (_: Int) in 1 }) { () throws(LogError) -> Int? in nil } == nil)
        }
        #expect(try Self.load(cache, 2, bytes: 25))
        #expect(try !Self.load(cache, 2, bytes: 25))
    }
}
