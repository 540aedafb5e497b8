// Owns: the golden stores: where they lie, what is written down of each, and a copy to work on.

import Disk
import EventModel
import EventStore
import Foundation
import Reducers
import SegmentLog

/// A store that a certain version wrote, with what it must read as for ever.
struct GoldenStore {
    static let projections = ["count", "last"]
    private static let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    let folder: URL

    init(_ version: String) {
        folder = Self.top.appending(path: version)
    }

    var data: URL { folder.appending(path: "data") }
    var reducers: URL { folder.appending(path: "reducers") }

    var events: [GoldenEvent] {
        get throws {
            let decoder = JSONDecoder()
            return try String(contentsOf: folder.appending(path: "events.ndjson"), encoding: .utf8)
                .split(separator: "\n").map { try decoder.decode(GoldenEvent.self, from: Data($0.utf8)) }
        }
    }

    /// The state of each projection behind the last event, as JSON.
    var states: [String: String] {
        get throws {
            try JSONDecoder().decode(
                [String: String].self,
                from: Data(contentsOf: folder.appending(path: "states.json"))
            )
        }
    }

    /// The last word on each subject, in order.
    var controls: [GoldenControl] {
        get throws {
            try JSONDecoder().decode(
                [GoldenControl].self,
                from: Data(contentsOf: folder.appending(path: "controls.json"))
            )
        }
    }

    /// The CRC-32 and the length of every file, as `CHECKSUMS` has them.
    func checksums() throws -> String {
        var lines: [String] = []
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted() {
            var isDirectory: ObjCBool = false
            let file = folder.appending(path: path)
            _ = FileManager.default.fileExists(atPath: file.path, isDirectory: &isDirectory)
            guard !isDirectory.boolValue, path != "CHECKSUMS" else { continue }
            let bytes = try Array(Data(contentsOf: file))
            lines.append("\(Checksum.crc32(bytes)) \(bytes.count) \(path)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A copy of the data directory, removed with the value that holds it.
    func copy() throws -> GoldenCopy {
        try GoldenCopy(of: data)
    }
}

/// An event as it is written down beside a golden store.
struct GoldenEvent: Codable, Equatable {
    let id: UInt64
    let category: String
    let aggregate: String
    let type: String
    let data: String
    let timestamp: Int64
    let recordedAt: Int64
    /// Nil for 1.
    let version: UInt32?
    let uuid: String?
    /// Nil for none.
    let tags: [String]?
    let metadata: String?

    private enum CodingKeys: String, CodingKey {
        case id, category, aggregate, type, data, version, uuid, tags, metadata
        case timestamp = "at"
        case recordedAt = "recorded"
    }

    init(_ event: Event) {
        id = event.id.rawValue
        category = event.category
        aggregate = event.aggregateID
        type = event.eventType
        data = String(decoding: event.data, as: UTF8.self)
        timestamp = event.timestamp.nanoseconds
        recordedAt = event.recordedAt.nanoseconds
        version = event.version == 1 ? nil : event.version
        uuid = event.identifier
        tags = event.tags.isEmpty ? nil : event.tags
        metadata = event.metadata.map { String(decoding: $0, as: UTF8.self) }
    }
}

/// What a store says of itself, as it is written down beside it.
struct GoldenControl: Codable, Equatable {
    let sequence: UInt64
    let position: UInt64
    let recordedAt: Int64
    let subject: String
    let payload: [UInt8]

    init(_ record: ControlRecord) {
        sequence = record.sequence
        position = record.position.rawValue
        recordedAt = record.recordedAt.rawValue
        subject = String(decoding: record.subject, as: UTF8.self)
        payload = record.payload
    }
}

/// A directory of a test's own with a copy of a golden store in it.
final class GoldenCopy {
    let directory: URL

    init(of original: URL) throws {
        var template = Array("/tmp/evstore-golden-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "/tmp takes a directory")
        directory = URL(
            filePath: String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        )
        try FileManager.default.copyItem(at: original, to: data)
        // Git keeps no empty folder.
        for name in ["log", "snapshots", "quarantine"] {
            try FileManager.default.createDirectory(
                at: data.appending(path: name),
                withIntermediateDirectories: true
            )
        }
    }

    deinit {
        try? FileManager.default.removeItem(at: directory)
    }

    var data: URL { directory.appending(path: "data") }

    func copy() throws -> GoldenCopy {
        try GoldenCopy(of: data)
    }

    /// Every file with its bytes, except the lock, which is no data.
    func image() throws -> [String: Data] {
        var image: [String: Data] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: data.path) where path != "LOCK" {
            image[path] = FileManager.default.contents(atPath: data.appending(path: path).path) ?? Data()
        }
        return image
    }

    /// What the store says of itself, whether it is open or not.
    func controls() throws -> [GoldenControl] {
        let copy = try copy()
        let opened = try SegmentLog.openReadOnly(PosixDisk(), directory: LogDirectory(copy.data.path))
        return opened.log.controls.current.map(GoldenControl.init)
    }

    /// `snapshots` says how many of a projection are kept.
    func open(_ golden: GoldenStore, segmentBytes: Int = 1 << 20, snapshots: Int = 64) throws -> EventStore {
        var options = StoreOptions(directory: data.path)
        options.snapshots.keep = snapshots
        options.log.segmentBytes = segmentBytes
        options.log.spareFiles = 0
        options.log.recycledFiles = 0
        options.reducersDirectory = golden.reducers.path
        options.projections = GoldenStore.projections
        return try EventStore.open(options, clock: StoreClock { Timestamp(nanoseconds: 2_000_000_000_000_000_000) })
    }
}
