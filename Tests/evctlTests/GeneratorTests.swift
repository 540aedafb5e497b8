import EventModel
import EventNDJSON
import Testing

@testable import evctl

@Suite("The generator")
struct GeneratorTests {
    func lines(_ count: Int, seed: UInt64 = 1, aggregates: UInt64 = 1000) -> [[UInt8]] {
        var generator = EventGenerator(seed: seed, events: UInt64(count), aggregates: aggregates)
        return (0..<count).map { _ in
            var line: [UInt8] = []
            generator.appendLine(to: &line)
            return line
        }
    }

    @Test("prints the same bytes for the same seed and others for another")
    func deterministic() {
        #expect(lines(500) == lines(500))
        #expect(lines(500) != lines(500, seed: 2))
    }

    @Test("prints what import reads, with 100 to 400 bytes of data, about 250 on average")
    func sizes() throws {
        let events = try lines(20_000).map { try EventLine.event(Array($0.dropLast())) }
        let sizes = events.map(\.data.count)
        #expect(sizes.min()! >= 100 && sizes.max()! <= 400)
        #expect((235...265).contains(sizes.reduce(0, +) / sizes.count))
        #expect(Set(events.map(\.category)) == ["order", "user", "inventory", "payment"])
        #expect(Set(events.map(\.eventType)).count == EventKind.all.count)
    }

    @Test("keeps some aggregates busy and most of them quiet")
    func popularity() throws {
        var counts: [String: Int] = [:]
        for line in lines(20_000) { counts[try EventLine.event(Array(line.dropLast())).aggregateID, default: 0] += 1 }
        let ranked = counts.values.sorted(by: >)
        #expect(ranked[0] > 20 * ranked[ranked.count / 2])
        #expect((800...1000).contains(counts.count))
    }

    @Test("lets time rise over the year 2025, and a few events come late")
    func timestamps() throws {
        let moments = try lines(20_000).map { try EventLine.event(Array($0.dropLast())).timestamp! }
        let backwards = zip(moments, moments.dropFirst()).count { $0 > $1 }
        #expect((100...600).contains(backwards))
        #expect(moments[0] >= Timestamp(rfc3339: "2025-01-01T00:00:00Z")!)
        #expect(moments.max()! > Timestamp(rfc3339: "2025-12-01T00:00:00Z")!)
        #expect(moments.max()! < Timestamp(rfc3339: "2026-02-01T00:00:00Z")!)
    }

    @Test("SplitMix64 gives the numbers of its authors")
    func reference() {
        var random = SplitMix64(seed: 1_234_567)
        #expect(
            (0..<3).map { _ in random.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            ]
        )
    }
}
