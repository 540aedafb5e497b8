// Owns: snapshots that are not what they should be: no flip of one is read, and one of another past of the log is not believed.

import Disk
import DiskSimulation
import EventModel
import Foundation
import Reducers
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct SnapshotDistrustTests {
    private static let counter = """
        return { reduce = function(s, e) return { count = (s.count or 0) + 1, sum = (s.sum or 0) + e.data.n } end }
        """

    private static func store() throws -> TestStore { try TestStore(reducers: ["counter": counter]) }

    private static func name(_ position: Int) -> String {
        let digits = String(position)
        return String(repeating: "0", count: 20 - digits.count) + digits + ".snapshot"
    }

    private static func folder(_ test: TestStore) -> String { test.options.directory + "/snapshots/counter" }

    private static func snapshot() -> Snapshot {
        Snapshot(
            hash: ContentHash(value: 1 << 100),
            position: EventID(2),
            state: FoldState(lastEvent: EventID(2), maximumTimestamp: Timestamp(nanoseconds: 3), eventsProcessed: 2),
            stateJSON: Array(#"{"a":[1,2,3,4,5,6,7,8,9,10],"b":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}"#.utf8)
        )
    }

    @Test func `A snapshot is read back, and no flip of any bit of it is, nor one that was cut or lengthened`() throws {
        let (store, snapshot) = (UniqueID.random(), Self.snapshot())
        let whole = snapshot.encoded(store: store)
        #expect(Snapshot(whole, store: store) == snapshot)
        #expect(Snapshot(whole, store: .random()) == nil)
        for bit in 0..<whole.count * 8 {
            var flipped = whole
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(Snapshot(flipped, store: store) == nil, "bit \(bit)")
            #expect(SnapshotHead(flipped, store: store) == nil, "bit \(bit)")
        }
        for count in 0..<whole.count {
            #expect(Snapshot(Array(whole[..<count]), store: store) == nil, "\(count) bytes")
        }
        #expect(Snapshot(whole + [0], store: store) == nil)
    }

    /// A field with another value, and a checksum that is right.
    private static func saying(_ value: UInt8, at offset: Int, _ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        bytes[offset] = value
        bytes.replaceSubrange(12..<16, with: [0, 0, 0, 0])
        let crc = Checksum.crc32(bytes)
        withUnsafeBytes(of: crc.littleEndian) { bytes.replaceSubrange(12..<16, with: $0) }
        return bytes
    }

    @Test func `What a snapshot uses that this version does not know is refused, or ignored where it may be`() throws {
        let (store, snapshot) = (UniqueID.random(), Self.snapshot())
        let whole = snapshot.encoded(store: store)
        let refused: [(String, Int, UInt8)] = [
            ("magic", 0, 0x46), ("version", 8, 3), ("header bytes", 10, 159), ("must know to read", 32, 1),
            ("codec", 44, 2), ("checksum", 45, 2), ("raw bytes", 112, 1), ("raw bytes beyond all", 119, 0xFF),
            ("content bytes", 120, 1), ("a last event behind its position", 72, 3),
            ("a last event at the greatest id", 79, 0xFF), ("more events than its position", 80, 3),
            ("as many events as a number can count", 87, 0xFF),
        ]
        for (name, offset, value) in refused {
            #expect(Snapshot(Self.saying(value, at: offset, whole), store: store) == nil, "\(name)")
        }
        for (name, offset) in [("must know to write", 36), ("may ignore", 40), ("writer", 128)] {
            #expect(Snapshot(Self.saying(9, at: offset, whole), store: store) == snapshot, "\(name)")
        }
    }

    @Test func `A snapshot of another past of the log, which has other events now, is not believed and set aside`()
        throws
    {
        let test = try Self.store()
        test.append((0..<10).map { .numbered($0) })
        test.close()
        let (data, other) = (test.options.directory, test.directory.path + "/other")
        try FileManager.default.copyItem(atPath: data, toPath: other)
        try test.restart()
        test.append((10..<20).map { .numbered($0) })
        _ = try test.projection("counter")
        _ = try test.store.snapshot()
        test.close()
        let stranger = try Data(contentsOf: URL(fileURLWithPath: Self.folder(test) + "/" + Self.name(20)))
        // The log goes back to its first ten events, and on with others at the same moments.
        try FileManager.default.removeItem(atPath: data)
        try FileManager.default.moveItem(atPath: other, toPath: data)
        try test.restart()
        test.append((0..<15).map { _ in .numbered(1_000) })
        test.close()
        for name in try FileManager.default.contentsOfDirectory(atPath: Self.folder(test)) {
            try FileManager.default.removeItem(atPath: Self.folder(test) + "/" + name)
        }
        try stranger.write(to: URL(fileURLWithPath: Self.folder(test) + "/" + Self.name(20)))
        try test.restart()
        #expect(try test.projection("counter") == #"{"count":25,"sum":\#(45 + 15_000)}"#)
        #expect(test.reports.contains { $0.contains("another event than the log has there") }, "\(test.reports)")
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder(test))
        #expect(names.contains(Self.name(20) + ".stranger") && !names.contains(Self.name(20)))
        let kept = try Data(contentsOf: URL(fileURLWithPath: Self.folder(test) + "/" + Self.name(20) + ".stranger"))
        #expect(kept == stranger)
    }

    @Test func `A link, a pipe or a folder named like a snapshot is passed over and noted, and a check tells`() throws {
        let test = try Self.store()
        test.append((0..<10).map { .numbered($0) })
        _ = try test.projection("counter")
        test.close()
        let path = Self.folder(test) + "/" + Self.name(7)
        let puts: [(String, () -> Bool)] = [
            ("a link", { symlink(Self.folder(test) + "/" + Self.name(10), path) == 0 }),
            ("a link that leads nowhere", { symlink("/nowhere/at/all", path) == 0 }),
            ("a pipe", { mkfifo(path, 0o600) == 0 }),
            ("a folder", { mkdir(path, 0o700) == 0 }),
        ]
        for (name, put) in puts {
            try #require(put())
            let told = try EventStore.verify(directory: test.options.directory)
            #expect(told.findings.map(\.file) == ["snapshots/counter/" + Self.name(7)], "\(name)")
            try test.restart()
            #expect(eventually { test.reports.contains { $0.contains(Self.name(7)) } }, "\(name): \(test.reports)")
            #expect(try test.projection("counter") == #"{"count":10,"sum":45}"#, "\(name)")
            #expect(try test.projection("counter", asOf: .id(EventID(8))) == #"{"count":8,"sum":28}"#, "\(name)")
            test.close()
            #expect(remove(path) == 0)
        }
    }
}
