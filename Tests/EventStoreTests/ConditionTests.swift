// Owns: the promises of append conditions: refuse if an event that matches exists after an id.

import EventModel
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct ConditionTests {
    @Test("AFTER 0 on an aggregate means: must be new")
    func mustBeNew() throws {
        let test = try TestStore()
        #expect(test.append(.numbered(1), unless: .unless(aggregate: "thing-1", after: 0)) == .appended([1]))
        #expect(test.append(.numbered(2), unless: .unless(aggregate: "thing-1", after: 0)) == .refused(.conflict, [1]))
        #expect(
            test.append(.numbered(3, aggregate: "thing-2"), unless: .unless(aggregate: "thing-2", after: 0))
                == .appended([2])
        )
    }

    @Test("AFTER the id last read is optimistic concurrency")
    func optimisticConcurrency() throws {
        let test = try TestStore()
        test.append([.numbered(1), .numbered(2, aggregate: "other"), .numbered(3)])
        #expect(test.append(.numbered(4), unless: .unless(aggregate: "thing-1", after: 3)) == .appended([4]))
        #expect(test.append(.numbered(5), unless: .unless(aggregate: "thing-1", after: 3)) == .refused(.conflict, [4]))
        #expect(test.append(.numbered(5), unless: .unless(aggregate: "thing-1", after: 4)) == .appended([5]))
    }

    @Test("The conflicting id is the newest event in the way")
    func newest() throws {
        let test = try TestStore()
        test.append((0..<10).map { .numbered($0) })
        try test.roll()
        test.append((0..<10).map { .numbered($0) })
        #expect(test.append(.numbered(0), unless: .unless(aggregate: "thing-1", after: 0)) == .refused(.conflict, [20]))
    }

    @Test("Tags span aggregates: a boundary of its own for every decision")
    func tags() throws {
        let test = try TestStore()
        var event = NewEvent.numbered(1)
        event.tags = ["course:1", "student:7"]
        test.append(event)
        event.aggregateID = "thing-2"
        #expect(
            test.append(event, unless: .unless(tags: ["course:1", "student:7"], after: 0)) == .refused(.conflict, [1])
        )
        #expect(test.append(event, unless: .unless(tags: ["course:1", "student:8"], after: 0)) == .appended([2]))
        let either = AppendCondition(
            alternatives: [Criteria(tags: ["nobody"]), Criteria(types: ["happened"], tags: ["student:7"])],
            after: EventID(1)
        )
        #expect(test.append(event, unless: either) == .refused(.conflict, [2]))
    }

    @Test("An empty filter means any event at all")
    func anything() throws {
        let test = try TestStore()
        let empty = AppendCondition(alternatives: [], after: .zero)
        #expect(test.append(.numbered(1), unless: empty) == .appended([1]))
        #expect(test.append(.numbered(2), unless: empty) == .refused(.conflict, [1]))
        #expect(
            test.append(.numbered(2), unless: AppendCondition(alternatives: [], after: EventID(1))) == .appended([2])
        )
    }

    @Test("Events of the same frame are in the way, though they are not durable yet")
    func sameFrame() throws {
        let test = try TestStore()
        let new = AppendCondition.unless(aggregate: "thing-1", after: 0)
        let answers = test.append([.numbered(1), .numbered(2), .numbered(3)], unless: new)
        #expect(answers == [.appended([1]), .refused(.conflict, [1]), .refused(.conflict, [1])])
        #expect(test.store.tail == EventID(1))
    }

    @Test("A frame that grows is asked anew each time")
    func growingFrame() throws {
        let test = try TestStore()
        let answers = test.batch { batch in
            for n in 0..<50 {
                let aggregate = "thing-\(n)"
                let new = AppendCondition.unless(aggregate: aggregate, after: 0)
                for _ in 0..<2 {
                    NewEvent.numbered(n, aggregate: aggregate).withParts { batch.append($0, unless: new) }
                }
                NewEvent.numbered(n, aggregate: "noise").withParts { batch.append($0) }
            }
        }
        let expected = (0..<50).flatMap { n -> [Answer] in
            let first = UInt64(2 * n + 1)
            return [.appended([first]), .refused(.conflict, [first]), .appended([first + 1])]
        }
        #expect(answers == expected)
    }

    @Test("A condition sees active, sealed and compacted segments alike, and after a restart")
    func everySegment() throws {
        let test = try TestStore()
        let events = (0..<80).map { NewEvent.numbered($0, aggregate: "thing-\($0)") }
        try test.appendAcrossSegments(events)
        func check() {
            for n in 0..<80 {
                let answer = test.append(.numbered(n), unless: .unless(aggregate: "thing-\(n)", after: 0))
                #expect(answer == .refused(.conflict, [UInt64(n + 1)]))
            }
        }
        check()
        try test.restart()
        check()
        #expect(test.store.tail == EventID(80))
    }

    @Test("Of many who race for one aggregate exactly one wins each round")
    func race() async throws {
        let test = try TestStore()
        let store = test.store
        for round in 0..<20 {
            let wins = await withTaskGroup(of: Bool.self) { group in
                for n in 0..<4 {
                    group.addTask {
                        let answer = store.batch { batch in
                            NewEvent.numbered(n).withParts {
                                batch.append($0, unless: .unless(aggregate: "thing-1", after: UInt64(round)))
                            }
                        }
                        return answer == [.appended([UInt64(round + 1)])]
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(wins == 1)
        }
        #expect(store.tail == EventID(20))
    }
}
