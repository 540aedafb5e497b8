// Owns: the promise that a reducer cannot tell whether it is given all of an event, or what it reads of it, in a table used before.

import Reducers
import Testing

@Suite struct EventUseTests {
    /// The same reducer, through a function that has the event in its hands: so that it is given whole ones.
    private static func wrapped(_ source: String) -> String {
        "local r = (function() \(source) end)() local f = r.reduce r.reduce = function(s, e) return f(s, e) end return r"
    }

    private static let long = #"{"a":null,"a":{"x":"last"},"long":""# + String(repeating: "l", count: 300) + "\"}"

    private static let events = [
        TestEvent(
            id: 1,
            data: #"{"a":1,"b":{"x":2,"y":[1,2]},"list":[1,{"z":null}],"status":"new"}"#,
            tags: ["t", "u"]
        ),
        TestEvent(id: 2, category: "other", type: "gone", data: long, nanoseconds: 1_524_000_000, uuid: "id-2"),
        TestEvent(id: 3, aggregate: "thing-2", data: "{}", metadata: #"{"by":"me","a":1}"#),
        TestEvent(id: 4, data: #"{"b":[],"\u0061":"escaped","status":7,"big":18446744073709551616}"#),
        TestEvent(id: 5, data: #"{"x":{"a":9},"y":[{"a":9}],"b":"text","list":{}}"#, tags: ["v"]),
    ]

    private static func outcome(_ source: String) -> Result<String, ReducerError> {
        do {
            let reducer = try Reducer(source)
            var states = ""
            for event in events {
                try reducer.reduce(event)
                states += try reducer.json + "\n"
            }
            return .success(states)
        } catch let error as ReducerError {
            return .failure(error)
        } catch {
            fatalError("\(error)")
        }
    }

    private static func reads(_ source: String) throws -> [ReducerEvent.Field] {
        let reducer = try Reducer(source)
        return ReducerEvent.Field.allCases.filter(reducer.reads)
    }

    /// The bodies of functions of a state and an event, and what they read: nil for all there is.
    private static let bodies: [(String, [ReducerEvent.Field]?)] = [
        ("state.n = (state.n or 0) + 1 return state", []),
        ("state[event.event_type] = event.aggregate_id return state", [.eventType, .aggregateID]),
        ("state.last = event.data.status return state", [.data]),
        ("state.a = event.data.a state.b = event.data.b state.v = event.version return state", [.data, .version]),
        ("state.list = event.data.list or state.list return state", [.data]),
        ("state.d = event.data return state", [.data]), ("local d = event.data state.d = d.a return state", [.data]),
        ("state.x = (event.data or {}).a return state", [.data]),
        ("state.x = (state.x or event.data).a return { x = state.x and { a = state.x } }", [.data]),
        ("for _, t in ipairs(event.tags) do state[t] = event.event_id end return state", [.eventID, .tags]),
        ("state.m = event.metadata and event.metadata.by state.id = event.id return state", [.id, .metadata]),
        ("state.t = event.timestamp - event.recorded_at return state", [.timestamp, .recordedAt]),
        ("state.none = event.nothing return state", []),
        ("if event.category == 'test' then return { c = event.category } end return state", [.category]),
        ("state.e = event return state", nil), ("state[1] = event.data state[2] = event return { n = 1 }", nil),
        ("for k, v in pairs(event) do state[k] = v end return state", nil),
        ("state.k = event['da' .. 'ta'] return state", nil), ("local e = event state.d = e.data return state", nil),
        ("local f = function() return event.data.a end state.a = f() return state", nil),
        ("local f = function() return function() return event.data.a end end state.a = f()() return state", nil),
        ("event.data.a = 5 state.a = event.data.a return state", [.data]),
        ("event.seen = true state.seen = event.seen return state", nil),
        ("event = { data = { a = 1 } } state.a = event.data.a return state", nil),
        ("return event", nil), ("return { event.event_type, event }", nil),
        ("state.n = #event return state", nil), ("state.j = json.encode(event) return state", nil),
        ("state.same = event == state.before state.before = nil return state", nil),
        ("state.t = type(event) return state", nil), ("if event then state.y = 1 end return state", nil),
        ("local x, y = event.data.a, event.data.b state.x, state.y = x, y return state", [.data]),
    ]

    @Test(arguments: bodies)
    func `Of an event a reducer has what it reads, and all where it may keep it; its state is the same`(
        body: String,
        fields: [ReducerEvent.Field]?
    ) throws {
        let source = "return { reduce = function(state, event) \(body) end }"
        #expect(try Self.reads(source) == fields ?? ReducerEvent.Field.allCases)
        #expect(try Self.reads(Self.wrapped(source)) == ReducerEvent.Field.allCases)
        #expect(Self.outcome(source) == Self.outcome(Self.wrapped(source)))
    }

    @Test func `A function of other parameters, or of any, is told apart`() throws {
        let all = ReducerEvent.Field.allCases
        #expect(try Self.reads("return { reduce = function(s) return s end }") == [])
        #expect(try Self.reads("return { reduce = function(...) local s, e = ... return s end }") == all)
        #expect(try Self.reads("return { reduce = function(s, e, none) s.n = none return s end }") == [])
        #expect(try Self.reads("return { reduce = function(s, e, ...) s.n = ... return s end }") == all)
    }

    @Test func `Of more fields of the data than are picked out, and of long names, all are there`() throws {
        let names = (0..<40).map { "field_\($0)" } + [String(repeating: "n", count: 41)]
        for count in [15, 16, 17, 40, 41] {
            let body = names.suffix(count).map { "state.\($0) = event.data.\($0)" }.joined(separator: " ")
            let reducer = try Reducer("return { reduce = function(state, event) \(body) return state end }")
            try reducer.reduce(TestEvent(data: "{" + names.map { "\"\($0)\":1" }.joined(separator: ",") + "}"))
            #expect(try reducer.json.matches(of: /:1/).count == count)
            try reducer.reduce(TestEvent(data: "{}"))
            #expect(try reducer.json == "{}")
        }
    }

    @Test func `What was large of one event leaves room for the next`() throws {
        var limits = ReducerLimits()
        limits.memoryBytes = 16 << 20
        let large = TestEvent(
            data: #"{"list":["# + [String](repeating: "0", count: 524_000).joined(separator: ",") + "]}"
        )
        for body in ["local d = event.data s.n = #d.list", "s.n = #event.data.list"] {
            let reducer = try Reducer("return { reduce = function(s, event) \(body) return s end }", limits: limits)
            for _ in 0..<4 { try reducer.reduce(large) }
            #expect(try reducer.json == #"{"n":524000}"#)
        }
    }

    private static let statements = [
        "state.a = event.data.a", "state.b = event.data.b", "state.c = event.data.a == event.data.b",
        "state.x = type(event.data.b) == 'table' and event.data.b.x or nil", "local d = event.data state.s = d.status",
        "state.l = state.l or {} state.l[#state.l + 1] = event.data.list or 0",
        "state.n = (state.n or 0) + event.event_id",
        "local f = function(e) return e.data end state.f = f(event).a", "state.tags = event.tags",
        "state.id = event.id",
        "local t = event.tags[1] if t then state[t] = event.data.status end", "state.m = event.metadata",
        "local g = function() return state end g().g = event.category",
        "do local event = { data = {} } state.o = event.data.a end",
        "if event.data.a == nil then goto out end state.seen = event.event_id ::out::", "state.e = event.data",
        "for i = 1, 2 do state['i' .. i] = event.data.a end", "while event.data.status == state.w do state.w = 0 end",
        "local ok, v = pcall(function() return event.data.b.y[1] end) state.ok = ok",
        "state.p = event.timestamp > 0 and event.event_type or event.aggregate_id",
    ]

    @Test(arguments: 0..<300)
    func `However what is read is put together, the state is the same`(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
        func choice(_ count: Int) -> Int {
            state = (state ^ state >> 29) &* 0xBF58_476D_1CE4_E5B9
            return Int((state >> 33) % UInt64(count))
        }
        let body = (0...choice(5)).map { _ in "do \(Self.statements[choice(Self.statements.count)]) end" }
        let source = "return { reduce = function(state, event) \(body.joined(separator: " ")) return state end }"
        #expect(Self.outcome(source) == Self.outcome(Self.wrapped(source)), "\(source)")
    }
}
