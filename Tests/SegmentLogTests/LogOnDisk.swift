// Owns: what most tests begin with: a log on a simulated disk, and its files.

import Disk
import DiskSimulation
import FaultSimulation

@testable import SegmentLog

let storeDirectory = LogDirectory("/store")

typealias OpenedLog = (log: SegmentLog, writer: LogWriter, report: RecoveryReport)

func openLog(_ disk: any Disk, _ options: LogOptions = .small, now: Int64 = 1) throws -> OpenedLog {
    try SegmentLog.open(disk, directory: storeDirectory, options: options, now: RecordTime(now))
}

/// A disk on which `fill` has written a log and closed it in good order; and what `fill` returned.
func diskWithLog<Result>(
    _ options: LogOptions = .small,
    _ fill: (SegmentLog, LogWriter) throws -> Result
) throws -> (disk: SimulatedDisk, result: Result) {
    let disk = SimulatedDisk()
    let opened = try openLog(disk, options)
    return (disk, try fill(opened.log, opened.writer))
}

extension SimulatedDisk {
    /// Puts an empty raw segment in place, as stands behind every sealed one.
    func beginSegment(_ store: UniqueID, base: RecordID, bytes: Int = LogOptions.small.segmentBytes) throws {
        let identity = SegmentIdentity(store: store, segment: .random())
        let header = FileHeader(kind: .raw, identity: identity, base: base, fileBytes: UInt64(bytes)).encoded()
        let file = try open(storeDirectory.active(base), .createNew)
        try file.reserve(UInt64(bytes))
        try file.write(header, at: FileOffset(0))
        try file.write(header, at: FileHeader.copyOffset)
    }

    /// Writes part of a file anew, as `edit` makes it.
    func patch(_ path: String, _ range: Range<Int>, _ edit: (inout [UInt8]) -> Void) throws {
        var bytes = Array(bytes(path)[range])
        edit(&bytes)
        let file = try open(path, .readWrite)
        try file.write(bytes, at: FileOffset(range.lowerBound))
        try file.sync()
    }

    /// The bytes of a file; none where it is missing.
    func bytes(_ path: String) -> [UInt8] {
        (image[path] ?? nil) ?? []
    }

    /// The names in the store's log directory, sorted.
    var logFiles: [String] {
        image.keys.filter { $0.hasPrefix("/store/log/") }.map { String($0.dropFirst(11)) }.sorted()
    }

    /// The files in the quarantine with their bytes.
    var quarantine: [String: [UInt8]] {
        image.reduce(into: [:]) { files, file in
            if file.key.hasPrefix("/store/quarantine/") { files[file.key] = file.value }
        }
    }
}

extension ClosedRange<RecordID> {
    init(_ lower: UInt64, _ upper: UInt64) {
        self = RecordID(lower)...RecordID(upper)
    }
}

/// The places of frames in the raw segment at `path`, as its headers tell them.
func frames(of path: String, on disk: SimulatedDisk) throws -> [FrameHeader] {
    let file = try disk.open(path, .read)
    let found = try SegmentLog.header(of: file)
    var frames: [FrameHeader] = []
    var offset = FrameHeader.firstOffset
    while let bytes = try file.bytes(at: offset, count: FrameHeader.bytes),
        let frame = bytes.withUnsafeBytes({ FrameHeader($0, at: offset, seed: found.identity.seed) })
    {
        frames.append(frame)
        offset = frame.end
    }
    return frames
}

extension SegmentLog {
    /// The header of a raw segment, whichever store it belongs to.
    static func header(of file: any DiskFile) throws -> FileHeader {
        let store = try file.bytes(at: FileOffset(16), count: 16) ?? []
        guard let header = try FileHeader.read(file, kind: .raw, store: UniqueID(bytes: store)) else {
            throw LogError.unreadable(path: file.path, reason: "no header")
        }
        return header
    }
}
