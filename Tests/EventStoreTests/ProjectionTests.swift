// Owns: the promises of live projections: they equal a fold from the first event, whatever happened in between, and a
// reducer that fails stops alone.

import Disk
import DiskSimulation
import EventModel
import Reducers
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct ProjectionTests {
    private static let counts =
        "return { reduce = function(s, e) s[e.event_type] = (s[e.event_type] or 0) + 1 return s end }"
    private static let last = "return { reduce = function(s, e) s[e.aggregate_id] = e.data.n return s end }"

    @Test("A live projection equals a fresh rebuild, a fold of the whole log, and the sum done by hand")
    func equalsRebuild() throws {
        let test = try TestStore(reducers: ["counts": Self.counts, "last": Self.last])
        var random = SeededRandom(seed: 1)
        let events = random.events(400)
        try test.appendAcrossSegments(events)
        let byHand = Dictionary(grouping: events, by: \.eventType).mapValues(\.count).sorted { $0.key < $1.key }
        let expected = "{" + byHand.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
        #expect(try test.projection("counts") == expected)
        for name in ["counts", "last"] {
            let live = try test.projection(name)
            #expect(try test.store.fold(.named(name), .all).json == live)
            try test.store.rebuildProjection(name)
            #expect(try test.projection(name) == live)
            try test.restart()
            #expect(try test.projection(name) == live)
        }
    }

    @Test("An answer reflects every event that was acknowledged before it was asked")
    func readsItsWrites() throws {
        let test = try TestStore(reducers: ["counts": Self.counts])
        for n in 1...100 {
            test.append(.numbered(n))
            let state = try test.store.projection("counts")
            #expect(state.json == "{\"happened\":\(n)}")
            #expect(state.eventsProcessed == UInt64(n))
            #expect(state.lastEvent == EventID(UInt64(n)))
        }
    }

    @Test("A projection that cannot catch up in time answers LAGGING with its position, and in the end the state")
    func lagging() throws {
        let slow = """
            return { reduce = function(s, e)
              for i = 1, 300000 do end
              s.count = (s.count or 0) + 1 return s end }
            """
        let test = try TestStore(reducers: ["slow": slow]) { $0.projectionWaitMilliseconds = 0 }
        test.append((0..<200).map { .numbered($0) })
        let error = try #require(throws: StoreError.self) { try test.store.projection("slow") }
        #expect(error.code == .lagging)
        #expect(error.ids.count == 1 && error.ids[0] < EventID(200))
        let status = test.store.projectionStatuses()[0]
        #expect(status.lag == 200 - status.position.rawValue)
        #expect(eventually { (try? test.projection("slow")) == #"{"count":200}"# })
        #expect(test.store.projectionStatuses().map(\.health) == [.live])
        #expect(test.store.projectionStatuses().map(\.lag) == [0])
    }

    @Test("A reducer that faults stops alone, at a named event; the log and the others go on")
    func fault() throws {
        let faulty = """
            return { reduce = function(s, e)
              if e.data.n == 5 then error("five is too much") end
              s.count = (s.count or 0) + 1 return s end }
            """
        let test = try TestStore(reducers: ["counts": Self.counts, "faulty": faulty])
        test.append((1...9).map { .numbered($0) })
        #expect(try test.projection("counts") == #"{"happened":9}"#)
        let error = try #require(throws: StoreError.self) { try test.store.projection("faulty") }
        #expect(error.message.contains("at event 5") && error.message.contains("five is too much"), "\(error)")
        let status = try #require(test.store.projectionStatuses().first { $0.name == "faulty" })
        #expect(status.health == .faulted(error))
        #expect(status.position == EventID(4))
        #expect(status.lag == 5)
        #expect(eventually { test.reports.contains { $0.contains("faulty") && $0.contains("at event 5") } })
        #expect(test.append(.numbered(10)) == .appended([10]))
        #expect(try test.projection("counts") == #"{"happened":10}"#)
    }

    @Test("A reducer that runs for ever is stopped by its budget, alone")
    func budget() throws {
        let endless = "return { reduce = function(s, e) while e.data.n == 2 do end return s end }"
        let test = try TestStore(reducers: ["counts": Self.counts, "endless": endless])
        test.append((1...3).map { .numbered($0) })
        let error = try #require(throws: StoreError.self) { try test.store.projection("endless") }
        #expect(error.code == .budget)
        #expect(error.message.contains("at event 2"))
        #expect(try test.projection("counts") == #"{"happened":3}"#)
    }

    @Test("What one reducer does to an event, no other reducer and no reader sees")
    func isolation() throws {
        let vandal = """
            return { reduce = function(s, e)
              e.data.n = -1 e.data.extra = {} e.event_type = "forged" e.tags = {}
              s[e.event_type] = e.data.n return s end }
            """
        let test = try TestStore(reducers: ["a_vandal": vandal, "counts": Self.counts, "last": Self.last])
        test.append([.numbered(7), .numbered(8)])
        #expect(try test.projection("a_vandal") == #"{"forged":-1}"#)
        #expect(try test.projection("counts") == #"{"happened":2}"#)
        #expect(try test.projection("last") == #"{"thing-1":8}"#)
        #expect(try test.all().map { String(decoding: $0.data, as: UTF8.self) } == [#"{"n":7}"#, #"{"n":8}"#])
    }

    @Test(
        "A changed reducer file is noticed at a reload, and rebuilt from the first event; the others keep their state"
    )
    func changedAtReload() throws {
        let test = try TestStore(reducers: ["counts": Self.counts, "last": Self.last])
        test.append([.numbered(1), .numbered(2)])
        #expect(try test.projection("counts") == #"{"happened":2}"#)
        try test.directory.write(
            "return { reduce = function(s, e) s.sum = (s.sum or 0) + e.data.n return s end }",
            to: "reducers/counts.lua"
        )
        #expect(try test.projection("counts") == #"{"happened":2}"#)
        try test.store.reload(projections: ["counts", "last"])
        #expect(try test.projection("counts") == #"{"sum":3}"#)
        #expect(try test.projection("last") == #"{"thing-1":2}"#)
    }

    @Test("A changed reducer file is noticed at a restart, and an old snapshot is not taken for its state")
    func changedAtRestart() throws {
        let test = try TestStore(reducers: ["counts": Self.counts])
        test.append([.numbered(1), .numbered(2)])
        _ = try test.projection("counts")
        test.close()
        try test.directory.write(
            "return { reduce = function(s, e) s.sum = (s.sum or 0) + e.data.n return s end }",
            to: "reducers/counts.lua"
        )
        try test.restart()
        #expect(try test.projection("counts") == #"{"sum":3}"#)
    }

    @Test("A reload with a mistake in it changes nothing")
    func badReload() throws {
        let test = try TestStore(reducers: ["counts": Self.counts])
        test.append(.numbered(1))
        #expect(throws: StoreError.self) { try test.store.reload(projections: ["counts", "missing"]) }
        try test.directory.write("return {", to: "reducers/counts.lua")
        #expect(throws: StoreError.self) { try test.store.reload(projections: ["counts"]) }
        test.append(.numbered(2))
        #expect(try test.projection("counts") == #"{"happened":2}"#)
        #expect(test.store.projectionStatuses().map(\.name) == ["counts"])
    }

    @Test(
        "A store whose projection has no reducer, or a faulty one, opens; that projection is shown as faulted, and why"
    )
    func badConfiguration() throws {
        let test = try TestStore(reducers: ["counts": Self.counts])
        test.append(.numbered(1))
        try test.directory.write("return {", to: "reducers/broken.lua")
        try test.restart { $0.projections = ["missing", "broken", "counts"] }
        test.append(.numbered(2))
        #expect(try test.projection("counts") == #"{"happened":2}"#)
        let statuses = test.store.projectionStatuses().filter { $0.name != "counts" }
        #expect(statuses.map(\.name) == ["missing", "broken"])
        for (status, reason) in zip(statuses, ["no reducer 'missing'", "broken.lua:1:"]) {
            guard case .faulted(let fault) = status.health else {
                Issue.record("\(status.name) is \(status.health)")
                continue
            }
            #expect(fault.message.contains(reason), "\(fault)")
            #expect(status.lag == 2)
            #expect(test.reports.contains { $0.contains("projection \(status.name) does not begin") })
            #expect(throws: fault) { try test.store.projection(status.name) }
            #expect(throws: fault) { try test.store.rebuildProjection(status.name) }
        }
        // Mended, it is folded from the first event.
        try test.directory.write(Self.counts, to: "reducers/broken.lua")
        try test.store.reload(projections: ["broken", "counts"])
        #expect(try test.projection("broken") == #"{"happened":2}"#)
        #expect(test.store.projectionStatuses().map(\.name) == ["broken", "counts"])
    }

    @Test("An unknown projection is NOTFOUND, and the error says which are live")
    func unknown() throws {
        let test = try TestStore(reducers: ["counts": Self.counts])
        let error = try #require(throws: StoreError.self) { try test.store.projection("count") }
        #expect(error.code == .notFound)
        #expect(error.message.contains("counts"))
    }

    @Test("A projection that has not been restored yet answers nobody, and says so")
    func notRestored() throws {
        let log = try TestStore().store.log
        let snapshots = SnapshotStore(log, keep: 2)
        let library = ReducerLibrary(PosixDisk(), directory: nil, limits: ReducerLimits(), report: { _ in })
        let source = ReducerSource(name: "counts", text: Array(Self.counts.utf8))
        let projection = try Projection(source, reducers: library, snapshots: snapshots, now: Timestamp(nanoseconds: 0))
        // Though there is nothing behind it that it could lack.
        #expect(projection.isBehind(.zero) && !projection.hasBegun)
        for ask in [
            { _ = try projection.current(log, reaching: .zero, waitMilliseconds: 1) },
            { try projection.waitUntilBegun(waitMilliseconds: 1) },
        ] {
            #expect(try #require(throws: StoreError.self) { try ask() }.code == .lagging)
        }
        let start = Timestamp(nanoseconds: 0)
        let begun = try Projection(source, reducers: library, snapshots: snapshots, begins: true, now: start)
        #expect(try begun.current(log, reaching: .zero, waitMilliseconds: 1).stateJSON == Array("{}".utf8))
    }
}
