// Owns: the promise of a transaction: all of its events with consecutive ids, or none.

import EventModel
import Testing

@testable import EventStore
@testable import SegmentLog

@Suite(.timeLimit(.minutes(20))) struct TransactionTests {
    @Test("The events of a transaction have consecutive ids and one commit time")
    func together() throws {
        let test = try TestStore()
        #expect(test.transaction((0..<20).map { .numbered($0) }) == .appended(Array(1...20)))
        #expect(Set(try test.all().map(\.recordedAt)).count == 1)
    }

    @Test("A transaction whose condition does not hold is refused whole")
    func condition() throws {
        let test = try TestStore()
        test.append(.numbered(0))
        let new = AppendCondition.unless(aggregate: "thing-1", after: 0)
        #expect(
            test.transaction([.numbered(1, aggregate: "thing-2"), .numbered(2)], unless: new)
                == .refused(.conflict, [1])
        )
        #expect(test.store.tail == EventID(1))
    }

    @Test("A condition is about what came before the transaction, not about its own events")
    func ownEvents() throws {
        let test = try TestStore()
        let new = AppendCondition.unless(aggregate: "thing-1", after: 0)
        #expect(test.transaction([.numbered(1), .numbered(2)], unless: new) == .appended([1, 2]))
    }

    @Test("A transaction larger than a frame can hold is refused whole, and what comes after it is appended")
    func tooBig() throws {
        let test = try TestStore()
        let padding = String(repeating: "x", count: 100_000)
        let events = (0..<12).map { _ in
            NewEvent(category: "c", aggregateID: "a", eventType: "t", data: Array("{\"p\":\"\(padding)\"}".utf8))
        }
        let answers = test.batch { batch in
            batch.append(Transaction(events))
            NewEvent.numbered(1).withParts { batch.append($0) }
        }
        #expect(answers == [.refused(.tooBig, []), .appended([1])])
    }

    @Test("A transaction never straddles two segments")
    func oneSegment() throws {
        let test = try TestStore()
        let padding = String(repeating: "x", count: 50_000)
        let events = (0..<9).map { _ in
            NewEvent(category: "c", aggregateID: "a", eventType: "t", data: Array("{\"p\":\"\(padding)\"}".utf8))
        }
        var next: UInt64 = 1
        for _ in 0..<6 {
            #expect(test.transaction(events) == .appended(Array(next..<next + 9)))
            next += 9
            // Segments begin with an event of their own transaction only.
            #expect(test.store.log.view.segments.allSatisfy { ($0.base.rawValue - 1).isMultiple(of: 9) })
        }
    }
}
