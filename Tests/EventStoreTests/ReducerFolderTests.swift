// Owns: that one file in the reducers' folder which cannot be read is told, and costs nobody else anything.

import Disk
import DiskSimulation
import EventModel
import Foundation
import Reducers
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(2))) struct ReducerFolderTests {
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

    @Test func `A projection whose file cannot be read is a mistake in the configuration, with file and reason`() throws
    {
        let test = try TestStore(reducers: ["counter": Self.counter])
        let file = test.directory.path + "/reducers/counter.lua"
        try FileManager.default.removeItem(atPath: file)
        try #require(symlink("/nowhere/at/all", file) == 0)
        test.append(.numbered(1))
        // While it runs, what was there before is kept.
        #expect(throws: StoreError.self) { try test.store.reload(projections: ["counter"]) }
        #expect(try test.projection("counter") == #"{"count":1}"#)
        let error = #expect(throws: OpenError.self) { try test.restart() }
        guard case .configuration(let mistake) = error else {
            Issue.record("not a mistake in the configuration: \(error.map { "\($0)" } ?? "none")")
            return
        }
        #expect(mistake.message.contains("counter.lua") && mistake.message.contains("leads nowhere"))
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
