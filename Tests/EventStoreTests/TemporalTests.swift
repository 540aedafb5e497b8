// Owns: the promises of temporal queries: the state of anything at a moment, by what had happened and by what was known.

import EventModel
import Reducers
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct TemporalTests {
    /// Collects the numbers it is given, in order.
    static let numbers = """
        return { initial = function() return { seen = json.array({}) } end,
          reduce = function(state, event) table.insert(state.seen, event.data.n) return state end }
        """

    private func store() throws -> TestStore {
        try TestStore(reducers: ["numbers": Self.numbers], live: false)
    }

    private func state(_ test: TestStore, at: Int64? = nil, asOf: AsOf? = nil) throws -> String {
        try test.store.state(
            of: "thing-1",
            reducer: "numbers",
            at: at.map { Timestamp(seconds: $0) },
            asOf: asOf
        ).json
    }

    @Test("AT counts what had happened by then, inclusive, in the order of the log")
    func at() throws {
        let test = try store()
        test.append([
            .numbered(1, at: 10), .numbered(2, at: 30), .numbered(3, at: 20), .numbered(4, at: 20),
            .numbered(5, aggregate: "other", at: 15),
        ])
        #expect(try state(test, at: 9) == #"{"seen":[]}"#)
        #expect(try state(test, at: 10) == #"{"seen":[1]}"#)
        #expect(try state(test, at: 20) == #"{"seen":[1,3,4]}"#)
        #expect(try state(test, at: 30) == #"{"seen":[1,2,3,4]}"#)
        #expect(try state(test) == #"{"seen":[1,2,3,4]}"#)
    }

    @Test("A moment before the first event, and an unknown aggregate, are the initial state of nothing processed")
    func nothing() throws {
        let test = try store()
        test.append(.numbered(1, at: 10))
        let before = try test.store.state(of: "thing-1", reducer: "numbers", at: Timestamp(seconds: 9))
        #expect(before.eventsProcessed == 0)
        #expect(before.lastEvent == nil)
        #expect(before.json == #"{"seen":[]}"#)
        let unknown = try test.store.state(of: "nobody", reducer: "numbers")
        #expect(unknown.eventsProcessed == 0)
        #expect(unknown.lastEvent == nil)
    }

    @Test("events_processed and event_id tell what the state is made of")
    func position() throws {
        let test = try store()
        test.append([.numbered(1), .numbered(2, aggregate: "other"), .numbered(3), .numbered(4, aggregate: "other")])
        let state = try test.store.state(of: "thing-1", reducer: "numbers")
        #expect(state.eventsProcessed == 2)
        #expect(state.lastEvent == EventID(3))
    }

    @Test("ASOF leaves out what was recorded later, and composes with AT")
    func asOf() throws {
        let test = try store()
        test.append([.numbered(1, at: 10), .numbered(2, at: 30)])
        test.clock.advance(seconds: 100)
        test.append(.numbered(3, at: 20))
        #expect(try state(test, asOf: .id(EventID(2))) == #"{"seen":[1,2]}"#)
        #expect(try state(test, at: 20, asOf: .id(EventID(2))) == #"{"seen":[1]}"#)
        #expect(try state(test, at: 20) == #"{"seen":[1,3]}"#)
        #expect(try state(test, asOf: .time(Timestamp(seconds: 1099))) == #"{"seen":[1,2]}"#)
        #expect(try state(test, asOf: .time(Timestamp(seconds: 1100))) == #"{"seen":[1,2,3]}"#)
        #expect(try state(test, asOf: .time(Timestamp(seconds: 999))) == #"{"seen":[]}"#)
        #expect(try state(test, asOf: .id(.zero)) == #"{"seen":[]}"#)
    }

    @Test("An unknown reducer is NOTFOUND, and the error says which there are")
    func unknownReducer() throws {
        let test = try store()
        let error = try #require(throws: StoreError.self) { try test.store.state(of: "thing-1", reducer: "numbrs") }
        #expect(error.code == .notFound)
        #expect(error.message.contains("numbrs") && error.message.contains("numbers"))
    }

    @Test("A fold goes over any filter, with a reducer by name or by source")
    func fold() throws {
        let test = try store()
        test.append([.numbered(1), .numbered(2, type: "changed"), .numbered(3, aggregate: "thing-2", type: "changed")])
        let filter = Filter(alternatives: [Criteria(types: ["changed"])])
        #expect(try test.store.fold(.named("numbers"), filter).json == #"{"seen":[2,3]}"#)
        let source = ReducerChoice.source(
            Array("return { reduce = function(s, e) s.last = e.event_id return s end }".utf8)
        )
        #expect(try test.store.fold(source, filter).json == #"{"last":3}"#)
        #expect(try test.store.fold(source, Filter(after: EventID(3))).json == "{}")
    }

    @Test("Source with a mistake in it, or that runs for ever, is an error of its own query")
    func faults() throws {
        let test = try store()
        test.append(.numbered(1))
        func error(_ text: String) throws -> StoreError {
            try #require(throws: StoreError.self) { try test.store.fold(.source(Array(text.utf8)), .all) }
        }
        #expect(try error("return {").code == .other)
        let endless = try error("return { reduce = function(s, e) while true do end end }")
        #expect(endless.code == .budget)
        #expect(endless.message.contains("stopped after \(test.store.options.sourceLimits.instructionsPerEvent) "))
        #expect(test.store.options.sourceLimits.instructionsPerEvent < ReducerLimits().instructionsPerEvent)
        let fault = try error("return { reduce = function(s, e) return s.a.b end }")
        #expect(fault.message.contains("at event 1"), "\(fault)")
        #expect(try state(test) == #"{"seen":[1]}"#)
    }

    @Test("A reducer's own selection narrows the filter")
    func selection() throws {
        let test = try TestStore(
            reducers: [
                "changed": """
                return { events = { type = "changed" },
                  reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }
                """
            ],
            live: false
        )
        test.append([.numbered(1), .numbered(2, type: "changed"), .numbered(3, aggregate: "b", type: "changed")])
        #expect(try test.store.state(of: "thing-1", reducer: "changed").json == #"{"count":1}"#)
        #expect(try test.store.fold(.named("changed"), .all).json == #"{"count":2}"#)
        #expect(
            try test.store.fold(.named("changed"), Filter(alternatives: [Criteria(types: ["happened"])])).json == "{}"
        )
    }

    @Test("An integer beyond 64 bits in the data reaches the reducer, and reading gives its bytes")
    func bigIntegers() throws {
        let test = try TestStore()
        let data = #"{"n":123456789012345678901234567890,"m":-9223372036854775808}"#
        test.append(NewEvent(category: "c", aggregateID: "a", eventType: "t", data: Array(data.utf8)))
        let source = Array("return { reduce = function(s, e) return { m = e.data.m, n = e.data.n ~= nil } end }".utf8)
        #expect(try test.store.fold(.source(source), .all).json == #"{"m":-9223372036854775808,"n":true}"#)
        #expect(try test.all().map { String(decoding: $0.data, as: UTF8.self) } == [data])
    }
}
