// Owns: that one file in the reducers' folder which cannot be read is told, and costs nobody else anything.

import Disk
import DiskSimulation
import EventModel
import Foundation
import Reducers
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct ReducerFolderTests {
    private static let counter = "return { reduce = function(s, e) return { count = (s.count or 0) + 1 } end }"

    /// What can stand in the place of a reducer's file, and a part of the reason that is told for it.
    enum Obstacle: String, CaseIterable, Sendable {
        case link = "leads nowhere"
        case circle = "Too many levels of symbolic links"
        case folder = "Is a directory"
        case pipe = "cannot use as a regular file"
        case long = "it has more than"

        func put(at path: String) throws {
            switch self {
            case .link: try #require(symlink("/nowhere/at/all", path) == 0)
            case .circle: try #require(symlink(path, path) == 0)
            case .folder: try #require(mkdir(path, 0o700) == 0)
            case .pipe: try #require(mkfifo(path, 0o600) == 0)
            case .long:
                try Data().write(to: URL(fileURLWithPath: path))
                try #require(truncate(path, 1 << 40) == 0)
            }
        }
    }

    @Test(arguments: Obstacle.allCases)
    func `A reducer file that cannot be read is passed over and reported, and the others are as ever`(
        _ obstacle: Obstacle
    ) throws {
        let test = try TestStore(reducers: ["counter": Self.counter])
        try obstacle.put(at: test.directory.path + "/reducers/bad.lua")
        try test.restart()
        #expect(test.reports.contains { $0.contains("bad.lua") && $0.contains(obstacle.rawValue) }, "\(test.reports)")
        test.append([.numbered(1), .numbered(2)])
        #expect(try test.projection("counter") == #"{"count":2}"#)
        let missing = #expect(throws: StoreError.self) { try test.store.fold(.named("bad"), .all) }
        #expect(missing?.code == .notFound)
        #expect(missing?.message.contains("bad.lua") == true && missing?.message.contains(obstacle.rawValue) == true)
    }

    @Test(arguments: Obstacle.allCases)
    func `A projection whose file cannot be read does not stop the start: it is shown as faulted, with the reason`(
        _ obstacle: Obstacle
    ) throws {
        let test = try TestStore(reducers: ["counter": Self.counter])
        let file = test.directory.path + "/reducers/counter.lua"
        try FileManager.default.removeItem(atPath: file)
        try obstacle.put(at: file)
        test.append(.numbered(1))
        // While it runs, what was there before is kept.
        #expect(throws: StoreError.self) { try test.store.reload(projections: ["counter"]) }
        #expect(try test.projection("counter") == #"{"count":1}"#)
        try test.restart()
        test.append(.numbered(2))
        let fault = try #require(throws: StoreError.self) { try test.store.projection("counter") }
        #expect(fault.message.contains("counter.lua") && fault.message.contains(obstacle.rawValue), "\(fault)")
        #expect(test.store.projectionStatuses().map(\.health) == [.faulted(fault)])
    }

    @Test(arguments: [("return {", "bad.lua:1:"), ("while true do end", "instruction"), ("return 7", "table")])
    func `A reducer file with a mistake in it is told at the start and in the list, and costs nobody else anything`(
        text: String,
        reason: String
    ) throws {
        let test = try TestStore(reducers: ["counter": Self.counter])
        try test.directory.write(text, to: "reducers/bad.lua")
        try test.directory.write(Self.counter, to: "reducers/not a name.lua")
        try test.directory.write("an editor's", to: "reducers/.bad.lua")
        try test.restart { $0.reducerLimits.instructionsPerEvent = 10_000 }
        #expect(test.reports.contains { $0.contains("bad.lua") && $0.contains(reason) }, "\(test.reports)")
        let statuses = test.store.reducerStatuses()
        #expect(statuses.map(\.name) == ["bad", "counter", "not a name"])
        #expect(statuses.map(\.isProjection) == [false, true, false])
        #expect(statuses.map(\.file).allSatisfy { $0.hasPrefix(test.directory.path + "/reducers/") })
        #expect(statuses[0].fault?.message.contains(reason) == true && statuses[1].fault == nil)
        #expect(statuses[2].fault?.message.contains("a reducer's name is") == true)
        test.append(.numbered(1))
        #expect(try test.projection("counter") == #"{"count":1}"#)
        // It is known by name, so that whoever asks for it learns what is the matter.
        let fault = #expect(throws: StoreError.self) { try test.store.fold(.named("bad"), .all) }
        #expect(fault?.message.contains(reason) == true)
    }

    @Test func `A folder that is not there, or is a file, does not stop the start, and a reload says so`() throws {
        for place in ["nowhere", "file"] {
            let test = try TestStore()
            try test.directory.write("x", to: "file")
            try test.restart {
                $0.reducersDirectory = test.directory.path + "/" + place
                $0.projections = ["counter"]
            }
            test.append(.numbered(1))
            #expect(test.reports.contains { $0.contains("folder cannot be read") && $0.contains(place) })
            let fault = #expect(throws: StoreError.self) { try test.store.projection("counter") }
            #expect(fault?.message.contains(place) == true, "\(fault.map { "\($0)" } ?? "none")")
            #expect(throws: StoreError.self) { try test.store.reload(projections: []) }
            #expect(throws: StoreError.self) { try EventStore.checkReducers(test.options) }
        }
    }

    @Test func `A check finds what a start would find, and opens no store`() throws {
        let test = try TestStore(reducers: ["counter": Self.counter])
        try test.directory.write("return {", to: "reducers/bad.lua")
        var options = test.options
        options.projections = ["counter", "bad", "missing"]
        options.directory = test.directory.path + "/no-store"
        let (files, faults) = try EventStore.checkReducers(options)
        #expect(files.map(\.name) == ["bad", "counter"] && files.map(\.isProjection) == [true, true])
        #expect(faults.map { $0.message.contains("bad.lua:1:") } == [true, false])
        #expect(faults.last?.message.contains("'missing'") == true)
        #expect(!FileManager.default.fileExists(atPath: options.directory))
    }

    @Test func `Reducers may be links to files, in folders that are links, as a mounted ConfigMap has them`() throws {
        let test = try TestStore()
        let folder = test.directory.path + "/reducers"
        try test.directory.write(Self.counter, to: "reducers/..2026_03_01/counter.lua")
        try #require(symlink("..2026_03_01", folder + "/..data") == 0)
        try #require(symlink("..data/counter.lua", folder + "/counter.lua") == 0)
        try test.restart {
            $0.reducersDirectory = folder
            $0.projections = ["counter"]
        }
        test.append(.numbered(1))
        #expect(try test.projection("counter") == #"{"count":1}"#)
        #expect(test.reports == [])
    }

    @Test func `Want of descriptors is no fault of a file: nothing is passed over, and what was on hand stays`() throws
    {
        let disk = SimulatedDisk(directory: "/reducers")
        try disk.replaceFile("counter.lua", in: "/reducers", with: Array(Self.counter.utf8))
        let library = ReducerLibrary(disk, directory: "/reducers", limits: ReducerLimits(), report: { _ in })
        try library.reload()
        disk.failNext(.open, errno: EMFILE)
        #expect(throws: StoreError.self) { try library.reload() }
        #expect(library.names == ["counter"])
        disk.failNext(.open, errno: EACCES)
        try library.reload()
        #expect(library.names == [])
        #expect(
            #expect(throws: StoreError.self) { try library.source("counter") }?.message.contains("Permission") == true
        )
    }
}
