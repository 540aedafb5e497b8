// What a state may be, how it is printed, and what is refused because it would not come back the same.

import Reducers
import Testing

@Suite("State")
struct StateTests {
    @Test(
        "Values are printed one way",
        arguments: [
            ("1", "1"), ("-0", "0"), ("9223372036854775807", "9223372036854775807"), ("1.0", "1.0"), ("-0.0", "-0.0"),
            ("0.1", "0.1"), ("1/3", "0.3333333333333333"), ("49.99", "49.99"), ("1e15", "1000000000000000.0"),
            ("1e16", "1e+16"), ("1e22", "1e+22"), ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("0.00001", "0.00001"), ("1e-7", "1e-07"), ("2^53", "9007199254740992.0"), ("10 // 3", "3"),
            ("10 / 2", "5.0"),
            ("true", "true"), ("json.null", "null"), ("{}", "{}"), ("json.array()", "[]"), ("{1,2,{3}}", "[1,2,[3]]"),
            ("{b=1,a=2,['']=3}", #"{"":3,"a":2,"b":1}"#),
            ("'\\\\\\\"\\n\\t\\0\\31\\127/é'", #""\\\"\n\t\u0000\u001f\#u{7F}/é""#),
            ("json.array{1}", "[1]"), ("{{}}", "[{}]"),
        ]
    )
    func printed(expression: String, json: String) throws {
        #expect(try value(of: expression) == json)
    }

    @Test(
        "Event data comes through unchanged",
        arguments: [
            "[]", "{}", "[[],{}]", "null", "[null]", "9223372036854775807", "1.0", "1e+22", #""é\u0000""#, "false",
            #"{"a":[],"b":{"c":[{"d":null}]}}"#, "-9223372036854775808",
        ]
    )
    func throughData(json: String) throws {
        #expect(try value(of: "event.data.x", data: #"{"x":\#(json)}"#) == json)
    }

    @Test("An integer beyond 64 bits is a float")
    func wideIntegers() throws {
        #expect(try value(of: "event.data.x", data: #"{"x":18446744073709551615}"#) == "1.8446744073709552e+19")
        #expect(
            try value(of: "event.data.x", data: #"{"x":123456789012345678901234567890}"#) == "1.2345678901234568e+29"
        )
    }

    @Test("Every float reads back as the same float")
    func floats() throws {
        let reducer = try Reducer("return { reduce = function(state, event) return event.data.x end }")
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<5000 {
            let float = Double(bitPattern: generator.next())
            guard float.isFinite else { continue }
            try reducer.reduce(TestEvent(data: #"{"x":\#(float)}"#))
            let json = try reducer.json
            #expect(Double(json)?.bitPattern == float.bitPattern, "\(float) became \(json)")
            try reducer.restore(stateJSON: Array(json.utf8), eventsProcessed: 1)
            #expect(try reducer.json == json)
        }
    }

    @Test("Of a key that comes twice the last value counts")
    func duplicateKeys() throws {
        #expect(try value(of: "event.data", data: #"{"a":1,"a":2}"#) == #"{"a":2}"#)
    }

    @Test("json.encode and json.decode are each other's inverse")
    func jsonLibrary() throws {
        #expect(
            try value(of: #"json.decode(json.encode(json.decode('{"a":[],"b":[1,2.5,null],"c":{}}')))"#)
                == #"{"a":[],"b":[1,2.5,null],"c":{}}"#
        )
        #expect(try value(of: "pcall(json.decode, '[1,]')") == "false")
        #expect(try error(after: "json.decode('[1,]')").description == "test.lua:1: json.decode: not valid JSON")
    }

    @Test(
        "What JSON cannot hold is refused by the name of its place",
        arguments: [
            ("{ a = { b = 0/0 } }", "state.a.b is not a number: JSON has no such number"),
            ("{ a = { 1, 1/0 } }", "state.a[2] is infinite: JSON has no such number"),
            ("{ a = function() end }", "state.a is a function: JSON has no such value"),
            ("{ ['a b'] = '\\xff' }", #"state["a b"] is not valid UTF-8"#),
            ("{ a = { ['\\xff'] = 1 } }", "is not valid UTF-8"),
            ("{ a = { 1, x = 2 } }", "state.a is a list that also has strings as keys"),
            ("{ a = { [1] = 1, [3] = 3 } }", "state.a has integers as keys, but not 1 to n"),
            ("{ [42] = 1 }", "state has integers as keys, but not 1 to n"),
            ("{ [2.5] = 1 }", "state has a number as a key: keys must be strings"),
            ("{ [true] = 1 }", "state has a boolean as a key: keys must be strings"),
            (
                "(function() local a = json.array() a.x = 1 return a end)()",
                "state is a list that also has strings as keys"
            ),
        ]
    )
    func refused(expression: String, message: String) throws {
        let error = try error(after: "return \(expression)")
        #expect(error.kind == "state")
        #expect(error.description.contains(message))
    }

    @Test("The same table in two places is refused, and both are named")
    func alias() throws {
        let error = try error(after: "local t = { n = 1 } return { list = { 0, { t } }, z = { deep = t } }")
        #expect(error == .state("state.z.deep is the same table as state.list[2][1]: copy it"))
    }

    @Test("A cycle is refused")
    func cycle() throws {
        #expect(
            try error(after: "state.me = { it = state } return state")
                == .state("state.me.it is the same table as state: copy it")
        )
    }

    @Test("Nesting has a limit, in what is printed as in what is read")
    func depth() throws {
        let nest = "local t = {} for i = 2, %d do t = { t } end return { t }"
        let deepest = try state(after: nest.replacing("%d", with: "1023"))
        let reducer = try Reducer("return { reduce = function(s) return s end }")
        try reducer.restore(stateJSON: Array(deepest.utf8), eventsProcessed: 1)
        #expect(try reducer.json == deepest)
        #expect(try error(after: nest.replacing("%d", with: "1024")).description.contains("nested more than 1024 deep"))
    }

    @Test("A state need not be an object, but it must be something")
    func scalars() throws {
        #expect(try state(after: "return 5") == "5")
        #expect(
            try error(after: "state.n = 1").description == "test: reduce returned nothing: it must return the state"
        )
    }

    @Test("A state that cannot be printed is no failure of the reducer")
    func printingIsHarmless() throws {
        let reducer = try Reducer(
            "return { reduce = function(s) s.x = (s.x or 0/0) if s.n then s.x = 1 end s.n = 1 return s end }"
        )
        try reducer.reduce()
        #expect(throws: ReducerError.self) { try reducer.stateJSON() }
        try reducer.reduce()
        #expect(try reducer.json == #"{"n":1,"x":1}"#)
    }

    @Test("What is not JSON cannot be restored", arguments: ["", "{", "{} x", "NaN"])
    func restoreRefuses(json: String) throws {
        let reducer = try Reducer("return { reduce = function(s) return s end }")
        let error = #expect(throws: ReducerError.self) {
            try reducer.restore(stateJSON: Array(json.utf8), eventsProcessed: 1)
        }
        #expect(error?.kind == "state")
    }
}
