// Owns: the promises of identifiers: a retry of an append changes nothing and is told the same id.

import EventModel
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct IdentifierTests {
    private func event(_ n: Int) -> NewEvent {
        var event = NewEvent.numbered(n)
        event.uuid = .from(n)
        return event
    }

    @Test("A retry is told the same id and appends nothing")
    func retry() throws {
        let test = try TestStore()
        #expect(test.append(event(1)) == .appended([1]))
        #expect(test.append(event(1)) == .existing([1]))
        #expect(test.append([event(2), event(1), event(2)]) == [.appended([2]), .existing([1]), .existing([2])])
        #expect(test.store.tail == EventID(2))
    }

    @Test("A retry after a restart, or after sealing, is told the same id")
    func retryLater() throws {
        let test = try TestStore()
        test.append([event(1), event(2)])
        try test.restart()
        #expect(test.append(event(2)) == .existing([2]))
        try test.roll()
        _ = try test.store.compact()
        #expect(test.append(event(1)) == .existing([1]))
        try test.restart()
        #expect(test.append([event(1), event(3)]) == [.existing([1]), .appended([3])])
    }

    @Test("A retry succeeds whatever its condition would say now")
    func retryWithCondition() throws {
        let test = try TestStore()
        let new = AppendCondition.unless(aggregate: "thing-1", after: 0)
        #expect(test.append(event(1), unless: new) == .appended([1]))
        #expect(test.append(event(1), unless: new) == .existing([1]))
        #expect(test.append(event(2), unless: new) == .refused(.conflict, [1]))
    }

    @Test("A transaction is retried as a whole")
    func transaction() throws {
        let test = try TestStore()
        #expect(test.transaction([event(1), event(2)]) == .appended([1, 2]))
        #expect(test.transaction([event(1), event(2)]) == .existing([1, 2]))
    }

    @Test("A transaction of which some events are known is refused whole")
    func partlyKnown() throws {
        let test = try TestStore()
        test.append(event(1))
        #expect(test.transaction([event(2), event(1)]) == .refused(.conflict, [1]))
        #expect(test.transaction([event(1), .numbered(9)]) == .refused(.conflict, [1]))
        #expect(test.store.tail == EventID(1))
    }

    @Test("A transaction that holds one identifier twice is refused")
    func twice() throws {
        let test = try TestStore()
        #expect(test.transaction([event(1), .numbered(5), event(1)]) == .refused(.invalid, []))
        #expect(test.store.tail == .zero)
        #expect(test.append(event(1)) == .appended([1]))
    }

    @Test("An identifier is a key of its own, not a tag that looks like it")
    func notATag() throws {
        let test = try TestStore()
        var tagged = NewEvent.numbered(1)
        tagged.tags = [EventUUID.from(1).description]
        test.append(tagged)
        #expect(test.append(event(1)) == .appended([2]))
    }
}
