// Owns: checking and repairing whole stores: nothing is changed by looking, and a repaired store is one like any other.

import Disk
import EventModel
import Foundation
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct RepairTests {
    private static let count = "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"

    /// Two sealed segments of a hundred events, fifty events behind them, and a snapshot; closed.
    private func closedStore() throws -> TestStore {
        let test = try TestStore(reducers: ["count": Self.count])
        for part in 0..<2 {
            test.append((part * 100..<part * 100 + 100).map { .numbered($0) })
            try test.roll()
            #expect(eventually { test.store.info.log.sealedSegments == part + 1 })
        }
        test.append((200..<250).map { .numbered($0) })
        _ = try test.projection("count")
        _ = try test.store.snapshot()
        // A raw file that still stands beside its sealed one would make good what is damaged in that.
        let log = test.options.directory + "/log"
        let isTidy = try eventually {
            try FileManager.default.contentsOfDirectory(atPath: log).count { $0.hasSuffix(".active") } == 1
        }
        #expect(isTidy)
        test.close()
        return test
    }

    private func damage(_ test: TestStore, _ file: String, at offset: Int) throws {
        let url = URL(fileURLWithPath: test.options.directory + "/" + file)
        var bytes = try Data(contentsOf: url)
        bytes[offset] ^= 0x10
        try bytes.write(to: url)
    }

    /// Every file and folder, with its bytes and the times of its last changes.
    private func image(_ directory: String) throws -> [String: String] {
        var image: [String: String] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: directory) + ["."] {
            let path = directory + "/" + name
            var status = stat()
            #expect(stat(path, &status) == 0)
            let bytes = FileManager.default.contents(atPath: path) ?? Data()
            let times = [status.st_mtim, status.st_ctim].map { "\($0.tv_sec).\($0.tv_nsec)" }
            image[name] = "\(times) \(status.st_size) \(bytes.hashValue)"
        }
        return image
    }

    private func snapshotFile(_ test: TestStore) throws -> String {
        let folder = test.options.directory + "/snapshots/count"
        return "snapshots/count/" + (try #require(try FileManager.default.contentsOfDirectory(atPath: folder).first))
    }

    @Test("An offline check looks at every file, and changes nothing: no byte, no name, no time")
    func offline() throws {
        let test = try closedStore()
        let before = try image(test.options.directory)
        let clean = try EventStore.verify(directory: test.options.directory)
        #expect(clean.isClean && clean.records == 250 && clean.segments == 3 && clean.snapshots == 1)
        #expect(try image(test.options.directory) == before)

        try damage(test, "log/00000000000000000101.segment", at: 200)
        try damage(test, try snapshotFile(test), at: 90)
        let damaged = try image(test.options.directory)
        var seen: [Double] = []
        let report = try EventStore.verify(directory: test.options.directory) { seen.append($0) }
        #expect(report.damage == [RecordID(101)...RecordID(200)])
        let snapshot = try snapshotFile(test)
        #expect(report.findings.map(\.file) == ["log/00000000000000000101.segment", snapshot])
        #expect(seen == seen.sorted() && !seen.isEmpty)
        #expect(try image(test.options.directory) == damaged)
    }

    @Test("An offline check makes no lock file where there is none, and is refused where a daemon is")
    func lock() throws {
        let test = try closedStore()
        try FileManager.default.removeItem(atPath: test.options.directory + "/LOCK")
        #expect(try EventStore.verify(directory: test.options.directory).isClean)
        #expect(!FileManager.default.fileExists(atPath: test.options.directory + "/LOCK"))
        try test.restart()
        let error = #expect(throws: OpenError.self) { try EventStore.verify(directory: test.options.directory) }
        guard case .log(.inUse) = error else { return #expect(Bool(false), "\(error as Any)") }
    }

    @Test("A live check finds a damaged snapshot, too, and says how far it is")
    func live() throws {
        let test = try closedStore()
        try test.restart()
        #expect(test.store.verificationProgress == nil)
        #expect(try test.store.verify().isClean)
        try damage(test, try snapshotFile(test), at: 90)
        let report = try test.store.verify()
        let snapshot = try snapshotFile(test)
        #expect(report.damage == [] && report.findings.map(\.file) == [snapshot])
        #expect(test.store.verificationProgress == nil)
    }

    @Test("A repaired store is whole: events as they were, the next id behind every one that was given, states anew")
    func repair() throws {
        let test = try closedStore()
        try test.restart()
        let events = try test.all()
        let uuid = test.store.info.storeUUID
        test.close()
        try damage(test, "log/00000000000000000101.segment", at: 200)
        let before = try image(test.options.directory)
        let report = try EventStore.repair(directory: test.options.directory, into: test.directory.path + "/saved")
        #expect(try image(test.options.directory) == before)
        #expect(report.lost == [RecordID(101)...RecordID(200)] && report.records == 150)
        #expect(try EventStore.verify(directory: test.directory.path + "/saved").isClean)

        try test.restart { $0.directory = test.directory.path + "/saved" }
        #expect(test.store.info.state == .ok && test.store.info.storeUUID != uuid)
        #expect(try test.all() == events.filter { !(101...200).contains($0.id.rawValue) })
        #expect(try test.projection("count") == #"{"count":150}"#)
        #expect(test.append(.numbered(250)) == .appended([251]))
        #expect(test.append(.numbered(1), unless: .unless(aggregate: "nobody", after: 0)) == .appended([252]))
        let note = try String(contentsOfFile: test.options.directory + "/repair.json", encoding: .utf8)
        #expect(note == report.json + "\n" && note.contains(#""lost":[{"first":101,"last":200}],"lost_ids":100"#))
    }

    @Test("A repair that ends early leaves a directory that no daemon takes for a store")
    func interrupted() throws {
        let test = try closedStore()
        let saved = test.directory.path + "/saved"
        _ = try EventStore.repair(directory: test.options.directory, into: saved)
        // As it is just before the last step.
        try FileManager.default.removeItem(atPath: saved + "/store.json")
        #expect(throws: OpenError.self) { try test.restart { $0.directory = saved } }
        #expect(throws: OpenError.self) { try EventStore.verify(directory: saved) }
        #expect(throws: OpenError.self) { try EventStore.repair(directory: test.options.directory, into: saved) }
    }
}
