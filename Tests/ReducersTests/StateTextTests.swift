// The text of a state is made by another writer than json.encode's, in one walk: it is the same text, and the same refusal.

import Reducers
import Testing

@Suite("The text of a state")
struct StateTextTests {
    /// What json.encode makes of a value.
    private static func encoded(_ json: String) throws -> String {
        let reducer = try Reducer("return { reduce = function(s, e) return json.encode(e.data.x) end }")
        try reducer.reduce(TestEvent(data: "{\"x\":\(json)}"))
        return try unescaped(reducer.json)
    }

    /// A key of a few letters, so that keys begin with each other, and of all kinds of bytes.
    private static func key(_ random: inout some RandomNumberGenerator, shared: String) -> String {
        let letters = ["a", "b", "\\u0000", "\\u0001", "é", "\\\"", "z", "0", "\\u007f", "漢"]
        let count = Int.random(in: 0...10, using: &random)
        return shared + (0..<count).map { _ in letters.randomElement(using: &random)! }.joined()
    }

    private static func value(_ random: inout some RandomNumberGenerator, depth: Int) -> String {
        switch Int.random(in: 0..<(depth < 3 ? 8 : 5), using: &random) {
        case 0: return String(Int.random(in: -1000...1000, using: &random))
        case 1: return "0.1"
        case 2: return "\"\(key(&random, shared: "t"))\""
        case 3: return ["true", "false", "null", "[]", "{}"].randomElement(using: &random)!
        case 4: return "\"plain\""
        case 5:
            let count = Int.random(in: 1...4, using: &random)
            return "[" + (0..<count).map { _ in value(&random, depth: depth + 1) }.joined(separator: ",") + "]"
        default:
            // Few, some and many: they are sorted in other ways.
            let count = [1, 3, 24, 25, 400].randomElement(using: &random)! >> depth
            let shared = ["", "user-0000", "k\\u0000"].randomElement(using: &random)!
            let members = (0..<count).map { _ in
                "\"\(key(&random, shared: shared))\":\(value(&random, depth: depth + 1))"
            }
            return "{" + members.joined(separator: ",") + "}"
        }
    }

    @Test("It is what json.encode makes of it, for any keys and any nesting", arguments: 0..<20)
    func sameText(seed: UInt64) throws {
        var random = Numbers(state: seed)
        let reducer = try Reducer("return { reduce = function(s, e) return e.data.x end }")
        for _ in 0..<20 {
            let value = Self.value(&random, depth: 0)
            try reducer.reduce(TestEvent(data: "{\"x\":\(value)}"))
            #expect(try reducer.json == Self.encoded(value))
            try reducer.checkState()
        }
    }

    private static func unescaped(_ json: String) throws -> String {
        var (result, rest) = ("", json.unicodeScalars.dropFirst().dropLast())
        while let scalar = rest.popFirst() {
            guard scalar == "\\" else {
                result.unicodeScalars.append(scalar)
                continue
            }
            switch rest.popFirst()! {
            case "n": result += "\n"
            case "t": result += "\t"
            case "r": result += "\r"
            case "b": result += "\u{8}"
            case "f": result += "\u{c}"
            case "u":
                let digits = String(String.UnicodeScalarView(rest.prefix(4)))
                rest = rest.dropFirst(4)
                result.unicodeScalars.append(Unicode.Scalar(UInt32(digits, radix: 16)!)!)
            case let other: result.unicodeScalars.append(other)
            }
        }
        return result
    }

    @Test("Many keys that agree in their first bytes are in the order of all of them")
    func longKeys() throws {
        let text = """
            return { reduce = function(state)
              for i = 1, 2000 do
                local n = i * 7919 % 2000
                state[('x'):rep(n % 3 * 8) .. ('y'):rep(20) .. n] = n
              end
              return state
            end }
            """
        let reducer = try Reducer(text)
        try reducer.reduce()
        let state = try reducer.json
        #expect(try Self.encoded(state) == state)
    }

    @Test(
        "What has no text is refused by the first place in the order of keys, each time, whoever asks",
        arguments: [
            ("{ c = 0/0, a = 0/0, b = 0/0, d = { 0/0 } }", "state.a is not a number: JSON has no such number"),
            ("{ c = { x = f }, b = { [2] = 1 }, d = f }", "state.b has integers as keys, but not 1 to n"),
            ("{ b = t, a = { t }, c = t }", "state.b is the same table as state.a[1]"),
            ("(function() local t = {} t.t = t return t end)()", "state.t is the same table as state"),
            ("{ z = 1, ['\\xff'] = 1, y = print or function() end }", "state.y is a function"),
            ("{ a = { 1, 2, nil, 4, x = 1 } }", "state.a is a list that also has strings as keys"),
            ("{ a = { [1.5] = 1, b = 2 } }", "state.a has a number as a key"),
        ]
    )
    func refused(expression: String, message: String) throws {
        for _ in 0..<10 {
            let reducer = try Reducer(
                "local function f() end local t = {} return { reduce = function() return \(expression) end }"
            )
            try reducer.reduce()
            let errors = [
                #expect(throws: ReducerError.self) { try reducer.stateJSON() },
                #expect(throws: ReducerError.self) { try reducer.checkState() },
            ]
            for error in errors { #expect(error?.description.contains(message) == true, "\(error as Any)") }
        }
    }

    @Test("A text that is longer than the memory is refused, though the state is not")
    func tooLong() throws {
        let reducer = try Reducer(
            """
            return { reduce = function(state)
              local text, all = ('\\1'):rep(30000), {}
              for i = 1, 100 do all['k' .. i] = text end
              return all
            end }
            """,
            limits: ReducerLimits(memoryBytes: 1 << 20)
        )
        try reducer.reduce()
        #expect(throws: ReducerError.self) { try reducer.stateJSON() }
        #expect(throws: ReducerError.self) { try reducer.checkState() }
        #expect(reducer.memoryBytes < 1 << 20)
    }
}

/// Numbers that follow from a seed.
private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
