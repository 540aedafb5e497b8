// That events which are folded in one go are folded as one by one: in order, each with a budget of its own, and where one fails
// it is known which.

import Foundation
import Reducers
import Testing

@Suite struct BatchTests {
    /// Events with the ids of a range, of which each says its own in its data, its id and its tags.
    private func withEvents(_ ids: ClosedRange<UInt64>, _ body: (ReducerEvents) throws -> Void) throws {
        let name = Array("thing".utf8)
        let texts = ids.map { Array("{\"n\":\($0)}".utf8) }
        try name.withUnsafeBytes { name in
            try Array(texts.joined()).withUnsafeBytes { all in
                var events = ReducerEvents()
                var start = 0
                for (id, text) in zip(ids, texts) {
                    events.append(
                        ReducerEvent(
                            eventID: id,
                            category: name,
                            eventType: name,
                            aggregateID: name,
                            data: UnsafeRawBufferPointer(rebasing: all[start..<start + text.count]),
                            timestampNanoseconds: Int64(id),
                            recordedAtNanoseconds: Int64(id),
                            id: id % 3 == 0 ? nil : "id-\(id)",
                            tags: (0..<id % 4).map { "t\(id).\($0)" }
                        )
                    )
                    start += text.count
                }
                #expect(events.count == ids.count)
                try body(events)
            }
        }
    }

    private let list = """
        return { reduce = function(s, e)
          s.seen = s.seen or json.array({})
          s.seen[#s.seen + 1] = { e.event_id, e.data.n, e.id or "none", table.concat(e.tags, "+") }
          return s
        end }
        """

    @Test func `Events in one go give the state that they give one by one`() throws {
        let together = try Reducer(list)
        try withEvents(1...40) { events in
            let done = try together.reduce(events)
            #expect(done == 40)
        }
        let apart = try Reducer(list)
        for id in UInt64(1)...40 {
            try withEvents(id...id) { events in
                let done = try apart.reduce(events)
                #expect(done == 1)
            }
        }
        #expect(try together.json == apart.json)
        #expect(together.eventsProcessed == 40)
        let expected = (1...40).map { id in
            let name = id % 3 == 0 ? "none" : "id-\(id)"
            return "[\(id),\(id),\"\(name)\",\"\((0..<id % 4).map { "t\(id).\($0)" }.joined(separator: "+"))\"]"
        }
        #expect(try together.json == "{\"seen\":[\(expected.joined(separator: ","))]}")
    }

    @Test func `No events change nothing`() throws {
        let reducer = try Reducer(list)
        #expect(try reducer.reduce(ReducerEvents()) == 0)
        #expect(try reducer.json == "{}" && reducer.eventsProcessed == 0)
    }

    @Test func `The event that fails is known, and nothing behind it is folded`() throws {
        let text = "return { reduce = function(s, e) assert(e.data.n ~= 7, 'seven') s.n = e.data.n return s end }"
        let reducer = try Reducer(text)
        try withEvents(5...9) { events in
            let error = try #require(throws: ReducerError.self) { try reducer.reduce(events) }
            #expect(error.description.contains("seven"))
            #expect(reducer.eventsProcessed == 2)
            let again = #expect(throws: ReducerError.self) { try reducer.reduce(events) }
            #expect(again == error && reducer.eventsProcessed == 2)
        }
        try reducer.reset()
        try withEvents(8...9) { events in
            let done = try reducer.reduce(events)
            #expect(done == 2)
        }
        #expect(try reducer.json == #"{"n":9}"# && reducer.eventsProcessed == 2)
    }

    @Test func `A function that returns nothing is found at its event`() throws {
        let reducer = try Reducer("return { reduce = function(s, e) if e.data.n < 3 then return s end end }")
        try withEvents(1...5) { events in
            let error = try #require(throws: ReducerError.self) { try reducer.reduce(events) }
            #expect(error.description.contains("returned nothing") && reducer.eventsProcessed == 2)
        }
    }

