// Owns: the salvage: everything that can be read is in the new log as it was, everything else is named, the old directory
// is not touched, and a salvage that is cut off leaves nothing that looks like a store.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct SalvageTests {
    private static let target = LogDirectory("/saved")

    private func salvage(_ disk: any Disk) throws -> SalvageReport {
        try SegmentLog.salvage(
            disk,
            from: storeDirectory,
            into: Self.target,
            options: DamagedLog.options,
            now: RecordTime(1_700_000_000_000_000_000)
        )
    }

    private func openTarget(_ disk: SimulatedDisk) throws -> OpenedLog {
        try SegmentLog.open(disk, directory: Self.target, options: DamagedLog.options, now: RecordTime(1))
    }

    /// What must hold of every salvage; returns the ids that are lost.
    @discardableResult
    private func expectSaved(_ disk: SimulatedDisk, _ records: [TestRecord], _ comment: Comment? = nil) throws
        -> Set<UInt64>
    {
        let before = disk.image.filter { $0.key.hasPrefix("/store") }
        let tail = try SegmentLog.openReadOnly(disk, directory: storeDirectory, options: DamagedLog.options).log.view
            .tail
        let report = try salvage(disk)
        // Of a file that is gone the salvage does not know the size.
        let next = report.lost.last.map { max($0.upperBound, tail) } ?? tail
        #expect(disk.image.filter { $0.key.hasPrefix("/store") } == before, comment)
        let lost = Set(report.lost.flatMap { $0.lowerBound.rawValue...min($0.upperBound.rawValue, 100_000) })
        let saved = records.filter { !lost.contains($0.id.rawValue) }
        #expect(report.records == UInt64(saved.count), comment)
        #expect(try SegmentLog.openReadOnly(disk, directory: Self.target).log.verify().isClean, comment)
        let (log, writer, opening) = try openTarget(disk)
        #expect(opening.damage == [] && opening.notes == [], comment)
        #expect(try log.view.records() == saved, comment)
        #expect(writer.nextID == next.next, comment)
        #expect(log.store.store == report.store && report.store != report.source, comment)
        for key in ["even", "k3", "raw"] {
            let query = LogQuery(keys: KeyExpression(alternatives: [[[Array(key.utf8)]]]))
            #expect(try log.view.records(query) == saved.filter { $0.keys.contains(key) }, comment)
        }
        return lost
    }

    @Test func `Of a whole log everything is saved, ids, times, keys and payloads unchanged`() throws {
        let (disk, records) = try DamagedLog.disk()
        #expect(try expectSaved(disk, records) == [])
    }

    @Test func `Without store.json the segments say which store it was; no daemon opens it, and all is saved`() throws {
        let path = "/store/\(StoreFile.name)"
        let damages: [String: (SimulatedDisk) throws -> Void] = [
            "checksum": { (disk: SimulatedDisk) in disk.flip(bit: 0, at: 20, of: path) },
            "version": { (disk: SimulatedDisk) in disk.flip(bit: 0, at: 10, of: path) },
            "cannot read": { (disk: SimulatedDisk) in disk.makeUnreadable(0..<512, of: path) },
            "regular file": { (disk: SimulatedDisk) in
                try disk.remove(path)
                try disk.createDirectory(path)
            },
            "`evctl repair`": { (disk: SimulatedDisk) in try disk.remove(path) },
        ]
        for (told, damage) in damages {
            let (disk, records) = try DamagedLog.disk()
            let store = try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory).log.store.store
            try damage(disk)
            let before = disk.image
            for open in [
                { _ = try DamagedLog.open(disk) }, { _ = try SegmentLog.openReadOnly(disk, directory: storeDirectory) },
            ] {
                let error = try #require(throws: LogError.self) { try open() }
                #expect("\(error)".contains(told), "\(error)")
            }
            let report = try salvage(disk)
            #expect(disk.image.filter { $0.key.hasPrefix("/store") } == before.filter { $0.key.hasPrefix("/store") })
            #expect(report.source == store && report.lost == [] && report.records == UInt64(records.count))
            #expect(try openTarget(disk).log.view.records() == records)
            // Where they do not agree nobody can say.
            let other = try DamagedLog.disk().disk
            try disk.open(DamagedLog.sealed[1], .createOrTruncate)
                .write(other.bytes(DamagedLog.sealed[1]), at: FileOffset(0))
            try disk.remove("/saved/\(StoreFile.name)")
            #expect(throws: LogError.self) { try salvage(disk) }
        }
    }

    @Test func `A damaged block is a gap, and everything around it is saved`() throws {
        let (disk, records) = try DamagedLog.disk()
        let first = try DamagedLog.damage(block: 1, of: DamagedLog.sealed[0], on: disk)
        let second = try DamagedLog.damage(block: 0, of: DamagedLog.sealed[1], on: disk)
        let expected = [first, second].flatMap { $0.lowerBound.rawValue...$0.upperBound.rawValue }
        #expect(try expectSaved(disk, records) == Set(expected))
    }

    @Test func `What is lost is written down beside the new store`() throws {
        let (disk, _) = try DamagedLog.disk()
        try DamagedLog.damage(block: 1, of: DamagedLog.sealed[0], on: disk)
        let report = try salvage(disk)
        let json = String(decoding: disk.bytes("/saved/repair.json"), as: UTF8.self)
        #expect(
            json
                == "{\"source_store_uuid\":\"\(report.source.digits)\",\"store_uuid\":\"\(report.store.digits)\","
                + "\"repaired_at\":1700000000,\"events\":62,\"lost\":[{\"first\":11,\"last\":20}],\"lost_ids\":10,"
                + "\"torn_bytes\":0}\n"
        )
    }

    @Test
    func
        `A missing segment, a damaged footer and both headers of a file cost what they held, and no id is given twice`()
        throws
    {
        let (disk, records) = try DamagedLog.disk()
        for path in DamagedLog.sealed {
            let missing = disk.copy()
            try missing.remove(path)
            #expect(try expectSaved(missing, records).count == 30)
            let footless = disk.copy()
            footless.flip(bit: 0, at: footless.bytes(path).count - 20, of: path)
            let headless = footless.copy()
            headless.flip(bit: 0, at: 40, of: path)
            #expect(try expectSaved(footless, records) == [])
            #expect(try expectSaved(headless, records).count == 30)
        }
        let tailless = disk.copy()
        try tailless.remove(DamagedLog.active)
        #expect(try expectSaved(tailless, records).isSuperset(of: 61...72))
        let nameless = disk.copy()
        for offset in [20, 4096 + 20] { nameless.flip(bit: 0, at: offset, of: DamagedLog.active) }
        // Nobody knows how many ids it had given: as many as fit into the file.
        #expect(try expectSaved(nameless, records).isSuperset(of: 61...72))
    }

    @Test func `Behind a damaged frame header the records are saved, where they follow on exactly`() throws {
        let path = storeDirectory.active(RecordID(1))
        let (disk, records) = try diskWithLog { _, writer in
            let records = try (0..<4).flatMap { frame in
                try writer.commit((0..<3).map { TestRecord(payload: noise(100 + $0, seed: frame)) }, at: 1)
            }
            try writer.mark()
            return records
        }
        let frames = try frames(of: path, on: disk).filter { $0.recordCount > 0 }
        for frame in frames {
            for offset in 0..<FrameHeader.bytes {
                let copy = disk.copy()
                copy.flip(bit: offset % 8, at: Int(frame.offset.rawValue) + offset, of: path)
                #expect(try expectSaved(copy, records) == [], "flip at \(offset) of frame \(frame.firstID)")
            }
        }
        // A damaged record ends it: where the next one begins only the header could have told.
        disk.flip(bit: 1, at: Int(frames[1].offset.rawValue) + 20, of: path)
        let second = disk.copy()
        second.flip(bit: 1, at: Int(frames[1].offset.rawValue) + FrameHeader.bytes + 150, of: path)
        #expect(try expectSaved(second, records) == [5, 6])
        // And so do two headers in a row.
        disk.flip(bit: 1, at: Int(frames[2].offset.rawValue) + 20, of: path)
        #expect(try expectSaved(disk, records) == [7, 8, 9])
    }

    @Test func `Bytes that only look like records are not taken for any`() throws {
        // A payload that holds a whole record with a checksum that is right, where a damaged length would have it looked for.
        let bytes = try disguise(id: 2)
        let (disk, records) = try diskWithLog(DamagedLog.options) { _, writer in
            let first = try writer.commit([TestRecord(payload: bytes)], at: 1)
            return try first + writer.commit([TestRecord(payload: [1]), TestRecord(payload: [2])], at: 2)
        }
        let path = storeDirectory.active(RecordID(1))
        let frame = try frames(of: path, on: disk)[0]
        let length = Int(frame.offset.rawValue) + FrameHeader.bytes + RecordFormat.lengthOffset
        disk.flip(bit: 0, at: Int(frame.offset.rawValue) + 20, of: path)
        for bit in 0..<8 {
            for byte in 0..<2 {
                let copy = disk.copy()
                copy.flip(bit: bit, at: length + byte, of: path)
                #expect(try expectSaved(copy, records) == [1], "bit \(bit) of byte \(byte)")
            }
        }
    }

    /// The bytes of a record with this id, over and over.
    private func disguise(id: UInt64) throws -> [UInt8] {
        let (disk, _) = try diskWithLog { _, writer in
            for _ in 0..<id { try writer.commit([TestRecord(payload: [7, 7, 7, 7, 7, 7, 7])], at: 1) }
        }
        let path = storeDirectory.active(RecordID(1))
        let frame = try frames(of: path, on: disk)[Int(id) - 1]
        let body = Int(frame.offset.rawValue) + FrameHeader.bytes
        let record = Array(disk.bytes(path)[body..<body + Int(frame.bodyBytes)])
        return Array(repeating: record, count: 12).flatMap(\.self)
    }

    @Test func `A write that was cut off is no loss, and is not saved`() throws {
        let (disk, records) = try diskWithLog(DamagedLog.options) { _, writer in
            let first = try writer.commit([TestRecord(payload: [1])], at: 1)
            try writer.commit([TestRecord(payload: [2]), TestRecord(payload: [3])], at: 2)
            return first
        }
        let path = storeDirectory.active(RecordID(1))
        let last = try frames(of: path, on: disk)[1]
        disk.flip(bit: 0, at: Int(last.offset.rawValue) + 20, of: path)
        #expect(try expectSaved(disk, records) == [])
        #expect(try openTarget(disk).log.view.tail == RecordID(1))
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func `Whatever is damaged, nothing wrong is saved and nothing lost unnamed`(
        seed: UInt64
    ) throws {
        let (whole, records) = try DamagedLog.disk()
        var random = SeededRandom(seed: seed)
        for _ in 0..<3 {
            let disk = whole.copy()
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let path = (DamagedLog.sealed + [DamagedLog.active])[Int.random(in: 0..<3, using: &random)]
                let size = path == DamagedLog.active ? 10_500 : disk.bytes(path).count
                let start = Int.random(in: 0..<size, using: &random)
                for offset in start..<min(start + Int.random(in: 1...60, using: &random), size) {
                    disk.flip(bit: Int.random(in: 0..<8, using: &random), at: offset, of: path)
                }
            }
            // The last frame may have become a torn write.
            let tail = try SegmentLog.openReadOnly(disk, directory: storeDirectory, options: DamagedLog.options).log
                .view
                .tail
            try expectSaved(disk, records.filter { $0.id <= tail }, "seed \(seed)")
        }
    }

    @Test func `A salvage that is cut off at any operation leaves no store, and the old one as it was`() throws {
        let (whole, records) = try DamagedLog.disk()
        let done = whole.copy()
        _ = try salvage(done)
        let before = whole.image.filter { $0.key.hasPrefix("/store") }
        for step in done.changingOperations where step > whole.operations {
            for seed in 0..<2 as Range<UInt64> {
                let disk = whole.copy()
                disk.crash(atOperation: step)
                #expect(throws: LogError.self) { try salvage(disk) }
                disk.restart(seed: seed)
                #expect(disk.image.filter { $0.key.hasPrefix("/store") } == before)
                if disk.image["/saved/store.json"] != nil {
                    #expect(try openTarget(disk).log.view.records() == records, "operation \(step)")
                } else if disk.image.keys.contains(where: { $0.hasPrefix("/saved/") && $0 != "/saved/LOCK" }) {
                    #expect(throws: LogError.self, "operation \(step)") { try openTarget(disk) }
                }
                // And it is not written over, either.
                if disk.image.keys.contains(where: { $0.hasPrefix("/saved/") }) {
                    #expect(throws: LogError.self) { try salvage(disk) }
                }
            }
        }
    }

    @Test func `A full disk ends a salvage, and what it leaves is no store`() throws {
        let (whole, _) = try DamagedLog.disk()
        for step in stride(from: whole.operations + 30, to: whole.operations + 90, by: 7) {
            let disk = whole.copy()
            disk.fillUp(fromOperation: step)
            let error = #expect(throws: LogError.self) { try salvage(disk) }
            #expect(error?.isNoSpace == true, "\(error as Any)")
            disk.makeSpace()
            #expect(throws: LogError.self) { try SegmentLog.openReadOnly(disk, directory: Self.target) }
        }
    }

    @Test func `A salvage goes into an empty directory, outside the old one, and never while a daemon has the old one`()
        throws
    {
        let (disk, _) = try DamagedLog.disk()
        #expect(throws: LogError.self) {
            try SegmentLog.salvage(disk, from: storeDirectory, into: LogDirectory("/store/new"), now: RecordTime(1))
        }
        #expect(throws: LogError.self) {
            try SegmentLog.salvage(disk, from: storeDirectory, into: storeDirectory, now: RecordTime(1))
        }
        do {
            let opened = try DamagedLog.open(disk)
            #expect(throws: LogError.inUse(path: "/store")) { try salvage(disk) }
            _ = opened
        }
        _ = try salvage(disk)
        #expect(throws: LogError.self) { try salvage(disk) }
    }
}
