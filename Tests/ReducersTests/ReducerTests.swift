// A reducer's life: loading, what it sees of an event, failing, and going on after that.

import Reducers
import Testing

@Suite("Reducer")
struct ReducerTests {
    @Test(
        "A source that is no reducer is refused with the reason",
        arguments: [
            ("return {", "syntax", "test.lua:1"), ("return 5", "invalid", "returns a number"),
            ("", "invalid", "returns a nil"), ("return {}", "invalid", "reduce is a nil"),
            ("return { reduce = 1 }", "invalid", "reduce is a number"), ("error('boo')", "fault", "test.lua:1: boo"),
            ("return { reduce = function() end, intial = 1 }", "invalid", "unknown field 'intial'"),
            ("return { reduce = function() end, initial = {} }", "invalid", "initial is a table"),
            ("return { reduce = function() end, events = 'x' }", "invalid", "events is a string"),
            ("return { reduce = function() end, events = { kind = 'x' } }", "invalid", "unknown field 'kind'"),
            ("return { reduce = function() end, events = { type = {} } }", "invalid", "events.type is an empty list"),
            ("return { reduce = function() end, events = { tag = { 1 } } }", "invalid", "events.tag holds"),
            ("return { reduce = function() end, events = { tag = 1 } }", "invalid", "events.tag is neither"),
            (
                "return { reduce = function() end, events = { tag = ('x'):rep(256) } }", "invalid",
                "test: events.tag holds a name of 256 bytes: 255 are the most"
            ),
            (
                "return { reduce = function() end, events = { type = { 'a', ('x'):rep(1 << 20) } } }", "invalid",
                "test: events.type holds a name of 1048576 bytes: 255 are the most"
            ),
            (
                "local t = {} for i = 1, 1001 do t[i] = 'x' end return { events = { tag = t }, "
                    + "reduce = function() end }", "invalid", "test: events.tag holds 1001 names: 1000 are the most"
            ),
            ("return { reduce = function() end, initial = function() end }", "fault", "initial returned nothing"),
        ]
    )
    func refused(text: String, kind: String, message: String) {
        let error = #expect(throws: ReducerError.self) { try Reducer(text) }
        #expect(error?.kind == kind)
        #expect(error?.description.contains(message) == true)
    }

    @Test("The selection is what the source says, a string or a list")
    func selection() throws {
        let reducer = try Reducer(
            "return { reduce = function() end, events = { category = 'a', type = { 'b', 'c' }, tag = { 'd' } } }"
        )
        #expect(reducer.selection == ReducerSelection(categories: ["a"], types: ["b", "c"], tags: ["d"]))
        #expect(try Reducer("return { reduce = function() end }").selection == ReducerSelection())
    }

