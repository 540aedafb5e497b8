// That the clock, and another thread, can end a call whatever it does.

import Foundation
import Reducers
import Testing

/// What only a limit ends, in every kind of loop there is: Lua's and ours.
private let endless = [
    "while true do end", "while true do pcall(function() while true do end end) end",
    "while true do pcall(error) end", #"("a"):rep(40):find(("a*"):rep(30) .. "b")"#,
    #"while true do pcall(string.find, ("a"):rep(40), ("a*"):rep(30) .. "b") end"#,
    "table.move({}, 1, 1 << 62, 2)", "pcall(table.move, {}, 1, 1 << 62, 2)",
    "local t = {} for i = 1, 1000 do t[i] = i end while true do table.sort(t, math.max) end",
    "local t = {} for i = 1, 1000 do t['k' .. i] = i end while true do pairs(t) next(t) json.encode(t) end",
    "local a, b = ('x'):rep(1 << 20) .. 'a', ('x'):rep(1 << 20) .. 'b' while true do local c = a == b end",
    "while true do ('x'):rep(1 << 16) end", "while true do string.gsub('x', 'x', function() return 'y' end) end",
]

@Suite struct StopTests {
    private let hours = ReducerLimits(
        instructionsPerEvent: 1 << 40,
        millisecondsPerEvent: 3_600_000,
        memoryBytes: 256 << 20
    )

    @Test(arguments: endless)
    func `A call ends when its time is over, and no pcall catches that`(body: String) throws {
        var limits = self.hours
        limits.millisecondsPerEvent = 50
        let begin = ContinuousClock.now
        let error = try error(after: body + " return { survived = true }", limits: limits)
        #expect(error.kind == "budget" && error.description.hasSuffix("stopped after 50 milliseconds"), "\(error)")
        #expect(ContinuousClock.now - begin < .seconds(30))
    }

    private func requestSoon(_ stop: ReducerStop) {
        Thread.detachNewThread {
            Thread.sleep(forTimeInterval: 0.02)
            stop.request()
        }
    }

    @Test(arguments: endless)
    func `A call ends when another thread asks for that, and no pcall catches it`(body: String) throws {
        let stop = ReducerStop()
        let reducer = try Reducer(
            "return { reduce = function(state) \(body) return { survived = true } end }",
            limits: self.hours,
            stop: stop
        )
        self.requestSoon(stop)
        let error = try #require(throws: ReducerError.self) { try reducer.reduce() }
        #expect(error.kind == "stopped" && error.description.hasSuffix("stopped on request"), "\(error)")
        #expect(stop.isRequested)
    }

    @Test func `The longer the texts that are compared, the more often somebody looks`() throws {
        let stop = ReducerStop()
        let texts = "local a, b = ('\\0'):rep(1 << 20) .. 'a', ('\\0'):rep(1 << 20) .. 'b'"
        let reducer = try Reducer(
            "return { reduce = function() \(texts) while true do local c = a < b end end }",
            limits: self.hours,
            stop: stop
        )
        self.requestSoon(stop)
        let before = processorSeconds()
        #expect(throws: ReducerError.self) { try reducer.reduce() }
        #expect(processorSeconds() - before < 1.5)
    }

    @Test func `What was stopped stays so until it is given another stop and reset`() throws {
        let reducer = try Reducer("return { reduce = function(s) s.n = (s.n or 0) + 1 return s end }")
        try reducer.reduce()
        let stop = ReducerStop()
        reducer.stop = stop
        try reducer.reduce()
        stop.request()
        #expect(throws: ReducerError.stopped("test: stopped on request")) { try reducer.reduce() }
        #expect(throws: ReducerError.stopped("test: stopped on request")) { try reducer.stateJSON() }
        #expect(throws: ReducerError.stopped("test: stopped on request")) { try reducer.reset() }
        reducer.stop = nil
        try reducer.reset()
        try reducer.reduce()
        #expect(try reducer.json == #"{"n":1}"#)
        reducer.stop = ReducerStop()
        try reducer.reset()
        try reducer.reduce()
        #expect(try reducer.json == #"{"n":1}"#)
    }

    @Test func `Compiling, initial and printing can be stopped, too`() throws {
        let stop = ReducerStop()
        let reducer = try Reducer("return { reduce = function(s) return s end }", limits: self.hours, stop: stop)
        stop.request()
        #expect(throws: ReducerError.stopped("test: stopped on request")) { try reducer.stateJSON() }
        for text in [
            "while true do end", "return { initial = function() while true do end end, reduce = function() end }",
        ] {
            let error = #expect(throws: ReducerError.self) { try Reducer(text, limits: self.hours, stop: stop) }
            #expect(error?.kind == "stopped")
        }
    }

    @Test func `The time of one event is not taken from the next`() throws {
        var limits = self.hours
        limits.millisecondsPerEvent = 500
        let reducer = try Reducer(
            "return { reduce = function(s) for i = 1, 200000 do end s.n = (s.n or 0) + 1 return s end }",
            limits: limits
        )
        let begin = ContinuousClock.now
        var count = 0
        while ContinuousClock.now - begin < .seconds(1) {
            try reducer.reduce()
            count += 1
        }
        #expect(try reducer.json == #"{"n":\#(count)}"#)
    }
}
