// Owns: the promises of appends whose lookups take long: they are answered as any, in the order of their owner's appends, and
// keep nobody else waiting.

import EventModel
import SegmentLog
import Synchronization
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct LookupTests {
    /// A store that has everything looked up elsewhere.
    private func store(_ configure: (inout StoreOptions) -> Void = { _ in }) throws -> TestStore {
        try TestStore {
            $0.lookups.unit = .zero
            configure(&$0)
        }
    }

    private func tagged(_ n: Int, _ tag: String) -> NewEvent {
        var event = NewEvent.numbered(n)
        event.tags = [tag]
        return event
    }

    private static let never = AppendCondition(alternatives: [Criteria(tags: ["even", "odd"])], after: .zero)

    /// Even and odd ones, of which none is both.
    private func fill(_ test: TestStore, _ count: Int) {
        for start in stride(from: 0, to: count, by: 1000) {
            test.append((start..<start + 1000).map { tagged($0, $0.isMultiple(of: 2) ? "even" : "odd") })
        }
    }

    @Test func `What is looked up elsewhere comes to the same`() throws {
        let test = try store()
        var (first, other) = (NewEvent.numbered(1), NewEvent.numbered(2))
        (first.identifier, other.identifier) = ("one", "one")
        let new = AppendCondition.unless(aggregate: "thing-1", after: 0)
        #expect(test.append(first, unless: new) == .appended([1]))
        #expect(test.append(first, unless: new) == .existing([1]))
        #expect(test.append(other) == .refused(.reused, [1]))
        #expect(test.append(.numbered(1), unless: new) == .refused(.conflict, [1]))
        #expect(test.append(.numbered(1), unless: .unless(aggregate: "thing-1", after: 1)) == .appended([2]))
        #expect(test.append(.numbered(1), unless: .unless(aggregate: "thing-1", after: 9)) == .refused(.position, [2]))
        #expect(test.transaction([first, .numbered(3)]) == .refused(.reused, [1]))
        #expect(test.transaction([.numbered(3), .numbered(4)], unless: Self.never) == .appended([3, 4]))
        #expect(test.transaction([first, first]) == .refused(.invalid, []))
    }

    @Test(arguments: [0, 1, 1000])
    func `An owner's appends keep their order, whatever is looked up between them`(microseconds: Int) throws {
        let test = try store { $0.lookups.unit = .microseconds(microseconds) }
        fill(test, 2000)
        for _ in 0..<5 {
            let base = test.store.tail.rawValue
            let answers = test.batch { batch in
                for n in 0..<60 {
                    let event = NewEvent.numbered(n)
                    switch n % 4 {
                    case 0: event.withParts { batch.append($0, unless: Self.never) }
                    case 1: event.withParts { batch.append($0) }
                    case 2: batch.append(Transaction([event, event], unless: Self.never))
                    default: batch.refuse(StoreError(.invalid, "no"), to: batch.sink)
                    }
                }
            }
            var next = base
            for (n, answer) in answers.enumerated() {
                let count: UInt64 = n % 4 == 2 ? 2 : n % 4 == 3 ? 0 : 1
                #expect(answer == (count == 0 ? .refused(.invalid, []) : .appended(Array(next + 1..<next + 1 + count))))
                next += count
            }
            #expect(answers.count == 60 && test.store.tail.rawValue == next)
        }
    }

    @Test func `What an owner has appended before counts for what it asks, though both are looked up elsewhere`() throws
    {
        let test = try store()
        func event(_ n: Int) -> NewEvent {
            var event = NewEvent.numbered(n)
            event.identifier = "event \(n)"
            return event
        }
        #expect(test.append(event(1)) == .appended([1]))
        let answers = test.batch { batch in
            event(2).withParts { batch.append($0) }
            batch.append(Transaction([event(1), event(2)]))
            NewEvent.numbered(3).withParts { batch.append($0, unless: .unless(aggregate: "thing-1", after: 1)) }
        }
        #expect(answers == [.appended([2]), .existing([1, 2]), .refused(.conflict, [2])])
    }

    @Test func `What comes while a lookup is under way stays behind it`() throws {
        let test = try TestStore { $0.lookups.slice = .microseconds(1) }
        fill(test, 20_000)
        let sink = WaitingSink()
        var ids: [UInt64] = []
        for n in 0..<20 {
            let batch = AppendBatch(sink: sink)
            NewEvent.numbered(n).withParts { batch.append($0, unless: n.isMultiple(of: 5) ? Self.never : nil) }
            #expect(test.store.submit(batch))
            // Somebody else's are not held up by it, and what the condition is to look through grows.
            test.append(.numbered(n))
        }
        for settled in sink.wait(for: 20) {
            guard case .appended(let first) = settled.outcome else {
                Issue.record("\(settled.outcome)")
                continue
            }
            ids.append(first.rawValue)
        }
        #expect(ids == ids.sorted() && Set(ids).count == 20)
    }

    @Test func `A condition that has to look through everything keeps no other append waiting`() throws {
        let test = try TestStore()
        fill(test, 100_000)
        let (slow, quick) = (WaitingSink(), WaitingSink())
        let one = AppendBatch(sink: slow)
        NewEvent.numbered(1).withParts { one.append($0, unless: Self.never) }
        #expect(test.store.submit(one))
        let other = AppendBatch(sink: quick)
        NewEvent.numbered(2).withParts { other.append($0, unless: .unless(aggregate: "nobody", after: 0)) }
        #expect(test.store.submit(other))
        guard case .appended(let first)? = quick.wait(for: 1).first?.outcome,
            case .appended(let second)? = slow.wait(for: 1).first?.outcome
        else {
            Issue.record("not let in")
            return
        }
        #expect(first < second)
    }

    @Test func `However many conditions one user has looked up, another's is answered as if there were one`() throws {
        let test = try store()
        fill(test, 20_000)
        func submit(to sink: WaitingSink) {
            let batch = AppendBatch(sink: sink)
            NewEvent.numbered(1).withParts { batch.append($0, unless: Self.never) }
            #expect(test.store.submit(batch))
        }
        // Each of another connection, for those of one wait for each other.
        let greedy = (0..<50).map { _ in WaitingSink(user: 1) }
        for sink in greedy { submit(to: sink) }
        let other = WaitingSink(user: 2)
        submit(to: other)
        #expect(other.wait(for: 1).count == 1)
        #expect(greedy.count { !$0.soFar.isEmpty } < 25)
        for sink in greedy { #expect(sink.wait(for: 1).count == 1) }
    }

    @Test func `A conflict that comes while the rest is looked up is found`() throws {
        let test = try TestStore()
        fill(test, 50_000)
        let sink = WaitingSink()
        let batch = AppendBatch(sink: sink)
        NewEvent.numbered(1).withParts { batch.append($0, unless: Self.never) }
        #expect(test.store.submit(batch))
        var both = NewEvent.numbered(2)
        both.tags = ["odd", "even"]
        #expect(test.append(both) == .appended([50_001]))
        guard case .refused(let error)? = sink.wait(for: 1).first?.outcome else {
            Issue.record("it was let in")
            return
        }
        #expect(error.code == .conflict && error.ids == [EventID(50_001)])
    }

    @Test func `A lookup that takes too long is refused, and one that nobody waits for ends`() throws {
        let test = try store { $0.lookups.whole = .zero }
        fill(test, 1000)
        #expect(test.append(.numbered(1), unless: Self.never) == .refused(.budget, []))
        try test.restart { $0.lookups.whole = .seconds(3600) }
        let sink = WaitingSink()
        sink.work.end(.cancelled)
        let batch = AppendBatch(sink: sink)
        NewEvent.numbered(1).withParts { batch.append($0, unless: Self.never) }
        #expect(test.store.submit(batch))
        guard case .refused(let error)? = sink.wait(for: 1).first?.outcome else {
            Issue.record("it was let in")
            return
        }
        #expect(error.code == .other && test.store.tail == EventID(1000))
    }

    @Test(arguments: [true, false])
    func `A condition looks at so many blocks, on the writer and beside it, and says how to go on`(onWriter: Bool)
        throws
    {
        let test = try TestStore {
            $0.lookups.blocks = 3
            $0.lookups.unit = onWriter ? .seconds(60) : .zero
            $0.lookups.turn = .seconds(60)
        }
        fill(test, 6000)
        var refusals: [String] = []
        for condition in [Self.never, .unless(tags: ["odd", "even"], after: 3000)] {
            let sink = WaitingSink()
            let batch = AppendBatch(sink: sink)
            NewEvent.numbered(1).withParts { batch.append($0, unless: condition) }
            #expect(test.store.submit(batch))
            guard case .refused(let error)? = sink.wait(for: 1).first?.outcome else { continue }
            #expect(error.code == .budget)
            refusals.append(error.description)
        }
        #expect(
            refusals.count == 2
                && refusals.allSatisfy { $0.contains("more than 3 blocks") && $0.contains("a later AFTER") }
        )
        // A later position, a name that fewer share, what is found at once, and an identifier, wherever it is.
        #expect(test.append(.numbered(1), unless: .unless(tags: ["odd", "even"], after: 5990)) == .appended([6001]))
        #expect(test.append(.numbered(1), unless: .unless(tags: ["odd", "none"], after: 0)) == .appended([6002]))
        #expect(test.append(.numbered(1), unless: .unless(tags: ["odd"], after: 0)) == .refused(.conflict, [6000]))
        var known = NewEvent.numbered(1)
        known.identifier = "known"
        #expect(test.append(known) == .appended([6003]))
        fill(test, 6000)
        #expect(test.append(known) == .existing([6003]))
    }

    @Test func `The conditions of a transaction have a bound together, and one that is repeated counts once`() throws {
        let test = try TestStore()
        func condition(_ from: Int) -> AppendCondition {
            AppendCondition(alternatives: (from..<from + 1024).map { Criteria(tags: ["t\($0)"]) }, after: .zero)
        }
        func transaction(_ conditions: [AppendCondition]) -> Answer {
            test.batch { batch in
                var transaction = Transaction()
                for (n, condition) in conditions.enumerated() {
                    NewEvent.numbered(n).withParts { transaction.append($0, unless: condition) }
                }
                batch.append(transaction)
            }[0]
        }
        #expect(transaction((0..<5).map { condition($0 * 1024) }) == .refused(.tooBig, []))
        #expect(transaction((0..<4).map { condition($0 * 1024) }) == .appended([1, 2, 3, 4]))
        #expect(transaction(Array(repeating: condition(0), count: 6)) == .appended([5, 6, 7, 8, 9, 10]))
        var (composed, decomposed) = (condition(0), condition(0))
        composed.alternatives[0] = Criteria(tags: ["\u{e9}"])
        decomposed.alternatives[0] = Criteria(tags: ["e\u{301}"])
        // Equal to Unicode, and two names to the store.
        #expect(test.append(tagged(1, "e\u{301}")) == .appended([11]))
        #expect(transaction([composed, decomposed]) == .refused(.conflict, [11]))
    }

    @Test func `To compare a retry with what is there is done a slice at a time`() throws {
        let test = try TestStore()
        let events = (0..<300).map { n in
            var event = NewEvent.numbered(n)
            event.identifier = "event \(n)"
            return event
        }
        guard case .appended(let ids) = test.transaction(events) else {
            Issue.record("not appended")
            return
        }
        var limits = LookupLimits()
        limits.slice = .zero
        let sink = WaitingSink()
        let batch = AppendBatch(sink: sink)
        batch.append(Transaction(events))
        var slices = 1
        while !batch.lookUp(in: test.store.log, for: limits) { slices += 1 }
        guard case .existing(let found)? = batch.units[0].outcome else {
            Issue.record("\(String(describing: batch.units[0].outcome))")
            return
        }
        // One for each identifier, and one for some comparisons.
        #expect(found.map(\.rawValue) == ids && slices >= 304)
    }

    @Test func `A turn for which the writer's role is borrowed has less time for lookups`() throws {
        let test = try TestStore { $0.lookups.borrowedTurn = .zero }
        for n in 0..<20 { test.append(.numbered(n)) }
        let sink = WaitingSink()
        let isBorrowed = eventually {
            let plain = AppendBatch(sink: sink)
            NewEvent.numbered(1).withParts { plain.append($0) }
            guard test.store.commitAlone(plain) else {
                test.append(.numbered(1))
                return false
            }
            return true
        }
        #expect(isBorrowed)
        let tail = test.store.tail.rawValue
        let batch = AppendBatch(sink: sink)
        NewEvent.numbered(1).withParts { batch.append($0, unless: .unless(aggregate: "nobody", after: 0)) }
        #expect(test.store.commitAlone(batch))
        try #require(batch.units[0].isMoved)
        guard case .appended(let id)? = sink.wait(for: 1).first?.outcome else {
            Issue.record("not let in")
            return
        }
        #expect(id == EventID(tail + 1))
    }

    @Test func `Where a turn has hardly any time for lookups, all are answered all the same`() throws {
        let test = try TestStore { $0.lookups.turn = .nanoseconds(1) }
        let answers = test.batch { batch in
            for n in 0..<200 {
                NewEvent.numbered(n).withParts { batch.append($0, unless: .unless(aggregate: "nobody", after: 0)) }
            }
        }
        #expect(answers == (1...200).map { .appended([$0]) })
    }

    @Test func `A store that closes answers what waits`() throws {
        let test = try TestStore { $0.lookups.slice = .microseconds(1) }
        fill(test, 20_000)
        let sink = WaitingSink()
        for n in 0..<50 {
            let batch = AppendBatch(sink: sink)
            NewEvent.numbered(n).withParts { batch.append($0, unless: n.isMultiple(of: 3) ? Self.never : nil) }
            #expect(test.store.submit(batch))
        }
        test.close()
        #expect(sink.soFar.reduce(0) { $0 + $1.records } == 50)
    }

    @Test func `A transaction of many identifiers is looked up elsewhere, and so is its retry, while others append`()
        throws
    {
        let test = try TestStore()
        let events = (0..<2000).map { n in
            var event = NewEvent.numbered(n)
            event.identifier = "event \(n)"
            return event
        }
        let isDone = Atomic(false)
        let others = NamedThread("others") {
            while !isDone.load(ordering: .relaxed) { test.append(.numbered(1)) }
        }
        defer {
            isDone.store(true, ordering: .relaxed)
            others.join()
        }
        guard case .appended(let ids) = test.transaction(events) else {
            Issue.record("not appended")
            return
        }
        #expect(test.transaction(events) == .existing(ids))
        #expect(test.transaction(events.reversed()) == .existing(ids.reversed()))
        var other = events
        other[1999].eventType = "other"
        #expect(test.transaction(other) == .refused(.reused, [ids[1999]]))
    }

    @Test func `A scan that goes backwards ends at its bound, and one that goes forwards too`() throws {
        let test = try TestStore()
        for n in 0..<20 {
            test.append(.numbered(n))
            try test.roll()
        }
        for reversed in [false, true] {
            // It asks at each segment whether to go on.
            let asked = Mutex(0)
            let work = Work(endingWhen: {
                asked.withLock { $0 += 1 }
                return nil
            })
            let keys = KeyExpression(alternatives: [[[Array("anone".utf8)]]])
            let (after, through) = reversed ? (RecordID(18), RecordID(20)) : (RecordID(0), RecordID(2))
            let query = LogQuery(keys: keys, after: after, through: through, reversed: reversed)
            var scan = LogScan(test.store.log.view, query, for: work)
            #expect(try scan.next() == nil)
            #expect(asked.withLock { $0 } <= 8)
        }
    }
}
