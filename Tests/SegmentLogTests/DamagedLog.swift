// Owns: a small log in every shape that damage can meet, and the ways to damage it: what the tests of reading on, of
// checking and of repairing have in common.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

/// Two sealed segments of three blocks each, and an active one of four frames; closed in good order.
enum DamagedLog {
    static let sealed = [storeDirectory.sealed(RecordID(1)), storeDirectory.sealed(RecordID(31))]
    static let active = storeDirectory.active(RecordID(61))
    static var options: LogOptions {
        var options = LogOptions.small
        options.segmentBytes = 256 << 10
        return options
    }

    static func disk() throws -> (disk: SimulatedDisk, result: [TestRecord]) {
        try diskWithLog(options) { log, writer in
            var records: [TestRecord] = []
            for index in 0..<60 {
                let keys = ["all", index.isMultiple(of: 2) ? "even" : "odd", "k\(index / 10)"]
                records += try writer.commit(
                    [TestRecord(keys: keys, payload: [UInt8](repeating: UInt8(index), count: 6_600))],
                    at: Int64(1 + index)
                )
                if index % 30 == 29 {
                    try writer.roll()
                    _ = try log.sealOldest()
                    _ = try log.replenishSpares()
                }
            }
            for frame in 0..<4 {
                records += try writer.commit(
                    (0..<3).map { TestRecord(keys: ["all", "raw", "k9"], payload: noise(100 + $0, seed: frame)) },
                    at: Int64(100 + frame)
                )
            }
            try writer.mark()
            return records
        }
    }

    static func open(_ disk: SimulatedDisk) throws -> OpenedLog { try openLog(disk, options) }

    /// The blocks of records of a sealed segment.
    static func blocks(of path: String, on disk: SimulatedDisk) throws -> [BlockTable.Entry] {
        let copy = disk.copy()
        let store = try SegmentLog.openReadOnly(copy, directory: storeDirectory).log.store.store
        let file = try copy.open(path, .read)
        return try BlockFinder.find(
            in: file,
            header: try #require(try FileHeader.read(file, kind: .sealed, store: store))
        )
        .entries
    }

    /// Damages one block of records; returns its ids.
    @discardableResult
    static func damage(block: Int, of path: String, on disk: SimulatedDisk) throws -> ClosedRange<RecordID> {
        let entry = try blocks(of: path, on: disk)[block]
        disk.flip(bit: 2, at: Int(entry.block.offset.rawValue) + SealedBlockHeader.bytes + 3, of: path)
        return entry.summary.firstID...entry.summary.lastID
    }
}

extension ClosedRange<RecordID> {
    func contains(_ record: TestRecord) -> Bool { contains(record.id) }
}
