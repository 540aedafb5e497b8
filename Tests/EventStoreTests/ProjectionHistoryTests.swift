// Owns: the promise of projections at past moments: the nearest snapshot and the rest of the log give what a fold of
// everything would give.

import DiskSimulation
import EventModel
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct ProjectionHistoryTests {
    /// A checksum of the numbers in their order: any event too many, too few or out of place shows.
    private static let checksum = """
        return { events = { category = "order" },
          reduce = function(s, e) s.sum = ((s.sum or 0) * 31 + e.data.n + 1) % 1000003 return s end }
        """

    private func byHand(_ events: [Event]) -> String {
        events.isEmpty ? "{}" : "{\"sum\":\(events.reduce(0) { ($0 * 31 + number($1) + 1) % 1_000_003 })}"
    }

    private func number(_ event: Event) -> Int {
        Int(String(decoding: event.data, as: UTF8.self).filter(\.isNumber)) ?? -1
    }

    @Test("A projection at any AT and ASOF equals a fold by brute force", arguments: [1, 2])
    func moments(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let test = try TestStore(reducers: ["checksum": Self.checksum]) {
            $0.snapshots.everyEvents = 40
            $0.snapshots.workPerSnapshot = 0
            $0.snapshots.keep = 6
        }
        for n in 0..<60 {
            test.clock.advance(seconds: 1)
            // Mostly forwards, so that snapshots are of use, with latecomers.
            test.append(
                (0..<10).map { k in
                    var event = random.event(n * 10 + k)
                    let late =
                        Int64.random(in: 0..<10, using: &random) == 0 ? Int64.random(in: 0...30, using: &random) : 0
                    event.timestamp = Timestamp(seconds: Int64(n) - late)
                    return event
                }
            )
            if n.isMultiple(of: 9) { try test.roll() }
            if n.isMultiple(of: 7) {
                _ = try test.projection("checksum")
                _ = try test.store.snapshot()
            }
        }
        let events = try test.all()
        for round in 0..<150 {
            if round == 75 { try test.restart() }
            var filter = Filter(alternatives: [Criteria(categories: ["order"])])
            if Bool.random(using: &random) {
                filter.until = Timestamp(seconds: Int64.random(in: -31..<62, using: &random))
            }
            switch Int.random(in: 0..<3, using: &random) {
            case 0: filter.asOf = .id(EventID(UInt64.random(in: 0...600, using: &random)))
            case 1: filter.asOf = .time(Timestamp(seconds: 1000 + Int64.random(in: -1...62, using: &random)))
            default: break
            }
            let expected = events.filter(filter.matches)
            let state = try test.store.projection("checksum", at: filter.until, asOf: filter.asOf)
            #expect(state.json == byHand(expected), "seed \(seed), round \(round): \(filter)")
            #expect(state.eventsProcessed == UInt64(expected.count))
            #expect(state.lastEvent == expected.last?.id)
        }
    }

    @Test("A moment in the past is answered without the projection catching up")
    func pastOfALaggard() throws {
        let slow = """
            return { reduce = function(s, e)
              if e.data.n >= 5 then for i = 1, 300000 do end end
              s.count = (s.count or 0) + 1 return s end }
            """
        let test = try TestStore(reducers: ["slow": slow]) { $0.projectionWaitMilliseconds = 0 }
        test.append((0..<200).map { .numbered($0) })
        #expect(try test.projection("slow", asOf: .id(EventID(3))) == #"{"count":3}"#)
    }
}