    @Test("A reducer sees every field of an event, and nil for what is absent")
    func fields() throws {
        let copy =
            "state = event state.metadata = event.metadata or 'absent' state.id = event.id or 'absent' return state"
        let reducer = try Reducer("return { reduce = function(state, event) \(copy) end }")
        var event = TestEvent(
            id: 7,
            category: "order",
            type: "created",
            aggregate: "order-1",
            data: #"{"a":[]}"#,
            nanoseconds: 1_700_000_000_250_000_000
        )
        try reducer.reduce(event)
        let common =
            #""aggregate_id":"order-1","category":"order","data":{"a":[]},"event_id":7,"event_type":"created","#
        let times = #""recorded_at":1700000000.25,"tags":"#
        #expect(
            try reducer.json == "{" + common + #""id":"absent","metadata":"absent","# + times
                + #"[],"timestamp":1700000000.25,"version":1}"#
        )
        event.uuid = "0190"
        event.tags = ["x", "yé"]
        event.metadata = #"{"by":null}"#
        try reducer.reduce(event)
        #expect(
            try reducer.json == "{" + common + #""id":"0190","metadata":{"by":null},"# + times
                + #"["x","yé"],"timestamp":1700000000.25,"version":1}"#
        )
    }

    @Test(
        "Times are the nearest float to the decimal seconds",
        arguments: [
            (0, "0.0"), (5_000_000_000, "5.0"), (1_700_000_000_100_000_000, "1700000000.1"), (-500_000_000, "-0.5"),
            (1, "1e-09"),
        ] as [(Int64, String)]
    )
    func times(nanoseconds: Int64, json: String) throws {
        let reducer = try Reducer("return { reduce = function(state, event) return event.timestamp end }")
        try reducer.reduce(TestEvent(nanoseconds: nanoseconds))
        #expect(try reducer.json == json)
    }

    @Test("A fault names file and line")
    func faultNamesLine() throws {
        let reducer = try Reducer("return {\n reduce = function(s, e)\n  return e.data.a.b\n end }", name: "orders")
        let error = #expect(throws: ReducerError.self) { try reducer.reduce() }
        #expect(error?.kind == "fault")
        #expect(error?.description.hasPrefix("orders.lua:3: attempt to index a nil value") == true)
    }

    @Test("After a fault every call throws the same, until reset or restore")
    func faultSticks() throws {
        let reducer = try Reducer(
            "return { reduce = function(s, e) s.n = (s.n or 0) + 1 if e.data.bad then error('bad event') end return s end }"
        )
        try reducer.reduce()
        let saved = try reducer.stateJSON()
        let first = #expect(throws: ReducerError.self) { try reducer.reduce(TestEvent(data: #"{"bad":true}"#)) }
        #expect(#expect(throws: ReducerError.self) { try reducer.reduce() } == first)
        #expect(#expect(throws: ReducerError.self) { try reducer.stateJSON() } == first)
        #expect(reducer.eventsProcessed == 1)
        try reducer.restore(stateJSON: saved, eventsProcessed: 1)
        try reducer.reduce()
        #expect(try reducer.json == #"{"n":2}"#)
        #expect(throws: ReducerError.self) { try reducer.reduce(TestEvent(data: #"{"bad":true}"#)) }
        try reducer.reset()
        #expect(try reducer.json == "{}")
    }

    @Test("A reducer goes on after running out of memory once it is reset")
    func resetAfterMemory() throws {
        let reducer = try Reducer(
            "return { reduce = function(s, e) s.x = string.rep('x', e.data.n) return s end }",
            limits: ReducerLimits(memoryBytes: 1 << 20)
        )
        #expect(throws: ReducerError.self) { try reducer.reduce(TestEvent(data: #"{"n":9000000}"#)) }
        try reducer.reset()
        try reducer.reduce(TestEvent(data: #"{"n":3}"#))
        #expect(try reducer.json == #"{"x":"xxx"}"#)
    }

    @Test("An error that is not a text is still an error")
    func errorValues() throws {
        #expect(try error(after: "error({})") == .fault("test: the error is a table, not a text"))
        #expect(try error(after: "error()").kind == "fault")
        #expect(try error(after: "error(nil)").kind == "fault")
    }

    @Test("An error the reducer catches is its own affair")
    func caught() throws {
        #expect(try value(of: "{ pcall(error, 'x', 0) }") == #"[false,"x"]"#)
        #expect(try value(of: "{ pcall(function(...) return ... end, 1, 2) }") == "[true,1,2]")
    }

    @Test("A content hash names the text alone, as 32 digits that read back")
    func contentHash() throws {
        let a = ReducerSource(name: "a", text: Array("return 1".utf8)).contentHash
        #expect(a == ReducerSource(name: "b", text: Array("return 1".utf8)).contentHash)
        #expect(a != ReducerSource(name: "a", text: Array("return 2".utf8)).contentHash)
        #expect(a.description.count == 32)
        #expect(ContentHash(a.description) == a)
        #expect(ContentHash("+" + a.description.dropFirst()) == nil)
        #expect(ContentHash("12") == nil)
    }

    @Test("A reducer may move from thread to thread")
    func moves() async throws {
        nonisolated(unsafe) let reducer = try Reducer(
            "return { reduce = function(s) s.n = (s.n or 0) + 1 return s end }"
        )
        for _ in 0..<20 { try await Task.detached { try reducer.reduce() }.value }
        #expect(try reducer.json == #"{"n":20}"#)
    }
}
