// Owns: the promises of snapshots: a restart begins from the newest that is sound, and a wrong one is never believed.

import Disk
import DiskSimulation
import EventModel
import Foundation
import Reducers
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct SnapshotTests {
    /// Counts events in its state, and, beside that, how many it was given since it was started.
    private static let counter = """
        local given = 0
        return { reduce = function(s, e) given = given + 1
          return { count = (s.count or 0) + 1, given = given, sum = (s.sum or 0) + e.data.n } end }
        """

    private func store(_ configure: (inout StoreOptions) -> Void = { _ in }) throws -> TestStore {
        try TestStore(reducers: ["counter": Self.counter], configure)
    }

    private func folder(_ test: TestStore) -> String { test.options.directory + "/snapshots/counter" }

    private func files(_ test: TestStore) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder(test)).filter { $0.hasSuffix(".snapshot") }.sorted()
    }

    /// Appends so many events, and takes a snapshot when all have been folded.
    private func append(_ count: Int, to test: TestStore) throws {
        let tail = Int(test.store.tail.rawValue)
        test.append((tail..<tail + count).map { .numbered($0) })
        _ = try test.projection("counter")
        _ = try test.store.snapshot()
    }

    private func remove(_ position: Int, of test: TestStore) throws {
        try FileManager.default.removeItem(atPath: path(position, of: test))
    }

    private func path(_ position: Int, of test: TestStore) -> String {
        let digits = String(position)
        return folder(test) + "/" + String(repeating: "0", count: 20 - digits.count) + digits + ".snapshot"
    }

    private func state(count: Int, given: Int) -> String {
        #"{"count":\#(count),"given":\#(given),"sum":\#((0..<count).reduce(0, +))}"#
    }

    @Test("A restart begins from the newest snapshot and folds the tail alone")
    func snapshotAndTail() throws {
        let test = try store()
        try append(30, to: test)
        try append(12, to: test)
        test.close()
        try remove(42, of: test)
        try test.restart()
        #expect(try test.projection("counter") == state(count: 42, given: 12))
    }

    @Test("A clean stop takes a snapshot, so that a restart folds nothing")
    func cleanStop() throws {
        let test = try store()
        test.append((0..<25).map { .numbered($0) })
        _ = try test.projection("counter")
        test.close()
        #expect(try files(test).count == 1)
        try test.restart()
        test.append(.numbered(25))
        #expect(try test.projection("counter") == state(count: 26, given: 1))
    }

    @Test("A damaged snapshot is passed over, reported and kept: an older one counts, or the log")
    func damaged() throws {
        let test = try store()
        try append(10, to: test)
        try append(10, to: test)
        try append(10, to: test)
        test.close()
        for (position, given) in [(30, 10), (20, 20), (10, 30)] {
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path(position, of: test)))
            bytes[bytes.count - 5] ^= 1
            try bytes.write(to: URL(fileURLWithPath: path(position, of: test)))
            try test.restart()
            #expect(try test.projection("counter") == state(count: 30, given: given))
            #expect(test.reports.contains { $0.contains("counter") && $0.contains("cannot be read") })
            #expect(FileManager.default.fileExists(atPath: path(position, of: test)))
            // What the stop saved anew would hide the next one.
            test.close()
            try remove(30, of: test)
        }
    }

    @Test("A snapshot that is empty, cut short or of an unknown version is passed over", arguments: [0, 40, 83, 90])
    func cut(bytes: Int) throws {
        let test = try store()
        try append(10, to: test)
        test.close()
        let whole = try Data(contentsOf: URL(fileURLWithPath: path(10, of: test)))
        try whole.prefix(bytes).write(to: URL(fileURLWithPath: path(10, of: test)))
        try test.restart()
        #expect(try test.projection("counter") == state(count: 10, given: 10))
    }

    @Test(
        "A snapshot that is newer than the log is reported, and never believed, not even once the log has grown past it"
    )
    func newerThanTheLog() throws {
        let test = try store()
        try append(10, to: test)
        test.close()
        let (data, copy) = (test.options.directory, test.directory.path + "/copy")
        try FileManager.default.copyItem(atPath: data, toPath: copy)
        try test.restart()
        try append(10, to: test)
        test.close()
        // The log goes back in time, the snapshot stays.
        try FileManager.default.copyItem(
            atPath: path(20, of: test),
            toPath: copy + "/snapshots/counter/" + (path(20, of: test) as NSString).lastPathComponent
        )
        try FileManager.default.removeItem(atPath: data)
        try FileManager.default.moveItem(atPath: copy, toPath: data)
        try test.restart()
        #expect(try test.projection("counter") == state(count: 10, given: 10))
        #expect(test.reports.contains { $0.contains("newer than the log") })
        test.append((0..<15).map { _ in .numbered(1000) })
        _ = try test.projection("counter")
        try test.restart()
        let expected = (0..<10).reduce(0, +) + 15_000
        #expect(try test.projection("counter").contains("\"sum\":\(expected)"))
        #expect(
            try test.projection("counter", asOf: .id(EventID(21))).contains("\"sum\":\((0..<10).reduce(0, +) + 11_000)")
        )
    }

    @Test("A snapshot of another store is not believed")
    func foreign() throws {
        let (test, other) = (try store(), try store())
        try append(10, to: test)
        other.append((0..<20).map { _ in .numbered(7) })
        _ = try other.projection("counter")
        other.close()
        test.append((10..<30).map { .numbered($0) })
        _ = try test.projection("counter")
        test.close()
        for name in try files(test) where !name.contains("10.snap") {
            try FileManager.default.removeItem(atPath: folder(test) + "/" + name)
        }
        try FileManager.default.copyItem(atPath: path(20, of: other), toPath: path(20, of: test))
        try test.restart()
        #expect(try test.projection("counter") == state(count: 30, given: 20))
    }

    @Test("Snapshots are taken by themselves every so many events")
    func policy() throws {
        let test = try store {
            $0.snapshots.everyEvents = 10
            $0.snapshots.workPerSnapshot = 0
        }
        for n in 0..<35 {
            test.append(.numbered(n))
            _ = try test.projection("counter")
        }
        #expect(try eventually { try files(test).count >= 3 })
    }

    @Test("The ladder keeps a bounded number of rungs, spread over all of history, the newest among them")
    func ladder() throws {
        let test = try store { $0.snapshots.keep = 5 }
        for _ in 0..<40 { try append(5, to: test) }
        let positions = try files(test).map { Int($0.prefix(20))! }
        #expect(positions.count == 5)
        #expect(positions.last == 200)
        let gaps = zip([0] + positions, positions).map { $1 - $0 }
        #expect(gaps.max()! <= 100, "\(positions)")
        for id in [1, 37, 100, 163, 200] {
            #expect(try test.projection("counter", asOf: .id(EventID(UInt64(id)))).hasPrefix("{\"count\":\(id),"))
        }
    }

    @Test("A projection whose state is no JSON keeps nobody else from their snapshot")
    func stateThatIsNoJSON() throws {
        let test = try TestStore(reducers: [
            "a_function": "return { reduce = function(s, e) return { f = print or function() end } end }",
            "counter": Self.counter,
        ])
        test.append(.numbered(0))
        _ = try test.projection("counter")
        _ = try? test.store.snapshot()
        #expect(try files(test).count == 1)
        test.append(.numbered(1))
        _ = try test.projection("counter")
        test.close()
        #expect(try files(test).count == 2)
    }

    @Test("Of a file that is too long for the state it announces, or is none, only the header is read")
    func tooLong() throws {
        let store = UniqueID.random()
        let snapshot = Snapshot(
            hash: ContentHash(value: 1),
            position: EventID(2),
            state: FoldState(lastEvent: EventID(2), maximumTimestamp: Timestamp(nanoseconds: 3), eventsProcessed: 2),
            stateJSON: Array("{}".utf8)
        )
        let whole = snapshot.encoded(store: store)
        let long = whole + [UInt8](repeating: 0, count: 20_000)
        var other = long
        other[0] ^= 1
        let disk = SimulatedDisk()
        for (path, bytes) in [("/whole", whole), ("/long", long), ("/other", other)] {
            try disk.open(path, .createNew).write(bytes, at: FileOffset(0))
        }
        #expect(try Snapshot(disk, path: "/whole", store: store) == snapshot)
        for path in ["/long", "/other"] {
            // A read of the rest would fail.
            disk.makeUnreadable(8192..<long.count, of: path)
            #expect(try Snapshot(disk, path: path, store: store) == nil)
        }
    }
}