    @Test func `Each event of many has its whole budget, and they end where they take long`() throws {
        let text = "return { reduce = function(s, e) for i = 1, 5000 do end s.n = e.data.n return s end }"
        let reducer = try Reducer(text, limits: ReducerLimits(instructionsPerEvent: 25_000))
        var next: UInt64 = 1
        while next <= 64 {
            try withEvents(next...64) { events in
                let done = try reducer.reduce(events)
                // A hundred thousand instructions are enough for one go, of five or ten thousand for each.
                #expect((8...24).contains(done) || done == events.count)
                next += UInt64(done)
            }
        }
        #expect(try reducer.json == #"{"n":64}"# && reducer.eventsProcessed == 64)
    }

    @Test func `Many events need no more memory than one by one`() throws {
        let text = """
            return { reduce = function(s, e)
              local new = { n = e.data.n }
              for i = 1, 20 do new[i .. ""] = ("x"):rep(50000) end
              return new
            end }
            """
        // Two states at once, and not a third.
        let limits = ReducerLimits(instructionsPerEvent: 1 << 40, memoryBytes: 2_600_000)
        let apart = try Reducer(text, limits: limits)
        for id in UInt64(1)...30 {
            try withEvents(id...id) { events in
                let done = try apart.reduce(events)
                #expect(done == 1)
            }
        }
        let together = try Reducer(text, limits: limits)
        var next: UInt64 = 1
        while next <= 30 { try withEvents(next...30) { next += UInt64(try together.reduce($0)) } }
        #expect(try together.json == apart.json)
    }

    @Test func `One of many that runs past its budget is stopped`() throws {
        let text = "return { reduce = function(s, e) if e.data.n == 4 then while true do end end return s end }"
        let reducer = try Reducer(text, limits: ReducerLimits(instructionsPerEvent: 25_000))
        try withEvents(1...64) { events in
            let error = try #require(throws: ReducerError.self) { try reducer.reduce(events) }
            #expect(error.kind == "budget" && reducer.eventsProcessed == 3)
        }
    }

    /// So many events that are all the same.
    private func withSame(_ count: Int, _ body: (ReducerEvents) -> Void) {
        Array("{}".utf8).withUnsafeBytes { text in
            var events = ReducerEvents()
            for id in 1...UInt64(count) {
                events.append(
                    ReducerEvent(
                        eventID: id,
                        category: text,
                        eventType: text,
                        aggregateID: text,
                        data: text,
                        timestampNanoseconds: 0,
                        recordedAtNanoseconds: 0
                    )
                )
            }
            body(events)
        }
    }

    @Test func `Between two events it can be stopped, however short they are`() throws {
        let count = 100_000
        var isStoppedInBetween = false
        // When it is stopped depends on the machine; sooner or later it is in the midst of a go.
        for attempt in 1...50 where !isStoppedInBetween {
            let stop = ReducerStop()
            let reducer = try Reducer("return { reduce = function(s, e) return s end }", stop: stop)
            withSame(count) { events in
                Thread.detachNewThread {
                    Thread.sleep(forTimeInterval: Double(attempt) / 1000)
                    stop.request()
                }
                let error = #expect(throws: ReducerError.self) { while true { _ = try reducer.reduce(events) } }
                #expect(error == .stopped("test: stopped on request"))
            }
            isStoppedInBetween = !reducer.eventsProcessed.isMultiple(of: UInt64(count))
        }
        #expect(isStoppedInBetween)
    }

    @Test func `A field that an event lacks is not that of the one before it`() throws {
        let reducer = try Reducer(
            "return { reduce = function(s, e) s.a = e.data.a or 0 s.b = e.data.b or 0 return s end }"
        )
        try reducer.reduce(TestEvent(data: #"{"a":1,"b":2}"#))
        #expect(try reducer.json == #"{"a":1,"b":2}"#)
        try reducer.reduce(TestEvent(data: #"{"b":3,"c":4}"#))
        #expect(try reducer.json == #"{"a":0,"b":3}"#)
    }
}
