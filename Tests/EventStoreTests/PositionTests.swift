// Owns: the promises about positions: one that this store has never come to is an error everywhere, and never an empty answer.

import EventModel
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct PositionTests {
    private func threeEvents() throws -> TestStore {
        let test = try TestStore(reducers: ["c": "return { reduce = function(s, e) s.n = (s.n or 0) + 1 return s end }"]
        )
        test.append((1...3).map { .numbered($0) })
        return test
    }

    /// Whether it is refused with the tail as it is.
    private func isRefused(_ body: () throws -> Any) -> Bool {
        do {
            _ = try body()
            return false
        } catch {
            let error = error as? StoreError
            return error?.code == .position && error?.ids == [EventID(3)]
        }
    }

    @Test("A position beyond the tail is an error in every question", arguments: [4, 1 << 32, UInt64.max - 1, .max])
    func beyond(id: UInt64) throws {
        let test = try threeEvents()
        let (store, beyond) = (test.store, EventID(id))
        for filter in [Filter(after: beyond), Filter(asOf: .id(beyond))] {
            #expect(isRefused { try store.read(filter, count: 1) })
            #expect(isRefused { try store.read(filter, count: 1, reversed: true) })
            #expect(isRefused { try store.count(filter) })
            #expect(isRefused { try store.fold(.named("c"), filter) })
            #expect(isRefused { try store.subscribe(filter, sink: RecordingSink()) })
        }
        #expect(isRefused { try store.state(of: "thing-1", reducer: "c", asOf: .id(beyond)) })
        #expect(isRefused { try store.projection("c", asOf: .id(beyond)) })
        #expect(isRefused { try store.blocks(after: beyond, byteLimit: 1) })
    }

    @Test("Before the event that comes next is as far as BEFORE goes")
    func before() throws {
        let store = try threeEvents().store
        #expect(try store.count(Filter(before: EventID(4))) == 3)
        #expect(try store.count(Filter(before: .zero)) == 0)
        for id in [5, UInt64.max] {
            #expect(isRefused { try store.count(Filter(before: EventID(id))) })
        }
    }

    @Test("The tail itself, and zero, are positions")
    func atTheTail() throws {
        let test = try threeEvents()
        #expect(try test.store.count(Filter(after: EventID(3))) == 0)
        #expect(try test.store.count(Filter(asOf: .id(EventID(3)))) == 3)
        #expect(try test.store.count(Filter(asOf: .id(.zero))) == 0)
        let empty = try TestStore()
        #expect(try empty.store.read(Filter(after: .zero), count: 1).isEmpty)
    }

    @Test("A condition beyond what is appended before it is refused, and appends nothing")
    func conditions() throws {
        let test = try threeEvents()
        #expect(test.append(.numbered(4), unless: .unless(aggregate: "x", after: 4)) == .refused(.position, [3]))
        #expect(test.append(.numbered(4), unless: .unless(aggregate: "x", after: .max)) == .refused(.position, [3]))
        #expect(test.transaction([.numbered(4)], unless: .unless(tags: ["t"], after: 9)) == .refused(.position, [3]))
        // In one batch the later condition may speak of the earlier append.
        let answers = test.batch { batch in
            NewEvent.numbered(4).withParts { batch.append($0) }
            NewEvent.numbered(5).withParts { batch.append($0, unless: .unless(aggregate: "x", after: 4)) }
            NewEvent.numbered(6).withParts { batch.append($0, unless: .unless(aggregate: "x", after: 6)) }
        }
        #expect(answers == [.appended([4]), .appended([5]), .refused(.position, [5])])
    }

    @Test("A position of another store is an error that names both")
    func otherStore() throws {
        let (one, other) = (try threeEvents(), try TestStore())
        #expect(throws: Never.self) { try one.store.check(one.store.uuid) }
        #expect(throws: Never.self) { try one.store.check(nil) }
        #expect(isRefused { try one.store.check(other.store.uuid) })
    }

    @Test("A subscription as of a moment to come gets what is committed until then, and nothing after it")
    func momentToCome() throws {
        let test = try threeEvents()
        let sink = RecordingSink()
        _ = try test.store.subscribe(
            Filter(asOf: .time(test.clock.storeClock.now().advanced(seconds: 60))),
            sink: sink
        )
        #expect(sink.wait(for: 3))
        test.clock.advance(seconds: 30)
        test.append(.numbered(4))
        #expect(sink.wait(for: 4))
        test.clock.advance(seconds: 30)
        test.append(.numbered(5))
        #expect(sink.wait(for: 5))
        test.clock.advance(seconds: 1)
        test.append((6...8).map { .numbered($0) })
        let later = RecordingSink()
        _ = try test.store.subscribe(.all, sink: later)
        #expect(later.wait(for: 8))
        #expect(sink.events.map(\.id.rawValue) == [1, 2, 3, 4, 5])
    }

    @Test("BEFORE and a moment to come bound a subscription together")
    func bothBounds() throws {
        let test = try threeEvents()
        let sink = RecordingSink()
        let filter = Filter(before: EventID(3), asOf: .time(test.clock.storeClock.now().advanced(seconds: 60)))
        _ = try test.store.subscribe(filter, sink: sink)
        #expect(sink.wait(for: 2))
        test.append((4...6).map { .numbered($0) })
        let later = RecordingSink()
        _ = try test.store.subscribe(.all, sink: later)
        #expect(later.wait(for: 6))
        #expect(sink.events.count == 2)
    }
}

extension Timestamp {
    fileprivate func advanced(seconds: Int64) -> Timestamp {
        Timestamp(nanoseconds: nanoseconds + seconds * 1_000_000_000)
    }
}
