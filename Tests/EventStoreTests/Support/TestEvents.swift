// Owns: events and filters to test with: plain ones by hand, varied ones by seed.

import DiskSimulation
import EventModel

extension NewEvent {
    /// An event whose data is `{"n":n}`.
    static func numbered(_ n: Int, aggregate: String = "thing-1", type: String = "happened", at seconds: Int64? = nil)
        -> NewEvent
    {
        NewEvent(
            category: "thing",
            aggregateID: aggregate,
            eventType: type,
            data: Array("{\"n\":\(n)}".utf8),
            timestamp: seconds.map { Timestamp(seconds: $0) }
        )
    }
}

extension Timestamp {
    init(seconds: Int64) { self.init(nanoseconds: seconds * 1_000_000_000) }
}

extension AppendCondition {
    static func unless(aggregate: String, after id: UInt64) -> AppendCondition {
        AppendCondition(alternatives: [Criteria(aggregates: [aggregate])], after: EventID(id))
    }

    static func unless(tags: [String], after id: UInt64) -> AppendCondition {
        AppendCondition(alternatives: [Criteria(tags: tags)], after: EventID(id))
    }
}

extension SeededRandom {
    private static let categories = ["order", "user", "inventory", "käse"]
    private static let types = ["created", "changed", "removed"]

    mutating func pick<Element>(_ from: [Element]) -> Element {
        from[Int.random(in: from.indices, using: &self)]
    }

    private mutating func aggregate() -> String { "a-\(Int.random(in: 0..<20, using: &self))" }
    private mutating func tag() -> String { "t-\(Int.random(in: 0..<6, using: &self))" }

    /// Timestamps run to and fro and are often equal.
    mutating func event(_ n: Int) -> NewEvent {
        var tags: [String] = []
        for _ in 0..<Int.random(in: 0...3, using: &self) { tags.append(tag()) }
        return NewEvent(
            category: pick(Self.categories),
            aggregateID: aggregate(),
            eventType: pick(Self.types),
            data: Array("{\"n\":\(n)}".utf8),
            timestamp: Timestamp(seconds: Int64.random(in: 0..<60, using: &self)),
            version: UInt32.random(in: 1...3, using: &self),
            identifier: n.isMultiple(of: 7) ? EventUUID.from(n).description : nil,
            tags: tags,
            metadata: n.isMultiple(of: 5) ? Array("{\"by\":\(n)}".utf8) : nil
        )
    }

    mutating func events(_ count: Int) -> [NewEvent] {
        (0..<count).map { event($0) }
    }

    private mutating func criteria() -> Criteria {
        var criteria = Criteria()
        if Int.random(in: 0..<3, using: &self) == 0 { criteria.categories = [pick(Self.categories), "no such"] }
        if Int.random(in: 0..<3, using: &self) == 0 { criteria.aggregates = [aggregate(), aggregate()] }
        if Int.random(in: 0..<4, using: &self) == 0 { criteria.types = [pick(Self.types)] }
        if Int.random(in: 0..<4, using: &self) == 0 { criteria.tags = [tag(), tag()] }
        return criteria
    }

    /// Any filter of the grammar over a log of `count` events whose commit times are among `recorded`.
    mutating func filter(count: Int, recorded: [Timestamp]) -> Filter {
        func id(_ random: inout SeededRandom) -> EventID {
            EventID(UInt64.random(in: 0...UInt64(count), using: &random))
        }
        var filter = Filter()
        for _ in 0..<Int.random(in: 0...3, using: &self) { filter.alternatives.append(criteria()) }
        if Int.random(in: 0..<3, using: &self) == 0 { filter.after = id(&self) }
        if Int.random(in: 0..<4, using: &self) == 0 { filter.before = id(&self) }
        if Int.random(in: 0..<4, using: &self) == 0 {
            filter.since = Timestamp(seconds: Int64.random(in: -1..<61, using: &self))
        }
        if Int.random(in: 0..<4, using: &self) == 0 {
            filter.until = Timestamp(seconds: Int64.random(in: -1..<61, using: &self))
        }
        switch Int.random(in: 0..<6, using: &self) {
        case 0: filter.asOf = .id(id(&self))
        case 1:
            let shift = Int64.random(in: -1...1, using: &self)
            filter.asOf = .time(Timestamp(nanoseconds: pick(recorded).nanoseconds + shift))
        default: break
        }
        return filter
    }
}

extension EventUUID {
    static func from(_ n: Int) -> EventUUID {
        EventUUID(high: 0x1234_0000_0000_4000, low: 0x8000_0000_0000_0000 | UInt64(n))
    }
}
