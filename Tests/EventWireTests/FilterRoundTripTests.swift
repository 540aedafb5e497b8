// Owns: the promise that client and server mean the same filter.

import EventModel
import Testing

@testable import EventWire

@Suite struct FilterRoundTripTests {
    @Test("a filter that is encoded and parsed is the same filter", arguments: 0..<500 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let filter = random.filter()
        let parsed = try withCommand(["EV.COUNT"] + filter.arguments()) { command -> Filter? in
            if case .count(let filter) = command { filter } else { nil }
        }
        #expect(parsed == filter)
    }

    @Test("an alternative that asks for nothing makes the filter match everything, and it says so")
    func empty() {
        let filter = Filter(alternatives: [Criteria(types: ["t"]), Criteria()], after: EventID(3))
        #expect(filter.arguments() == ["AFTER", "3"])
    }

    private func alternatives(_ words: [String]) throws -> [Criteria]? {
        try withCommand(["EV.COUNT"] + words) { command -> [Criteria]? in
            if case .count(let filter) = command { filter.alternatives } else { nil }
        }
    }

    @Test("an alternative that is given again counts once, and is told from others by its bytes")
    func again() throws {
        let pair = ["TAG", "even", "TAG", "odd"]
        let many = Array(repeatElement(pair, count: 1000).joined(separator: ["OR"]))
        #expect(try alternatives(many) == [Criteria(tags: ["even", "odd"])])
        // The two accents are one for Unicode; a tag is no type, and one tag no other.
        let words = [
            "TAG", "caf\u{E9}", "OR", "TAG", "cafe\u{301}", "OR", "TYPE", "x", "OR", "TAG", "x", "OR", "TYPE", "x",
        ]
        #expect(try alternatives(words)?.count == 4)
        #expect(try alternatives(["TAG", "a", "TAG", "b", "OR", "TAG", "ab"])?.count == 2)
    }

    @Test("more than 1,024 different alternatives are too many, in a filter and in a condition")
    func tooMany() throws {
        func words(_ count: Int) -> [String] {
            Array((0..<count).map { ["TAG", "t\($0)"] }.joined(separator: ["OR"]))
        }
        #expect(try alternatives(words(1024))?.count == 1024)
        for command in [["EV.COUNT"], ["EV.APPEND", "c", "a", "t", "{}", "UNLESS"]] {
            #expect(throws: StoreError(.tooBig, "the filter has more than 1024 different alternatives")) {
                try withCommand(command + words(1025) + (command.count > 1 ? ["AFTER", "0"] : [])) { _ in }
            }
        }
    }

    @Test("bounds may stand anywhere around the alternatives")
    func order() throws {
        let words = ["BEFORE", "9", "TYPE", "a", "AFTER", "1", "OR", "TYPE", "b", "SINCE", "-1.5"]
        let parsed = try withCommand(["EV.COUNT"] + words) { command -> Filter? in
            if case .count(let filter) = command { filter } else { nil }
        }
        let filter = Filter(
            alternatives: [Criteria(types: ["a"]), Criteria(types: ["b"])],
            after: EventID(1),
            before: EventID(9),
            since: Timestamp(nanoseconds: -1_500_000_000)
        )
        #expect(parsed == filter)
    }
}

extension SplitMix64 {
    fileprivate mutating func filter() -> Filter {
        var filter = Filter()
        for _ in 0..<Int.random(in: 0...3, using: &self) {
            let criteria = Criteria(
                categories: names(0...2),
                aggregates: names(0...2),
                types: names(0...2),
                tags: names(0...2)
            )
            if !criteria.isEmpty { filter.alternatives.append(criteria) }
        }
        if Bool.random(using: &self) { filter.after = EventID(next()) }
        if Bool.random(using: &self) { filter.before = EventID(next()) }
        if Bool.random(using: &self) { filter.since = timestamp() }
        if Bool.random(using: &self) { filter.until = timestamp() }
        switch Int.random(in: 0...2, using: &self) {
        case 0: filter.asOf = .id(EventID(next()))
        case 1: filter.asOf = .time(timestamp())
        default: break
        }
        filter.skipsDamage = Bool.random(using: &self)
        return filter
    }
}
