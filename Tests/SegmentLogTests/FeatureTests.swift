// Owns: files that use what this version does not know: refused by name where a reader must know it, left as they are where a
// writer must, and read like any other where nobody need.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct FeatureTests {
    private static let sealed = [storeDirectory.sealed(RecordID(1)), storeDirectory.sealed(RecordID(4))]
    private static let closed = storeDirectory.active(RecordID(7))
    private static let active = storeDirectory.active(RecordID(10))

    /// Two sealed segments, a closed raw one, and one that is written to, of three records each.
    private static func disk() throws -> (disk: SimulatedDisk, records: [TestRecord]) {
        let filled = try diskWithLog { log, writer in
            var records: [TestRecord] = []
            for segment in 0..<4 {
                for number in 0..<3 {
                    let payload = noise(300, seed: 10 * segment + number)
                    records += try writer.commit([TestRecord(keys: ["k"], payload: payload)], at: Int64(segment))
                }
                if segment < 3 { try writer.roll() }
                if segment < 2 { _ = try log.sealOldest() }
            }
            try writer.rest()
            return records
        }
        filled.disk.restartProcess()
        return (filled.disk, filled.result)
    }

    /// The header of a file with other feature bits, wherever it stands in it.
    private static func put(_ features: FeatureBits, into path: String, on disk: SimulatedDisk) throws {
        let bytes = disk.bytes(path)
        let kind: FileHeader.Kind = path.hasSuffix(".active") ? .raw : .sealed
        let store = UniqueID(bytes: Array(bytes[16..<32]))
        let old = try #require(try FileHeader.decode(bytes, kind: kind, store: store, path: path))
        let header = FileHeader(
            kind: kind,
            identity: old.identity,
            base: old.base,
            fileBytes: old.fileBytes,
            createdAt: old.createdAt,
            origin: old.origin,
            predecessor: old.predecessor,
            features: features
        )
        .encoded()
        try disk.patch(path, 0..<header.count) { $0 = header }
        if kind == .raw { return try disk.patch(path, 4_096..<4_096 + header.count) { $0 = header } }
        let length = try #require(SealedFooter.length(bytes))
        try disk.patch(path, bytes.count - length..<bytes.count) { footer in
            footer.replaceSubrange(0..<header.count, with: header)
            let crc = Checksum.crc32(Array(footer.dropLast(12)))
            footer.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: length - 12) }
        }
    }

    private static func open(readOnly disk: SimulatedDisk) throws -> SegmentLog {
        try SegmentLog.openReadOnly(disk, directory: storeDirectory, options: .small).log
    }

    @Test(arguments: sealed + [closed, active])
    func `A bit that a reader must know is refused by name, and not a byte is written`(_ path: String) throws {
        let (disk, _) = try Self.disk()
        try Self.put(FeatureBits(mustRead: 4), into: path, on: disk)
        let before = disk.image
        let refusal = LogError.unknownFormat(path: path, found: "feature bits 4 that a reader must know")
        #expect(throws: refusal) { try openLog(disk) }
        #expect(throws: refusal) { try Self.open(readOnly: disk) }
        #expect(disk.image == before)
    }

    @Test(arguments: sealed + [closed, active])
    func `A bit that anybody may ignore changes nothing`(_ path: String) throws {
        let (disk, records) = try Self.disk()
        try Self.put(FeatureBits(mayIgnore: 1 << 31), into: path, on: disk)
        let (log, writer, report) = try openLog(disk)
        #expect(report.notes == [] && report.damage == [])
        #expect(try log.view.records() == records)
        #expect(try log.verify().isClean)
        try writer.commit([TestRecord()], at: 9)
        #expect(log.view.segments.count == 4)
        try writer.roll()
        while try log.sealOldest() {}
        _ = try log.compact(.everything)
        #expect(log.view.segments.count == 2)
    }

    /// Bytes where this version has zeros are a later version's, who has said so.
    @Test func `Behind a bit that may be ignored, zeros need not be zeros`() throws {
        let (disk, records) = try Self.disk()
        for path in [Self.closed, Self.active] {
            try Self.put(FeatureBits(mayIgnore: 1), into: path, on: disk)
            for place in [200, 4_090, 4_300, 8_191, 61_440 + 200] { disk.flip(bit: 1, at: place, of: path) }
        }
        let (log, _, report) = try openLog(disk)
        #expect(report.damage == [])
        #expect(try log.view.records() == records)
        #expect(try log.verify().problems.filter { !$0.contains("trailer") } == [])
    }

    @Test(arguments: sealed + [closed, active])
    func `A bit that a writer must know leaves the file as it is, and the rest goes on`(_ path: String) throws {
        let (disk, records) = try Self.disk()
        try Self.put(FeatureBits(mustWrite: 2), into: path, on: disk)
        let bytes = disk.bytes(path)
        var expected = records
        for life in 1...2 as ClosedRange<Int64> {
            do {
                let (log, writer, report) = try openLog(disk)
                #expect(report.damage == [])
                #expect(try log.view.records() == expected)
                for number in 0..<2 {
                    expected += try writer.commit([TestRecord(keys: ["new"])], at: 10 * life + Int64(number))
                    try writer.roll()
                }
                while try log.sealOldest() {}
                _ = try log.compact(.everything)
                _ = try log.replenishSpares()
                try writer.rest()
                #expect(try log.view.records() == expected)
                #expect(try log.verify().isClean)
            }
            disk.restartProcess()
            #expect(disk.bytes(path) == bytes, "life \(life)")
        }
    }

    @Test func `An empty segment that a writer must know keeps its name`() throws {
        let (disk, records) = try Self.disk()
        do {
            let (_, writer, _) = try openLog(disk)
            try writer.roll()
            try writer.rest()
        }
        disk.restartProcess()
        let path = storeDirectory.active(RecordID(13))
        try Self.put(FeatureBits(mustWrite: 1), into: path, on: disk)
        let before = disk.image
        #expect(throws: LogError.self) { try openLog(disk) }
        #expect(disk.bytes(path) == before[path])
        disk.restartProcess()
        #expect(try Self.open(readOnly: disk).view.records() == records)
    }

    @Test func `What has been sealed is not removed where only a later version may write it`() throws {
        let (disk, records) = try Self.disk()
        let raw = disk.bytes(Self.closed)
        do {
            let (log, writer, _) = try openLog(disk)
            while try log.sealOldest() {}
            _ = try log.replenishSpares()
            try writer.rest()
        }
        disk.restartProcess()
        // As a crash behind the rename leaves it.
        try disk.open(Self.closed, .createOrTruncate).write(raw, at: FileOffset(0))
        try Self.put(FeatureBits(mustWrite: 1), into: Self.closed, on: disk)
        let (log, _, _) = try openLog(disk)
        _ = try log.replenishSpares()
        #expect(try log.view.records() == records)
        #expect(disk.bytes(Self.closed).count == raw.count)
    }

    // MARK: The manifest

    private static func putManifest(_ features: FeatureBits, on disk: SimulatedDisk) throws {
        for place in [0, 2_048, 4_096, 6_144] {
            try disk.patch(storeDirectory.manifest, place..<place + Manifest.entryBytes) { entry in
                guard entry.contains(where: { $0 != 0 }) else { return }
                var bits: [UInt8] = []
                features.append(to: &bits)
                entry.replaceSubrange(40..<52, with: bits)
                entry.replaceSubrange(12..<16, with: [0, 0, 0, 0])
                let crc = Checksum.crc32(entry)
                entry.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: 12) }
            }
        }
    }

    @Test func `In the manifest, a bit stands for the whole store`() throws {
        let (disk, records) = try Self.disk()
        for (features, isRead, isWritten) in [
            (FeatureBits(mustRead: 1), false, false), (FeatureBits(mustWrite: 1), true, false),
            (FeatureBits(mayIgnore: 1), true, true),
        ] {
            let copy = disk.copy()
            try Self.putManifest(features, on: copy)
            let before = copy.image
            if isRead {
                let log = try Self.open(readOnly: copy)
                #expect(try log.view.records() == records && log.verify().isClean)
            } else {
                #expect(throws: LogError.self) { try Self.open(readOnly: copy) }
            }
            if isWritten {
                #expect(try openLog(copy).writer.commit([TestRecord()], at: 9)[0].id == RecordID(13))
            } else {
                let error = try #require(throws: LogError.self) { try openLog(copy) }
                guard case .unknownFormat(storeDirectory.manifest, _) = error else { throw error }
                #expect(copy.image == before)
            }
        }
    }
}
