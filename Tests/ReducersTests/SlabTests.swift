// That a state which has grown is what it was, whatever comes and goes, that it keeps to its memory, and gives back what it does
// not need.

import Glibc
import Reducers
import Testing

@Suite(.serialized) struct SlabTests {
    /// Adds, changes and takes away keys with values of any size: `data` says which.
    private let churn = """
        return { reduce = function(s, e)
          for i = e.data.first, e.data.last do
            local key = "key-" .. i
            if e.data.size == nil then s[key] = nil else s[key] = { ("x"):rep(e.data.size + i % 7), i } end
          end
          return s
        end }
        """

    private func step(_ reducer: Reducer, _ keys: ClosedRange<Int>, size: Int?) throws {
        let size = size.map { ",\"size\":\($0)" } ?? ""
        try reducer.reduce(TestEvent(data: "{\"first\":\(keys.lowerBound),\"last\":\(keys.upperBound)\(size)}"))
    }

    @Test func `A large state is what it was, whatever comes and goes`() throws {
        let limits = ReducerLimits(instructionsPerEvent: 1 << 40, millisecondsPerEvent: 60_000, memoryBytes: 128 << 20)
        let reducer = try Reducer(churn, limits: limits)
        var expected: [String: String] = [:]
        func go(_ keys: ClosedRange<Int>, size: Int?) throws {
            try step(reducer, keys, size: size)
            for i in keys {
                expected["key-\(i)"] = size.map { "[\"\(String(repeating: "x", count: $0 + i % 7))\",\(i)]" }
            }
        }
        // Sizes on both sides of what a slab holds.
        for (round, size) in [10, 480, 1, 508, 100, 2000, 40].enumerated() {
            try go(1...20_000, size: size)
            try go(round * 2_000 + 1...round * 2_000 + 3_000, size: nil)
            try go(20_001 + round * 100...20_400 + round * 100, size: 510)
        }
        let text = expected.sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }
            .map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
        #expect(try reducer.json == "{\(text)}")
        #expect(reducer.memoryBytes <= limits.memoryBytes)
    }

    @Test func `A large state stops at its memory, and begins anew`() throws {
        let limits = ReducerLimits(instructionsPerEvent: 1 << 40, millisecondsPerEvent: 60_000, memoryBytes: 4 << 20)
        let reducer = try Reducer(churn, limits: limits)
        let error = #expect(throws: ReducerError.self) { try step(reducer, 1...1_000_000, size: 50) }
        #expect(error == .budget("test: stopped at 4194304 bytes of memory"))
        try reducer.reset()
        try step(reducer, 1...10_000, size: 50)
        #expect(reducer.memoryBytes <= limits.memoryBytes)
    }

    /// Bytes of addresses that the process has taken.
    private func mapped() throws -> Int {
        let maps = try #require(fopen("/proc/self/statm", "r"))
        defer { fclose(maps) }
        var (all, resident) = (0, 0)
        let count = withUnsafeMutablePointer(to: &all) { all in
            withUnsafeMutablePointer(to: &resident) { resident in
                withVaList([all, resident]) { vfscanf(maps, "%ld %ld", $0) }
            }
        }
        #expect(count == 2)
        return all * 4096
    }

    @Test func `What a state took is given back with it`() throws {
        let limits = ReducerLimits(instructionsPerEvent: 1 << 40, millisecondsPerEvent: 60_000, memoryBytes: 8 << 30)
        let before = try mapped()
        var reducer: Reducer? = try Reducer(churn, limits: limits)
        try step(try #require(reducer), 1...20_000, size: 50)
        // The addresses are taken, for as much as it may come to have.
        let during = try mapped()
        #expect(during - before >= 8 << 30)
        reducer = nil
        #expect(try mapped() - before < 4 << 30)
    }
}
