// Owns: the promises about which events a filter matches.

import EventModel
import Testing

@Suite struct FilterTests {
    private let event = Event(
        id: EventID(10),
        category: "order",
        aggregateID: "order-001",
        eventType: "created",
        data: Array("{}".utf8),
        timestamp: Timestamp(nanoseconds: 100),
        recordedAt: Timestamp(nanoseconds: 200),
        tags: ["red", "blue"]
    )

    private func matches(_ alternatives: Criteria...) -> Bool {
        Filter(alternatives: alternatives).matches(event)
    }

    @Test("a filter that asks for nothing matches everything")
    func all() {
        #expect(Filter.all.matches(event))
        #expect(matches(Criteria()))
        #expect(Criteria().isEmpty)
    }

    @Test("any of the names of a kind will do")
    func anyOf() {
        #expect(matches(Criteria(categories: ["user", "order"])))
        #expect(matches(Criteria(aggregates: ["order-001", "order-002"])))
        #expect(matches(Criteria(types: ["created", "paid"])))
        #expect(!matches(Criteria(types: ["paid"])))
    }

    @Test("all of the tags are needed")
    func allTags() {
        #expect(matches(Criteria(tags: ["red", "blue"])))
        #expect(!matches(Criteria(tags: ["red", "green"])))
    }

    @Test("kinds are joined by and, alternatives by or")
    func joined() {
        #expect(matches(Criteria(categories: ["order"], types: ["created"], tags: ["red"])))
        #expect(!matches(Criteria(categories: ["user"], types: ["created"])))
        #expect(matches(Criteria(categories: ["user"]), Criteria(tags: ["blue"])))
        #expect(!matches(Criteria(categories: ["user"]), Criteria(tags: ["green"])))
    }

    @Test("AFTER and BEFORE exclude their event")
    func ids() {
        #expect(Filter(after: EventID(9), before: EventID(11)).matches(event))
        #expect(!Filter(after: EventID(10)).matches(event))
        #expect(!Filter(before: EventID(10)).matches(event))
    }

    @Test("SINCE and UNTIL include their moment, by the event's own timestamp")
    func times() {
        let moment = Timestamp(nanoseconds: 100)
        #expect(Filter(since: moment, until: moment).matches(event))
        #expect(!Filter(since: Timestamp(nanoseconds: 101)).matches(event))
        #expect(!Filter(until: Timestamp(nanoseconds: 99)).matches(event))
    }

    @Test("AS OF includes what the store knew by then, by id or by the time of recording")
    func asOf() {
        #expect(Filter(asOf: .id(EventID(10))).matches(event))
        #expect(!Filter(asOf: .id(EventID(9))).matches(event))
        #expect(Filter(asOf: .time(Timestamp(nanoseconds: 200))).matches(event))
        #expect(!Filter(asOf: .time(Timestamp(nanoseconds: 199))).matches(event))
    }
}
