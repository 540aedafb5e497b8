// Owns: the promises of reading: what a filter gives is what `Filter.matches` says, wherever the events lie.

import DiskSimulation
import EventModel
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct ReadTests {
    private static let count = 800

    /// Events in compacted, sealed and raw segments, and what they are.
    private func mixed(seed: UInt64) throws -> (TestStore, [Event], SeededRandom) {
        let test = try TestStore()
        var random = SeededRandom(seed: seed)
        for event in stride(from: 0, to: Self.count, by: 100) {
            test.clock.advance(seconds: 1)
            test.append((event..<event + 50).map { random.event($0) })
            test.append((event + 50..<event + 100).map { random.event($0) })
            if event < 700 { try test.roll() }
            if event == 400 { _ = try test.store.compact() }
        }
        return (test, try test.all(), random)
    }

    @Test("Every filter gives exactly what Filter.matches says, forwards, backwards and counted", arguments: [1, 2, 3])
    func filters(seed: UInt64) throws {
        var (test, events, random) = try mixed(seed: seed)
        #expect(events.map(\.id.rawValue) == Array(1...UInt64(Self.count)))
        let recorded = Array(Set(events.map(\.recordedAt))).sorted()
        for round in 0..<400 {
            if round == 200 {
                try test.restart()
                _ = try test.store.compact()
            }
            let filter = random.filter(count: Self.count, recorded: recorded)
            let expected = events.filter(filter.matches)
            let forwards = try test.store.read(filter, count: .max).map(\.event)
            #expect(forwards == expected, "seed \(seed), round \(round): \(filter)")
            let backwards = try test.store.read(filter, count: .max, reversed: true).map(\.event)
            #expect(backwards == expected.reversed(), "seed \(seed), round \(round): \(filter)")
            #expect(try test.store.count(filter) == expected.count, "seed \(seed), round \(round): \(filter)")
            let some = Int.random(in: 1...20, using: &random)
            #expect(try test.store.read(filter, count: some).map(\.event) == Array(expected.prefix(some)))
            #expect(
                try test.store.read(filter, count: some, reversed: true).map(\.event)
                    == expected.suffix(some).reversed()
            )
        }
    }

    @Test("Reading on after the last event of each page gives every event once", arguments: [false, true])
    func pages(reversed: Bool) throws {
        let (test, events, _) = try mixed(seed: 9)
        var filter = Filter(alternatives: [Criteria(categories: ["order", "user"])])
        let expected = events.filter(filter.matches)
        var got: [Event] = []
        while true {
            let page = try test.store.read(filter, count: 37, reversed: reversed).map(\.event)
            guard let last = page.last else { break }
            got += page
            if reversed { filter.before = last.id } else { filter.after = last.id }
        }
        #expect(got == (reversed ? expected.reversed() : expected))
    }

    @Test("A reply is bounded in bytes, but holds at least one event")
    func byteBounds() throws {
        let test = try TestStore()
        let padding = String(repeating: "x", count: 10_000)
        test.append(
            (0..<20).map { _ in
                NewEvent(category: "c", aggregateID: "a", eventType: "t", data: Array("{\"p\":\"\(padding)\"}".utf8))
            }
        )
        #expect(try test.store.read(.all, count: 100, byteLimit: 35_000).count == 3)
        #expect(try test.store.read(.all, count: 100, byteLimit: 1).count == 1)
        #expect(try test.store.read(.all, count: 100, reversed: true, byteLimit: 1).map(\.id) == [EventID(20)])
        #expect(try test.store.read(.all, count: 100).count == 20)
    }

    @Test("An event is found by its id; zero, the future and the greatest id are none")
    func byID() throws {
        let (test, events, _) = try mixed(seed: 5)
        for event in events { #expect(try test.store.event(event.id)?.event == event) }
        for id in [0, UInt64(Self.count + 1), .max] { #expect(try test.store.event(EventID(id)) == nil) }
    }

    @Test("Bounds at the ends of the number line are no trouble")
    func extremes() throws {
        let test = try TestStore()
        test.append((0..<10).map { .numbered($0) })
        #expect(try test.store.read(Filter(after: EventID(10)), count: 10).isEmpty)
        #expect(try test.store.read(Filter(after: EventID(10)), count: 10, reversed: true).isEmpty)
        #expect(try test.store.count(Filter(after: EventID(10), before: .zero)) == 0)
        #expect(try test.store.count(Filter(before: EventID(11))) == 10)
        #expect(try test.store.count(Filter(before: .zero)) == 0)
        #expect(try test.store.count(Filter(asOf: .id(EventID(10)))) == 10)
        #expect(try test.store.count(Filter(since: .distantPast, until: .distantFuture)) == 10)
        #expect(try test.store.count(Filter(asOf: .time(.distantFuture))) == 10)
        #expect(try test.store.count(Filter(asOf: .time(.distantPast))) == 0)
        #expect(try test.store.count(Filter(after: EventID(9), before: EventID(5))) == 0)
    }

    @Test("An empty store answers every question with nothing")
    func empty() throws {
        let test = try TestStore()
        #expect(try test.store.read(.all, count: 10).isEmpty)
        #expect(try test.store.read(.all, count: 10, reversed: true).isEmpty)
        #expect(try test.store.count(Filter(asOf: .time(.distantFuture))) == 0)
        #expect(try test.store.event(EventID(1)) == nil)
        #expect(try test.store.compact().segmentsAfter == 0)
        #expect(try test.roll() == nil)
    }

    @Test("An aggregate with few events among many is found by reading its blocks alone")
    func byIndex() throws {
        let test = try TestStore()
        for part in 0..<10 {
            test.append((0..<500).map { .numbered($0, aggregate: "common-\($0 % 50)") })
            test.append(.numbered(part, aggregate: "rare"))
            if part < 9 { try test.roll() }
        }
        _ = try test.store.compact()
        let filter = Filter(alternatives: [Criteria(aggregates: ["rare"])])
        #expect(try test.store.read(filter, count: 100).map(\.id.rawValue) == (1...10).map { UInt64($0 * 501) })
        #expect(try test.store.count(filter) == 10)
    }
}
