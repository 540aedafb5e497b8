// Owns: the promises about what is said of a projection: what cannot be shown or saved has stopped, at the event that made it so;
// what is behind is not live; and the store's own state says so.

import EventModel
import Reducers
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct ProjectionHealthTests {
    private static let sum = """
        return { reduce = function(s, e) s.sum = (s.sum or 0) + e.data.q return s end }
        """
    /// A list with a hole after the event that says so.
    private static let hole = """
        return { initial = function() return { list = json.array({}) } end,
          reduce = function(s, e) s.list[e.data.q] = 1 return s end }
        """
    private static let function = """
        return { reduce = function(s, e) if e.data.q == 7 then s.f = function() end end s.n = (s.n or 0) + 1 return s end }
        """
    private static let bytes = """
        return { reduce = function(s, e) s.t = e.data.q == 7 and "\\xff" or "fine" return s end }
        """
    private static let depth = """
        return { reduce = function(s, e) if e.data.q == 7 then s.own = s end return s end }
        """

    private func event(_ q: String) -> NewEvent {
        NewEvent(category: "c", aggregateID: "a", eventType: "t", data: Array("{\"q\":\(q)}".utf8))
    }

    @Test(
        "A projection whose state cannot be written has stopped at the event that made it so, and the store is degraded",
        arguments: [
            (sum, ["1", "1.7e308", "1.7e308", "1"], 3, "infinite"),
            (sum, ["1.7e308", "1.7e308"], 2, "infinite"),
            (function, ["1", "7", "1"], 2, ""), (bytes, ["1", "1", "1", "7"], 4, ""), (depth, ["7"], 1, ""),
        ]
    )
    func unwritable(reducer: String, quantities: [String], culprit: Int, word: String) throws {
        let test = try TestStore(reducers: [
            "faulty": reducer, "count": "return { reduce = function(s, e) s.n = (s.n or 0) + 1 return s end }",
        ])
        #expect(test.store.info.state == .ok)
        test.append(quantities.map(event))
        // Nobody has asked for it.
        #expect(eventually { test.store.info.state == .degraded })
        let status = try #require(test.store.projectionStatuses().first { $0.name == "faulty" })
        guard case .faulted(let error) = status.health else {
            Issue.record("\(status)")
            return
        }
        #expect(error.message.contains("at event \(culprit):") && error.message.contains(word), "\(error)")
        #expect(status.position == EventID(UInt64(culprit - 1)) && status.eventsProcessed == UInt64(culprit - 1))
        #expect(throws: error) { try test.store.projection("faulty") }
        #expect(
            eventually {
                test.reports.contains {
                    $0.contains("projection faulty has stopped") && $0.contains("at event \(culprit):")
                }
            }
        )
        #expect(try test.projection("count") == "{\"n\":\(quantities.count)}")
        try test.restart()
        #expect(eventually { test.store.info.state == .degraded })
    }

    @Test("The event is found far behind the last snapshot, among many, and with one append each", arguments: [1, 400])
    func farBehind(batch: Int) throws {
        let test = try TestStore(reducers: ["sum": Self.sum]) {
            $0.snapshots.everyEvents = 1000
            $0.snapshots.workPerSnapshot = 0
        }
        var quantities = (0..<2600).map { _ in "1" }
        quantities[1717] = "1.7e308"
        quantities[2222] = "1.7e308"
        for start in stride(from: 0, to: quantities.count, by: batch) {
            test.append(quantities[start..<min(start + batch, quantities.count)].map(event))
        }
        let error = try #require(throws: StoreError.self) { try test.store.projection("sum") }
        #expect(error.message.contains("at event 2223:"), "\(error)")
    }

    @Test("A state that can be written again later does not hide that it could not")
    func transient() throws {
        let cures = """
            return { reduce = function(s, e) s.x = e.data.q == 7 and 1/0 or e.data.q return s end }
            """
        let test = try TestStore(reducers: ["cures": cures])
        test.append(event("7"))
        #expect(eventually { test.store.info.state == .degraded })
        test.append(event("1"))
        #expect(throws: StoreError.self) { try test.store.projection("cures") }
    }

    @Test("Nobody is told that a projection is live at an event after which it is not")
    func neverLive() throws {
        for _ in 0..<20 {
            let test = try TestStore(reducers: ["sum": Self.sum])
            test.append(event("1.7e308"))
            _ = try test.projection("sum")
            test.append(event("1.7e308"))
            var status = test.store.projectionStatuses()[0]
            while status.health == .live {
                #expect(status.position < EventID(2))
                status = test.store.projectionStatuses()[0]
            }
            #expect(status.position == EventID(1) && status.eventsProcessed == 1)
        }
    }

    @Test("A projection that is behind for more than a second is catching up, and live again at the tail")
    func lagging() throws {
        let slow = """
            return { reduce = function(s, e)
              for i = 1, 3000000 do end
              s.n = (s.n or 0) + 1 return s end }
            """
        let test = try TestStore(reducers: ["slow": slow]) {
            $0.reducerLimits = ReducerLimits(instructionsPerEvent: 1 << 40)
        }
        #expect(eventually { test.store.projectionStatuses()[0].health == .live })
        // It is always behind, and never by much, however fast the machine.
        #expect(
            eventually {
                let status = test.store.projectionStatuses()[0]
                if status.lag < 50 { test.append((0..<50).map { event("\($0)") }) }
                return status.health == .catchingUp
            }
        )
        #expect(test.store.info.state == .ok)
        #expect(eventually { test.store.projectionStatuses()[0].health == .live })
    }

    @Test("Files of every kind are counted: nothing is none while raw files stand there")
    func files() throws {
        let test = try TestStore()
        test.append((0..<100).map { .numbered($0) })
        // The spare file is made in the background.
        #expect(eventually { test.store.info.files.spare >= 1 << 20 })
        let files = test.store.info.files
        #expect(files.sealed == 0 && files.raw == 1 << 20)
        #expect(files.all == files.raw + files.spare)
        try test.roll()
        _ = try test.store.compact()
        #expect(test.store.info.files.sealed > 0)
    }

    @Test("Who waits for a projection is told once it is there; who waits no more is not, and nothing is kept of it")
    func waiting() throws {
        let test = try TestStore(reducers: ["sum": Self.sum])
        let store = test.store
        let told = Monitor<[String]>([])
        let patient = store.awaitProjection("sum", reaching: EventID(3)) { told.update { $0.append("patient") } }
        let gone = store.awaitProjection("sum", reaching: EventID(3)) { told.update { $0.append("gone") } }
        #expect(patient != nil)
        try #require(gone).cancel()
        #expect(patient?.projection.waiterCount == 1)
        test.append(["1", "2", "3"].map(event))
        #expect(eventually { told.withLock { $0 } == ["patient"] })
        #expect(patient?.projection.waiterCount == 0)
        #expect(store.awaitProjection("sum", reaching: EventID(3)) {} == nil)
    }
}
