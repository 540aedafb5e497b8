// The same events give the same state, byte for byte: in any run, and across a snapshot.

import Reducers
import Testing

@Suite("Determinism")
struct DeterminismTests {
    @Test("pairs visits integers, other numbers, strings and booleans in one order, in 50 fresh states")
    func pairsOrder() throws {
        let text = """
            return { reduce = function(state)
              local t = { zeta = 1, alpha = 1, [3] = 1, [1] = 1, [-7] = 1, [2.5] = 1, [true] = 1, [false] = 1, [''] = 1 }
              for i = 1, 40 do t['key' .. i * 7919 % 100] = i end
              local seen = json.array()
              for k in pairs(t) do seen[#seen + 1] = tostring(k) end
              return { seen = seen, first = next(t) }
            end }
            """
        let states = try Set(
            (0..<50).map { _ in
                let reducer = try Reducer(text)
                try reducer.reduce()
                return try reducer.json
            }
        )
        #expect(states.count == 1)
        #expect(states.first?.hasPrefix(#"{"first":-7,"seen":["-7","1","3","2.5","","alpha","key"#) == true)
        #expect(states.first?.hasSuffix(#""zeta","false","true"]}"#) == true)
    }

    @Test("next walks the same order as pairs, and tells an empty table")
    func nextOrder() throws {
        let walk = """
            local t, a, b = { b = 1, a = 2, [10] = 3, [2] = 4, c = 5 }, '', ''
            for k, v in pairs(t) do a = a .. k .. v end
            for k, v in next, t do b = b .. k .. v end
            return { same = a == b, text = a, empty = next({}) == nil }
            """
        #expect(try state(after: walk) == #"{"empty":true,"same":true,"text":"24103a2b1c5"}"#)
    }

    @Test("A loop may assign to the fields it visits and remove others")
    func assignmentDuringTraversal() throws {
        let loop = """
            local t, seen = {}, ''
            for i = 1, 9 do t['k' .. i] = i end
            for k, v in pairs(t) do seen = seen .. v; t[k] = nil; t.k5 = nil; t['new' .. v] = 1 end
            return { seen = seen, left = t }
            """
        #expect(
            try state(after: loop)
                == #"{"left":{"new1":1,"new2":1,"new3":1,"new4":1,"new6":1,"new7":1,"new8":1,"new9":1},"seen":"12346789"}"#
        )
    }

    @Test("A table with tables as keys cannot be traversed")
    func unorderedKeys() throws {
        #expect(try error(after: "for k in pairs({ [{}] = 1 }) do end return state").description.contains("no order"))
    }

    @Test("table.sort is stable, for any length, by default and by a function")
    func sort() throws {
        let body = """
            local t = {}
            for i = 1, 1000 do t[i] = { k = i * 7919 % 10, i = i } end
            table.sort(t, function(a, b) return a.k < b.k end)
            local stable = true
            for i = 2, 1000 do
              stable = stable and (t[i - 1].k < t[i].k or t[i - 1].k == t[i].k and t[i - 1].i < t[i].i)
            end
            local words = { 'pear', 'fig', 'apple' }
            table.sort(words)
            local one = { 1 }
            table.sort(one)
            table.sort({})
            return { stable = stable, words = words, one = one }
            """
        #expect(try state(after: body) == #"{"one":[1],"stable":true,"words":["apple","fig","pear"]}"#)
    }

    @Test("A restored reducer goes on to the same states as one that never stopped")
    func restoreAnywhere() throws {
        let text = """
            return { reduce = function(state, event)
              state.count = (state.count or 0) + 1
              state.total = (state.total or 0.5) + event.data.amount
              state.names = state.names or {}
              state.names[event.data.name] = (state.names[event.data.name] or 0) + 1
              state.queue = state.queue or json.array()
              if #state.queue > 2 then while #state.queue > 0 do table.remove(state.queue, 1) end end
              table.insert(state.queue, event.data)
              if state.count % 4 == 0 then table.remove(state.queue) end
              return state
            end }
            """
        let events = (1...40).map {
            TestEvent(data: #"{"name":"n\#($0 * 7919 % 11)","amount":\#($0).25,"none":null,"list":[],"object":{}}"#)
        }
        let straight = try Reducer(text)
        for event in events {
            let resumed = try Reducer(text)
            try resumed.restore(stateJSON: straight.stateJSON(), eventsProcessed: straight.eventsProcessed)
            #expect(try resumed.json == straight.json)
            try resumed.reduce(event)
            try straight.reduce(event)
            #expect(try resumed.json == straight.json)
            #expect(resumed.eventsProcessed == straight.eventsProcessed)
        }
    }

    @Test("reset leaves nothing of the past, not even in locals of the source")
    func resetIsFresh() throws {
        let reducer = try Reducer(
            "local hidden = 0 return { reduce = function(s) hidden = hidden + 1 s.n = hidden return s end }"
        )
        try reducer.reduce()
        try reducer.reduce()
        #expect(try reducer.json == #"{"n":2}"#)
        try reducer.reset()
        #expect(try reducer.json == "{}")
        #expect(reducer.eventsProcessed == 0)
        try reducer.reduce()
        #expect(try reducer.json == #"{"n":1}"#)
    }
}
