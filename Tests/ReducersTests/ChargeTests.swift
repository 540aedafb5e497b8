// That whatever a library function walks is charged, and that what nobody can charge is bounded by time.

import Reducers
import Testing

@Suite struct ChargeTests {
    /// Calls that walk `s`, a text of 4 MiB, each without making another; and the character the text is made of.
    private static let calls = [
        ("utf8.len(s)", "x"), ("utf8.offset(s, -1)", "x"), ("utf8.codes(s)", "x"), ("utf8.codepoint(s, -1)", "x"),
        ("s:find('y', 1, true)", "x"), ("s:find('yy')", "x"), ("s:find('y*z')", "x"), ("s:match('^x*y')", "x"),
        ("s:gmatch('y')()", "x"), ("s:gsub('y', '')", "x"), ("('x'):find(s)", "x"), ("('x'):gsub('x', s)", "%"),
        ("tonumber(s)", "1"), ("tonumber(s, 16)", "x"), ("s + 1", "1"), ("-s", "1"), ("s // 2", "1"), ("1 % s", "1"),
        ("math.floor(s)", "1"), ("math.max(1, s)", "1"), ("('x'):rep(s)", "1"), ("('x'):sub(s)", "1"),
        ("('x'):byte(s)", "1"), ("('x'):find('x', s)", "1"), ("select(s, 1)", "1"), ("table.unpack({}, 1, s)", "1"),
        ("table.concat({}, '', s)", "1"), ("table.insert({}, s, 1)", "1"), ("table.remove({}, s)", "1"),
        ("table.move({}, s, 1, 1)", "1"), ("utf8.char(s)", "1"), ("ipairs({})({}, s)", "1"),
        ("json.decode(s)", " "), ("json.decode(s)", "["), ("json.encode(s)", "x"), ("string.format('%d', s)", "1"),
        ("string.format(s)", "x"), ("string.pack('i4', s)", "1"), ("string.unpack('z', s)", "x"),
        ("string.packsize(s)", "b"), ("string.unpack(s, '')", "b"), ("rawget({}, s)", "x"),
        ("s:byte(1, 300000)", "x"), ("table.sort({ s, s })", "x"),
    ]

    @Test(arguments: calls)
    func `One call that walks a long text takes more than is left`(call: String, character: String) throws {
        // To have the text at all takes 65,536 of them.
        let limits = ReducerLimits(instructionsPerEvent: 100_000, millisecondsPerEvent: 600_000)
        let data = #"{"s":"\#(String(repeating: character, count: 4 << 20))"}"#
        let body = "local s = event.data.s pcall(function() local x = \(call) end) return { survived = true }"
        let error = try error(after: body, data: data, limits: limits)
        #expect(error.kind == "budget" && error.description.hasSuffix("stopped after 100000 instructions"), "\(error)")
        #expect(try state(after: body.replacing(call, with: "1"), data: data, limits: limits) == #"{"survived":true}"#)
    }

    /// Calls that walk `t`, a list of 100,000 numbers.
    @Test(
        arguments: [
            "table.concat(t)", "table.insert(t, 1, 0)", "table.remove(t, 1)", "table.move(t, 1, #t, 2)",
            "table.unpack(t)", "table.sort(t)", "table.sort(t, math.max)", "json.encode(t)", "pairs(t)", "next(t, 5)",
        ]
    )
    func `One call that walks a long list takes more than is left`(call: String) throws {
        let limits = ReducerLimits(instructionsPerEvent: 90_000, millisecondsPerEvent: 600_000)
        let data = #"{"t":[\#(Array(repeating: "1", count: 100_000).joined(separator: ","))]}"#
        let body = "local t = event.data.t pcall(function() local x = \(call) end) return { survived = true }"
        let error = try error(after: body, data: data, limits: limits)
        #expect(error.kind == "budget" && error.description.hasSuffix("stopped after 90000 instructions"), "\(error)")
        #expect(try state(after: body.replacing(call, with: "1"), data: data, limits: limits) == #"{"survived":true}"#)
    }

