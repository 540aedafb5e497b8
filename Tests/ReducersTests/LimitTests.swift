// That no reducer outlasts its limits, whatever it does to escape them.

import Reducers
import Testing

@Suite("Limits")
struct LimitTests {
    private let small = ReducerLimits(instructionsPerEvent: 100_000, memoryBytes: 4 << 20)

    @Test("A reducer that loops for ever is stopped and named")
    func endlessLoop() throws {
        let error = try error(after: "while true do end", limits: self.small)
        #expect(error == .budget("test.lua:1: stopped after 100000 instructions"))
    }

    @Test(
        "A budget error cannot be caught",
        arguments: [
            "pcall(function() while true do end end) return { survived = true }",
            "while true do pcall(function() while true do end end) end",
            "pcall(pcall, function() while true do end end) return { survived = true }",
            "pcall(string.gsub, 'x', 'x', function() while true do end end) return { survived = true }",
            "pcall(table.sort, {3,2,1}, function() while true do end end) return { survived = true }",
            "pcall(string.rep, 'x', 1 << 30) return { survived = true }",
            "pcall(string.rep, string.rep('x', 1 << 10), 1 << 13) return { survived = true }",
            "pcall(function() local t = {} for i = 1, 1e9 do t[i] = {} end end) return { survived = true }",
            "local s = 'x' pcall(function() while true do s = s .. s end end) return { survived = true }",
        ]
    )
    func uncatchable(body: String) throws {
        #expect(try error(after: body, limits: self.small).kind == "budget")
    }

    @Test("Work that instructions do not show is charged", .timeLimit(.minutes(20)))
    func copying() throws {
        let limits = ReducerLimits(instructionsPerEvent: 1_000_000, memoryBytes: 64 << 20)
        for body in [
            "while true do local s = string.rep('x', 1 << 20) end",
            "local s = string.rep('x', 1 << 20) while true do local t = s .. 'y' end",
            "local t = {} for i = 1, 10000 do t['k' .. i] = i end while true do pairs(t) end",
            "local t = {} for i = 1, 10000 do t[i] = -i end while true do table.sort(t) end",
            "local t = {} for i = 1, 10000 do t['k' .. i] = i end while true do next(t) end",
            "local s = string.rep('x', 1 << 20) while true do s:find('y', 1, true) end",
            "local t = {} for i = 1, 10000 do t[i] = '' end while true do table.concat(t) end",
            "local t = {} for i = 1, 10000 do t[i] = '' end while true do select('#', table.unpack(t)) end",
        ] {
            #expect(try error(after: body, limits: limits).kind == "budget")
        }
    }

    @Test(
        "A library function that would never come back is stopped",
        .timeLimit(.minutes(20)),
        arguments: [
            "string.rep('', 1 << 62)", "table.move({}, 1, 1 << 62, 2)", "table.insert(sparse, 1, 1)",
            "table.remove(sparse, 1)", "table.move({}, math.mininteger, math.maxinteger - 1, 1)",
        ]
    )
    func endlessCalls(call: String) throws {
        // The border of a table with holes can be wherever Lua's search for it ends: here very far up.
        let sparse = "local sparse = {} for i = 0, 61 do sparse[1 << i] = 1 end "
        #expect(["budget", "fault"].contains(try error(after: sparse + call + " while true do end").kind))
    }

    @Test("Errors of library functions name the function")
    func namesOfWrappedFunctions() throws {
        #expect(try error(after: "('x'):rep({})").description.contains("to 'rep' (number expected, got table)"))
        #expect(try error(after: "string.format('%d', 'x')").description.contains("bad argument #2 to 'format'"))
        #expect(try error(after: "table.concat()").description.contains("bad argument #1 to 'concat'"))
    }

    @Test("A bomb of memory is stopped at the cap")
    func memory() throws {
        let limits = ReducerLimits(memoryBytes: 4 << 20)
        let bomb = "local t = {} for i = 1, 100 do t[i] = ('x'):rep(200000) .. i end return t"
        let error = try error(after: bomb, limits: limits)
        #expect(error == .budget("test: stopped at 4194304 bytes of memory"))
    }

    @Test("Endless recursion is a fault")
    func recursion() throws {
        #expect(try error(after: "local function f() return 1 + f() end return f()").kind == "fault")
    }

    @Test("Each event has its whole budget, so a long log does not use it up")
    func perEvent() throws {
        let reducer = try Reducer(
            "return { reduce = function(s) for i = 1, 5000 do end s.n = (s.n or 0) + 1 return s end }",
            limits: self.small
        )
        for _ in 0..<100 { try reducer.reduce() }
        #expect(try reducer.json == #"{"n":100}"#)
    }

    @Test("Garbage does not count against the memory cap for good")
    func garbage() throws {
        let reducer = try Reducer(
            "return { reduce = function(s) local t = {} for i = 1, 1000 do t[i] = { i } end s.n = #t return s end }",
            limits: self.small
        )
        for _ in 0..<200 { try reducer.reduce() }
        #expect(reducer.memoryBytes < self.small.memoryBytes)
    }

    @Test("Loading and initial have limits too")
    func loading() {
        for text in [
            "while true do end", "return { initial = function() while true do end end, reduce = function() end }",
            "local s = string.rep('x', 1 << 30)",
        ] {
            let error = #expect(throws: ReducerError.self) { try Reducer(text, limits: self.small) }
            #expect(error?.kind == "budget")
        }
    }

    @Test("A cap too small for the sandbox itself is said so", arguments: [1, 1000, 5000, 10000])
    func tinyCap(bytes: Int) {
        let error = #expect(throws: ReducerError.self) {
            try Reducer("return { reduce = function(s) return s end }", limits: ReducerLimits(memoryBytes: bytes))
        }
        #expect(error?.kind == "budget")
    }

    @Test("Printing a large state is not charged to the reducer")
    func encodingIsFree() throws {
        let reducer = try Reducer(
            "return { reduce = function(s, e) s[e.aggregate_id] = 1 return s end }",
            limits: ReducerLimits(instructionsPerEvent: 2000)
        )
        for id in 0..<20_000 { try reducer.reduce(TestEvent(aggregate: "a\(id)")) }
        #expect(try reducer.stateJSON().count > 100_000)
    }
}
