// Owns: writing the golden store of a new format version, once. It never writes where one stands.

import Disk
import EventModel
import EventRecords
import Foundation
import Testing

@testable import EventStore
@testable import SegmentLog

@Suite struct GoldenMaker {
    /// Set to the name of the version, as `v2`, to have it written.
    private static let wanted = ProcessInfo.processInfo.environment["EVSTORE_GOLDEN"]

    @Test("A golden store is written where none stands", .enabled(if: wanted != nil))
    func make() throws {
        let golden = GoldenStore(try #require(Self.wanted))
        try #require(!FileManager.default.fileExists(atPath: golden.data.path), "a golden store is never written anew")
        try FileManager.default.createDirectory(at: golden.reducers, withIntermediateDirectories: true)
        for (name, lua) in Self.reducers {
            try Data(lua.utf8).write(to: golden.reducers.appending(path: "\(name).lua"))
        }
        var writer = GoldenWriter(golden)
        try writer.write()
        try Data(try golden.checksums().utf8).write(to: golden.folder.appending(path: "CHECKSUMS"))
    }

    private static let reducers = [
        "count": """
        return {
          initial = function() return { total = 0, by_type = {} } end,
          reduce = function(state, event)
            state.total = state.total + 1
            state.by_type[event.event_type] = (state.by_type[event.event_type] or 0) + 1
            return state
          end,
        }

        """,
        "last": """
        return {
          reduce = function(state, event)
            state.id = event.event_id
            state.data = event.data
            return state
          end,
        }

        """,
    ]
}

/// Writes a store in which every kind of file stands.
private struct GoldenWriter {
    private let golden: GoldenStore
    private var number = 0

    private static let options = {
        var options = LogOptions()
        options.segmentBytes = 32 << 10
        options.spareFiles = 0
        options.recycledFiles = 0
        return options
    }()

    init(_ golden: GoldenStore) {
        self.golden = golden
    }