    @Test func `Writing JSON is charged by the byte, and not only for the text that comes of it`() throws {
        let limits = ReducerLimits(instructionsPerEvent: 300_000, millisecondsPerEvent: 600_000)
        let data = #"{"s":"\#(String(repeating: "x", count: 4 << 20))"}"#
        #expect(try error(after: "json.encode(event.data.s) return state", data: data, limits: limits).kind == "budget")
        #expect(
            try state(after: "local s = event.data.s .. '' return { #s }", data: data, limits: limits) == "[4194304]"
        )
    }

    /// Nobody can charge these. Ten million of them would take hours.
    @Test(
        arguments: [
            "local a, b = ('x'):rep(1 << 22) .. 'a', ('x'):rep(1 << 22) .. 'b' while true do local c = a == b end",
            "local a, b = ('x'):rep(1 << 22) .. 'a', ('x'):rep(1 << 22) .. 'b' while true do local c = a < b end",
            "local a, b = ('\\0'):rep(1 << 20) .. 'a', ('\\0'):rep(1 << 20) .. 'b' while true do local c = a < b end",
            "local a, b = ('\\0'):rep(1 << 13) .. 'a', ('\\0'):rep(1 << 13) .. 'b' while true do local c = a < b end",
            "local function f(...) while true do select('#', ...) end end f(table.unpack({}, 1, 400000))",
            "while true do local c = 1e308 % 1e-308 end",
        ]
    )
    func `What no instruction shows is charged by the processor's time`(body: String) throws {
        let before = processorSeconds()
        let limits = ReducerLimits(millisecondsPerEvent: 600_000)
        #expect(try error(after: body, limits: limits).description.hasSuffix("stopped after 10000000 instructions"))
        #expect(processorSeconds() - before < 5)
    }

    @Test func `An emptied table is walked at its price`() throws {
        let reducer = try Reducer(
            """
            local t = {}
            return { reduce = function(s, e)
              if e.data.fill then for i = 1, 15000 do t[e.data.fill .. i] = 1 end
              elseif e.data.empty then for i = 1, 15000 do t[e.data.empty .. i] = nil end
              else while true do next(t) pairs(t) end end
              return s
            end }
            """,
            limits: ReducerLimits(instructionsPerEvent: 1_000_000, millisecondsPerEvent: 600_000)
        )
        for part in 0..<60 { try reducer.reduce(TestEvent(data: #"{"fill":"\#(part)x"}"#)) }
        for part in 0..<60 { try reducer.reduce(TestEvent(data: #"{"empty":"\#(part)x"}"#)) }
        let before = processorSeconds()
        let error = #expect(throws: ReducerError.self) { try reducer.reduce() }
        #expect(error?.description.hasSuffix("stopped after 1000000 instructions") == true)
        #expect(processorSeconds() - before < 0.5)
    }

    @Test func `A source that is slow to compile is stopped`() throws {
        // Each name is looked for in a hundred and fifty functions with as many locals.
        let names = (0..<150).map { "v\($0)" }.joined(separator: ",")
        let text =
            (0..<150).map { "local \(names) local function f\($0)() " }.joined()
            + String(repeating: "a=b ", count: 20_000) + String(repeating: " end", count: 150)
        let error = #expect(throws: ReducerError.self) {
            try Reducer(text, limits: ReducerLimits(instructionsPerEvent: 300_000, millisecondsPerEvent: 600_000))
        }
        #expect(error?.kind == "budget", "\(String(describing: error))")
    }

    @Test func `A text longer than a sixteenth of the memory is refused`() throws {
        let limits = ReducerLimits(memoryBytes: 16 << 20)
        #expect(try state(after: "return #('x'):rep((1 << 20) - 100)", limits: limits) == "1048476")
        for text in ["('x'):rep(1 << 21)", "('x'):rep(1 << 19) .. ('y'):rep(1 << 20)", "('x'):rep(1 << 62, 'y')"] {
            let error = try error(after: "return #(\(text))", limits: limits)
            #expect(error.kind == "budget" && error.description.hasSuffix("a string of more than 1048576 bytes"))
        }
    }
}
