// Owns: the promises of identifiers: a retry of an append changes nothing and is told the same id.

import EventModel
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct IdentifierTests {
    private func event(_ n: Int) -> NewEvent {
        var event = NewEvent.numbered(n)
        event.identifier = EventUUID.from(n).description
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

    @Test("Any name is an identifier, found again wherever its event lies, and told apart from others by its bytes")
    func anyName() throws {
        let test = try TestStore()
        // The two accents are one for Unicode and two for whoever compares bytes; a UUID is one in either case.
        let names = [
            "payment-7", "7", "caf\u{E9}", "cafe\u{301}", " ", String(repeating: "x", count: 255),
            "0190f5ea-7c7e-7000-8000-0123456789ab", "0190f5ea-7c7e-7000-8000-0123456789a", "{0190f5ea}",
        ]
        var events = names.indices.map { NewEvent.numbered($0) }
        for (index, name) in names.enumerated() { events[index].identifier = name }
        #expect(test.append(events) == names.indices.map { .appended([UInt64($0 + 1)]) })
        events[6].identifier = names[6].uppercased()
        let known: [Answer] = names.indices.map { .existing([UInt64($0 + 1)]) }
        #expect(test.append(events) == known)
        #expect(test.transaction(events) == .existing(Array(1...UInt64(names.count))))
        try test.restart()
        #expect(test.append(events) == known)
        try test.roll()
        _ = try test.store.compact()
        #expect(test.append(events) == known)
        #expect(try test.all().map { Array(($0.identifier ?? "").utf8) } == names.map { Array($0.utf8) })
        var other = events[0]
        other.identifier = names[0].uppercased()
        #expect(test.append(other) == .appended([10]))
        other.eventType = "other"
        #expect(
            refusal(test, [other])
                == "REUSED 10 the ID “PAYMENT-7” is that of event 10, which differs from this one in its type"
        )
        #expect(refusal(test, [events[1], events[1]], transaction: true).contains("the identifier “7” occurs twice"))
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

    /// What a refusal says; empty where there was none.
    private func refusal(_ test: TestStore, _ events: [NewEvent], transaction: Bool = false) -> String {
        let sink = WaitingSink()
        let batch = AppendBatch(sink: sink)
        if transaction {
            batch.append(Transaction(events))
        } else {
            for event in events { event.withParts { batch.append($0) } }
        }
        let records = batch.records
        guard test.store.submit(batch) else { return "closed" }
        return sink.wait(for: records).reduce("") { text, settled in
            if case .refused(let error) = settled.outcome { text + error.description } else { text }
        }
    }

    @Test("An identifier given to other content is refused, and the refusal names the event and what differs")
    func reused() throws {
        let test = try TestStore()
        var first = event(1)
        first.timestamp = Timestamp(seconds: 10)
        first.tags = ["a", "b"]
        first.metadata = Array("{\"m\":1}".utf8)
        #expect(test.append(first) == .appended([1]))
        func differing(_ change: (inout NewEvent) -> Void) -> String {
            var other = first
            change(&other)
            return refusal(test, [other])
        }
        #expect(
            differing { $0.data = Array("{\"n\":2}".utf8) }.hasPrefix(
                "REUSED 1 the ID \(EventUUID.from(1)) is that of event 1"
            )
        )
        #expect(differing { $0.data = Array("{ }".utf8) }.hasSuffix("which differs from this one in its data"))
        #expect(differing { $0.category = "other" }.hasSuffix(" in its category"))
        #expect(differing { $0.aggregateID = "other" }.hasSuffix(" in its aggregate"))
        #expect(differing { $0.eventType = "other" }.hasSuffix(" in its type"))
        #expect(differing { $0.timestamp = Timestamp(seconds: 11) }.hasSuffix(" in its timestamp"))
        #expect(differing { $0.version = 2 }.hasSuffix(" in its version"))
        #expect(differing { $0.tags = ["a"] }.hasSuffix(" in its tags"))
        #expect(differing { $0.metadata = nil }.hasSuffix(" in its metadata"))
        #expect(
            differing {
                $0.eventType = "o"; $0.tags = []
            }.hasSuffix(" in its type, its tags")
        )
        #expect(test.store.tail == EventID(1))
    }

    @Test("Tags in another order, and a time that is left to the store, are no other content")
    func sameContent() throws {
        let test = try TestStore()
        var first = event(1)
        first.tags = ["a", "b"]
        first.timestamp = nil
        var again = first
        again.tags = ["b", "a", "b"]
        #expect(test.append([first, again]) == [.appended([1]), .existing([1])])
        test.clock.advance(seconds: 60)
        try test.roll()
        #expect(test.append(again) == .existing([1]))
    }

    @Test("Other content is noticed in the frame that is being gathered, and in a sealed segment")
    func reusedEverywhere() throws {
        let test = try TestStore()
        var other = event(1)
        other.eventType = "other"
        #expect(test.append([event(1), other, event(1)]) == [.appended([1]), .refused(.reused, [1]), .existing([1])])
        try test.roll()
        _ = try test.store.compact()
        #expect(test.append(other) == .refused(.reused, [1]))
        try test.restart()
        #expect(test.append(other) == .refused(.reused, [1]))
    }

    @Test("A transaction of events with and without identifier is retried as a whole")
    func mixedTransaction() throws {
        let test = try TestStore()
        test.append(.numbered(0))
        for events in [[event(1), .numbered(7)], [.numbered(8), event(2)], [.numbered(3), event(3), .numbered(4)]] {
            guard case .appended(let ids) = test.transaction(events) else {
                Issue.record("not appended")
                return
            }
            #expect(test.transaction(events) == .existing(ids))
            try test.restart()
            #expect(test.transaction(events) == .existing(ids))
        }
        #expect(test.store.tail == EventID(8))
    }

    @Test("What only looks like the retry of a transaction is refused whole, and said how it differs")
    func noRetry() throws {
        let test = try TestStore()
        #expect(test.transaction([event(1), .numbered(7)]) == .appended([1, 2]))
        #expect(test.append(event(2)) == .appended([3]))
        func refusal(_ events: [NewEvent]) -> String { self.refusal(test, events, transaction: true) }
        #expect(
            refusal([event(4), event(1)]).contains(
                "REUSED 1 the ID \(EventUUID.from(1)) is that of event 1; the ID \(EventUUID.from(4)) is new"
            )
        )
        #expect(refusal([event(1), .numbered(8)]).contains("beside it stands event 2, which differs"))
        #expect(refusal([.numbered(7), event(1)]).contains("no event stands beside"))
        #expect(refusal([event(2), .numbered(9)]).contains("differs"))
        #expect(refusal([event(1), .numbered(7), event(2), .numbered(9)]).contains("REUSED"))
        #expect(test.store.tail == EventID(3))
        // All of them are known, though they came one by one.
        #expect(test.transaction([event(1), event(2)]) == .existing([1, 3]))
        // With one among them that nothing identifies, they are a transaction or none.
        #expect(
            refusal([event(1), .numbered(7), event(2)]).contains("differs from this one in what it was appended with")
        )
    }

    @Test(
        "Equal events that were appended one by one are not taken for a transaction with an event that nothing identifies"
    )
    func neverATransaction() throws {
        for isSealed in [false, true] {
            let test = try TestStore()
            test.append([.numbered(6), event(1), .numbered(7)])
            test.transaction([.numbered(8), .numbered(6), event(2), .numbered(7)])
            if isSealed {
                try test.roll()
                _ = try test.store.compact()
            }
            #expect(test.transaction([event(1), .numbered(7)]) == .refused(.reused, [1 + 1]))
            #expect(test.transaction([.numbered(6), event(1)]) == .refused(.reused, [1 + 1]))
            // A part of a transaction is another one.
            #expect(test.transaction([.numbered(6), event(2), .numbered(7)]) == .refused(.reused, [6]))
            #expect(test.transaction([.numbered(8), .numbered(6), event(2), .numbered(7)]) == .existing([4, 5, 6, 7]))
            #expect(test.store.tail == EventID(7))
        }
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
