// Owns: the promise that what a version has written is read for ever.

import EventModel
import Foundation
import SegmentLog
import Testing

@testable import EventStore

@Suite struct GoldenTests {
    static let versions = ["v1"]

    @Test("A golden store has not been touched since it was written", arguments: versions)
    func untouched(version: String) throws {
        let golden = GoldenStore(version)
        let listed = try String(contentsOf: golden.folder.appending(path: "CHECKSUMS"), encoding: .utf8)
        #expect(try golden.checksums() == listed)
    }

    @Test(
        "What a version has written is read for ever, by id, by filter, backwards and in time, and appends go on",
        arguments: versions,
        [16 << 10, 1 << 20]
    )
    func reading(version: String, segmentBytes: Int) throws {
        let golden = GoldenStore(version)
        let copy = try golden.copy()
        var expected = try golden.events
        let first = try copy.open(golden, segmentBytes: segmentBytes)
        try compare(first, expected)
        for (name, state) in try golden.states {
            #expect(try String(decoding: first.projection(name).stateJSON, as: UTF8.self) == state)
        }
        let appended = first.append(20)
        #expect(appended == EventID(UInt64(expected.count) + 1))
        expected += try first.read(Filter(after: EventID(UInt64(expected.count))), count: 100)
            .map { GoldenEvent($0.event) }
        #expect(expected.count == Int(appended?.rawValue ?? 0) + 19)
        first.close()

        // The next process.
        let moved = try copy.copy()
        let second = try moved.open(golden, segmentBytes: segmentBytes)
        try compare(second, expected)
        _ = try second.compact()
        try compare(second, expected)
        second.close()
    }

    private func compare(_ store: EventStore, _ expected: [GoldenEvent]) throws {
        #expect(try store.verify().isClean)
        func read(_ filter: Filter, reversed: Bool = false) throws -> [GoldenEvent] {
            try store.read(filter, count: .max, reversed: reversed, byteLimit: .max).map { GoldenEvent($0.event) }
        }
        #expect(try read(.all) == expected)
        #expect(try read(.all, reversed: true) == expected.reversed())
        for event in expected {
            #expect(try store.event(EventID(event.id)).map { GoldenEvent($0.event) } == event)
        }
        func filtered(_ criteria: Criteria, _ isMatch: (GoldenEvent) -> Bool) throws {
            let matches = expected.filter(isMatch)
            #expect(try read(Filter(alternatives: [criteria])) == matches)
            #expect(try store.count(Filter(alternatives: [criteria])) == matches.count)
        }
        for category in Set(expected.map(\.category)) {
            try filtered(Criteria(categories: [category])) { $0.category == category }
        }
        for type in Set(expected.map(\.type)) { try filtered(Criteria(types: [type])) { $0.type == type } }
        for tag in Set(expected.flatMap { $0.tags ?? [] }) {
            try filtered(Criteria(tags: [tag])) { $0.tags?.contains(tag) == true }
        }
        for aggregate in Set(expected.map(\.aggregate)).sorted().prefix(40) {
            try filtered(Criteria(aggregates: [aggregate])) { $0.aggregate == aggregate }
        }
        let middle = Timestamp(nanoseconds: expected[expected.count / 2].timestamp)
        #expect(try read(Filter(since: middle)) == expected.filter { $0.timestamp >= middle.nanoseconds })
        #expect(try read(Filter(until: middle)) == expected.filter { $0.timestamp <= middle.nanoseconds })
    }

    /// A file of a golden store, and where its version stands.
    private static let later: [(file: String, version: Int)] = [
        ("log/", 8), ("log/.active", 8), ("log/.active", 10), ("log/.segment", 8), ("log/.segment", 10),
        ("log/.segment footer", 152), ("log/.segment footer", 154), ("store.json", 0),
    ]

    @Test("A store with one file of a later version is refused, and not a byte is written", arguments: versions)
    func laterVersions(version: String) throws {
        let golden = GoldenStore(version)
        for (file, offset) in Self.later {
            let copy = try golden.copy()
            try copy.makeLater(file, at: offset)
            let before = try copy.image()
            #expect(throws: OpenError.self, "\(file) \(offset)") { try copy.open(golden) }
            #expect(try copy.image() == before, "\(file) \(offset)")
        }
    }

    @Test(
        "A snapshot of a later version is passed over and kept, and the state is right",
        arguments: versions,
        [8, 10]
    )
    func laterSnapshot(version: String, offset: Int) throws {
        let golden = GoldenStore(version)
        let copy = try golden.copy()
        let snapshots = try copy.image().keys.filter { $0.hasSuffix(".snapshot") }
        #expect(snapshots.count >= 2)
        for path in snapshots { try copy.patch(path) { $0[offset] += 1 } }
        let before = try copy.image().filter { snapshots.contains($0.key) }
        let store = try copy.open(golden)
        for (name, state) in try golden.states {
            #expect(try String(decoding: store.projection(name).stateJSON, as: UTF8.self) == state)
        }
        store.close()
        #expect(try copy.image().filter { snapshots.contains($0.key) } == before)
    }
}

extension GoldenCopy {
    func patch(_ path: String, _ edit: (inout [UInt8]) -> Void) throws {
        let file = data.appending(path: path)
        var bytes = try Array(Data(contentsOf: file))
        edit(&bytes)
        try Data(bytes).write(to: file)
    }

    /// Gives a file a version, or feature bits, from the future, and makes its checksum right.
    func makeLater(_ file: String, at offset: Int) throws {
        if file == "store.json" {
            return try patch(file) { bytes in
                bytes = Array(
                    String(decoding: bytes, as: UTF8.self).replacing("\"format\":1", with: "\"format\":2").utf8
                )
            }
        }
        let suffix = file.contains(".segment") ? ".segment" : ".active"
        let names = try image().keys.filter { $0.hasPrefix("log/") && $0.hasSuffix(suffix) }.sorted()
        try patch(file == "log/" ? names[0] : names[names.count - 1]) { bytes in
            if file.hasSuffix("footer") {
                let start = bytes.count - 160
                bytes[start + offset] += 1
                bytes.replaceSubrange(start + 8..<start + 12, with: Checksum.crc32(Array(bytes[(start + 12)...])).bytes)
            } else {
                var header = Array(bytes[..<64])
                header[offset] += 1
                header.replaceSubrange(12..<16, with: [0, 0, 0, 0])
                header.replaceSubrange(12..<16, with: Checksum.crc32(header).bytes)
                bytes.replaceSubrange(..<64, with: header)
            }
        }
    }
}

extension UInt32 {
    fileprivate var bytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
}

extension EventStore {
    /// Appends events and waits; returns the id of the first.
    fileprivate func append(_ count: Int) -> EventID? {
        let sink = WaitingSink()
        let batch = AppendBatch(sink: sink)
        for number in 0..<count {
            let data = Array("{\"number\":\(number)}".utf8)
            NewEvent(category: "later", aggregateID: "later-\(number)", eventType: "added", data: data).withParts {
                batch.append($0, by: sink)
            }
        }
        guard submit(batch) else { return nil }
        sink.wait()
        var first: EventID?
        batch.forEachOutcome { settled in
            if case .appended(let id) = settled.outcome, first == nil { first = id }
        }
        return first
    }
}

private final class WaitingSink: AppendSink {
    private let done = Monitor(false)

    func complete(_ batches: [AppendBatch]) { done.update { $0 = true } }
    func wait() { _ = done.wait { $0 ? true : nil } }
}