    mutating func write() throws {
        // A compacted segment of several blocks and key pages, and one fresh from sealing behind it.
        try withLog { writer, log, _ in
            try fill(800, "compacted", writer, log)
            try writer.roll()
            while try log.sealOldest() {}
            _ = try log.compact(.everything)
            try fill(60, "sealed", writer, log)
            try writer.roll()
            _ = try log.sealOldest()
            try fill(20, "sealed later", writer, log)
            try writer.mark()
        }
        // A torn write, which recovery puts into the quarantine.
        try withActiveFile { file, end in
            try file.write(Array("FRAM, and then the power went".utf8), at: end)
            try file.sync()
        }
        try withLog { _, _, report in try #require(report.tornBytes > 0) }
        try snapshot()
        // Raw segments that are closed and not sealed, one with records of the store's own and one without, and an active
        // one with frames of several events and a marker.
        try withLog { writer, log, _ in
            try fill(30, "closed", writer, log)
            try writer.roll()
            try fill(10, nil, writer, log)
            try writer.roll()
            try fill(40, "active", writer, log)
            try writer.mark()
        }
        try writeDown()
    }

    private func withLog(_ body: (LogWriter, SegmentLog, RecoveryReport) throws -> Void) throws {
        let opened = try SegmentLog.open(
            PosixDisk(),
            directory: LogDirectory(golden.data.path),
            options: Self.options,
            now: RecordTime(Self.epoch)
        )
        try body(opened.writer, opened.log, opened.report)
    }

    private func withActiveFile(_ body: (any DiskFile, FileOffset) throws -> Void) throws {
        let directory = LogDirectory(golden.data.path)
        let disk = PosixDisk()
        let name = try #require(try disk.names(in: directory.log).filter { $0.hasSuffix(".active") }.max())
        let file = try disk.open("\(directory.log)/\(name)", .readWrite)
        let store = UniqueID(bytes: try #require(try file.bytes(at: FileOffset(16), count: 16)))
        let header = try #require(try FileHeader.read(file, kind: .raw, store: store))
        try body(file, try TailScanner.scan(file, header: header, nextBase: nil).end)
    }

    private func snapshot() throws {
        let copy = try store()
        for name in GoldenStore.projections { _ = try copy.projection(name) }
        try #require(try copy.snapshot().count == GoldenStore.projections.count)
        copy.close()
    }

    private func store() throws -> EventStore {
        var options = StoreOptions(directory: golden.data.path)
        options.log = Self.options
        options.reducersDirectory = golden.reducers.path
        options.projections = GoldenStore.projections
        return try EventStore.open(options, clock: StoreClock { Timestamp(nanoseconds: Self.epoch + 1 << 50) })
    }

    /// Appends events in commits of one to five. What the store says of itself meanwhile are words on a subject named `stage`
    /// and on one that is spoken of again and again.
    private mutating func fill(_ count: Int, _ stage: String?, _ writer: LogWriter, _ log: SegmentLog) throws {
        let end = number + count
        while number < end {
            let buffer = RecordBuffer()
            let events = (0..<min(1 + number % 5, end - number)).map { Self.event(number + $0) }
            for event in events { event.withParts { buffer.append($0) } }
            let isStart = number + count == end
            try commit(writer, log) { frame in
                frame.add(buffer, 0..<buffer.byteCount, records: events.count)
                guard let stage else { return }
                if isStart { frame.addControl(subject: Array(stage.utf8), payload: [0, 0xFF]) }
                if number.isMultiple(of: 3) {
                    frame.addControl(subject: Array("position".utf8), payload: Array("{\"at\":\(number)}".utf8))
                }
            }
            number += events.count
        }
        // A frame of the store's own alone.
        guard let stage else { return }
        try commit(writer, log) { $0.addControl(subject: Array("end of \(stage)".utf8), payload: []) }
    }

    private func commit(_ writer: LogWriter, _ log: SegmentLog, _ fill: (inout CommitFrame) -> Void) throws {
        var frame = CommitFrame(
            firstID: writer.nextID,
            recordedAt: RecordTime(Self.epoch + Int64(number) * 1_000_003)
        )
        fill(&frame)
        let rolls = writer.rolls
        try writer.reserve(byteCount: frame.byteCount)
        if writer.rolls > rolls { _ = try log.sealOldest() }
        try writer.commit(frame)
    }

    private static let epoch: Int64 = 1_760_000_000_000_000_000

    private static func event(_ number: Int) -> NewEvent {
        let mixed = UInt64(number + 1) &* 0x9E37_79B9_7F4A_7C15
        return NewEvent(
            category: ["order", "user", "Käse 🧀"][number % 3],
            aggregateID: number.isMultiple(of: 4) ? "a-\(number % 40)" : "single-\(number)",
            eventType: ["created", "changed", "removed", "renamed"][number / 7 % 4],
            data: Array(
                (number.isMultiple(of: 25)
                    ? "{\"n\": \(number), \"big\": 123456789012345678901234567890, \"text\": \"\\u00e4 ü\"}"
                    : "{\"n\": \(number), \"text\": \"again and again\"}").utf8
            ),
            // Callers' times run to and fro, before 1970 too, with and without fractions; some give none.
            timestamp: number.isMultiple(of: 6)
                ? nil : Timestamp(nanoseconds: Int64(number % 11 - 5) * 86_400_000_000_000 + Int64(number % 3)),
            version: number.isMultiple(of: 9) ? UInt32(number + 2) : 1,
            identifier: number % 50 > 0 ? EventUUID(high: mixed, low: mixed &* mixed).description : nil,
            tags: (0..<number % 4).map { "tag-\($0)" },
            metadata: number.isMultiple(of: 5) ? Array("{\"by\":\"\(number)\"}".utf8) : nil
        )
    }

    /// What a copy reads as. The store itself must not be opened again: that would seal what is to stay raw.
    private func writeDown() throws {
        let copy = try golden.copy()
        let store = try copy.open(golden, segmentBytes: Self.options.segmentBytes)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var lines = Data()
        for event in try store.read(.all, count: .max, byteLimit: .max) {
            lines += try encoder.encode(GoldenEvent(event.event)) + [0x0A]
        }
        try lines.write(to: golden.folder.appending(path: "events.ndjson"))
        var states: [String: String] = [:]
        for name in GoldenStore.projections {
            states[name] = try String(decoding: store.projection(name).stateJSON, as: UTF8.self)
        }
        try encoder.encode(states).write(to: golden.folder.appending(path: "states.json"))
        store.close()
        let controls = try golden.copy().controls()
        try encoder.encode(controls).write(to: golden.folder.appending(path: "controls.json"))
        // What is no data, and heavy.
        for path in try FileManager.default.subpathsOfDirectory(atPath: golden.data.path)
        where path == "LOCK" || path.hasSuffix(".spare") {
            try FileManager.default.removeItem(at: golden.data.appending(path: path))
        }
    }
}
