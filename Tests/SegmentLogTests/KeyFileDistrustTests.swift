// Owns: key files that are not what they should be: of another segment, of an older life, cut, flipped or gone. None is
// believed, none is a reason not to start, and each is made anew. And records that are damaged though the key file is whole.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct KeyFileDistrustTests {
    private typealias Many = ManyRawSegments

    /// Three closed segments with their key files.
    private static func disk(seed: UInt64 = 1) throws -> (disk: SimulatedDisk, records: [TestRecord]) {
        let filled = try diskWithLog(Many.options) { log, writer in
            let records = try Many.fill(writer, segments: 3, seed: seed)
            try Many.makeKeys(log)
            try writer.rest()
            return records
        }
        filled.disk.restartProcess()
        return (filled.disk, filled.result)
    }

    private static func keyFiles(_ disk: SimulatedDisk) -> [String] {
        disk.logFiles.filter { $0.hasSuffix(".keys") }.map { "\(storeDirectory.log)/\($0)" }
    }

    /// Opens the log, has everything answered rightly, and the key file made anew.
    private static func expectDistrust(
        _ disk: SimulatedDisk,
        _ records: [TestRecord],
        _ what: String,
        isTold: Bool = true
    ) throws {
        let (log, _, report) = try openLog(disk, Many.options)
        #expect(report.damage == [] && report.unusable == [] && report.notes.isEmpty == !isTold, "\(what)")
        #expect(Many.raw(log).dropLast().count { $0.keys == nil } == 1, "\(what)")
        for key in ["all", "f1", "only-7", "nobody"] {
            let expected = records.filter { $0.keys.contains(key) }
            #expect(try log.view.records(Many.query(key)) == expected, "\(key) \(what)")
        }
        #expect(try log.makeKeys() && !log.makeKeys(), "\(what)")
        #expect(try log.verify().isClean, "\(what)")
        try Many.check(log, records, what)
    }

    @Test func `A key file of another segment, or of another life, is not believed`() throws {
        let (disk, records) = try Self.disk()
        let files = Self.keyFiles(disk)
        let other = try Self.disk(seed: 2).disk
        let strangers: [(String, [UInt8])] = [
            ("of another segment", disk.bytes(files[1])), ("of another store", other.bytes(files[0])), ("empty", []),
            ("a raw segment", disk.bytes(storeDirectory.active(RecordID(1)))),
        ]
        for (what, bytes) in strangers {
            let copy = disk.copy()
            copy.replace(files[0], with: bytes)
            let told = try SegmentLog.openReadOnly(copy.copy(), directory: storeDirectory).log.verify()
            #expect(told.damage == [] && told.findings.map(\.file) == [storeDirectory.name(of: files[0])], "\(what)")
            try Self.expectDistrust(copy, records, what)
        }
        let gone = disk.copy()
        try gone.remove(files[0])
        try Self.expectDistrust(gone, records, "gone", isTold: false)
        let folder = disk.copy()
        try folder.remove(files[0])
        try folder.createDirectory(files[0])
        let (log, _, report) = try openLog(folder, Many.options)
        #expect(report.notes.count == 1)
        try Many.check(log, records, "a folder")
    }

    @Test func `Whatever a segment says otherwise of itself, a key file with right checksums is not believed`() throws {
        let (disk, records) = try Self.disk()
        let path = Self.keyFiles(disk)[0]
        let bytes = disk.bytes(path)
        let store = try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory).log.store.store
        let length = try #require(SealedFooter.length(bytes))
        let whole = try #require(
            try SealedFooter.decode(Array(bytes.suffix(length)), kind: .keys, store: store, path: "")
        )
        let lies: [(String, (inout SealedFooter) -> Void)] = [
            (
                "an earlier end",
                { ($0.lastCovered, $0.recordCount) = (RecordID($0.lastCovered.rawValue - 1), $0.recordCount - 1) }
            ),
            ("other bytes", { $0.recordBytes += 1 }),
            ("another beginning", { $0.firstRecordedAt = RecordTime(0) }),
            ("another commit time", { $0.lastRecordedAt = RecordTime(9_999) }),
            ("an earlier time", { $0.leastTime = RecordTime(-1) }),
            ("a later time", { $0.greatestTime = RecordTime(9_999) }),
            ("another number of control records", { $0.controlCount += 1 }),
        ]
        for (what, lie) in lies {
            var footer = whole
            lie(&footer)
            let copy = disk.copy()
            copy.replace(path, with: Array(bytes.dropLast(length)) + footer.encoded())
            try Self.expectDistrust(copy, records, what)
        }
    }

    @Test func `A key file that is cut or lengthened is not believed`() throws {
        let (disk, records) = try Self.disk()
        let path = Self.keyFiles(disk)[1]
        let size = disk.bytes(path).count
        for count in [1, 100, size / 2, size - 1] {
            let copy = disk.copy()
            copy.cut(path, to: count)
            try Self.expectDistrust(copy, records, "\(count) of \(size)")
        }
        disk.replace(path, with: disk.bytes(path) + [0])
        try Self.expectDistrust(disk, records, "longer")
    }

    @Test func `A flipped byte of a key file hides nothing, is told by verify, and goes`() throws {
        let (disk, records) = try Self.disk()
        let path = Self.keyFiles(disk)[1]
        let size = disk.bytes(path).count
        for offset in stride(from: 0, to: size, by: 211) {
            let copy = disk.copy()
            copy.flip(bit: offset % 8, at: offset, of: path)
            let (log, _, report) = try openLog(copy, Many.options)
            for key in ["all", "f1", "only-7", "only-100", "nobody"] {
                let expected = records.filter { $0.keys.contains(key) }
                #expect(try log.view.records(Many.query(key)) == expected, "\(key), byte \(offset)")
            }
            let told = try log.verify()
            #expect(!told.isClean || !report.notes.isEmpty, "byte \(offset)")
            #expect(told.damage == [] && log.damage == [], "byte \(offset)")
            // The scrub has it let go, where no question came upon it.
            var scrub = Scrub(log)
            while try scrub.next() != nil {}
            try Many.makeKeys(log)
            if offset >= FileHeader.bytes { #expect(try log.verify().isClean, "byte \(offset)") }
            #expect(try log.view.records() == records)
        }
    }

    @Test func `A crash anywhere leaves a key file that is right, or none`() throws {
        let (clean, records) = try diskWithLog(Many.options) { _, writer in
            let records = try Many.fill(writer, segments: 2, seed: 4)
            try writer.rest()
            return records
        }
        clean.restartProcess()
        var (crash, isReached, found) = (0, true, Set<Int>())
        while isReached {
            crash += 1
            for seed in 0..<3 {
                let disk = clean.copy()
                let (log, _, _) = try openLog(disk, Many.options)
                disk.crash(atOperation: disk.operations + crash)
                _ = try? log.makeKeys()
                isReached = disk.isDown
                disk.restart(seed: UInt64(seed))
                let (again, _, report) = try openLog(disk, Many.options)
                #expect(report.damage == [])
                let made = Many.raw(again).dropLast().count { $0.keys != nil }
                found.insert(made)
                for key in ["all", "f1", "only-7", "nobody"] {
                    let expected = records.filter { $0.keys.contains(key) }
                    #expect(try again.view.records(Many.query(key)) == expected, "\(key), crash \(crash)")
                }
                try Many.makeKeys(again)
                #expect(try again.verify().isClean, "crash \(crash)")
                #expect(Self.keyFiles(disk).count == 2 && !disk.logFiles.contains { $0.hasSuffix(".tmp") })
            }
        }
        #expect(crash > 8 && found == [0, 1])
    }

    @Test func `A damaged record costs no more than it would without a key file`() throws {
        let (disk, records) = try Self.disk()
        let path = storeDirectory.active(RecordID(1))
        let frames = try frames(of: path, on: disk).filter { $0.recordCount > 1 }
        let frame = frames[frames.count / 2]
        let lost = frame.firstID
        disk.flip(bit: 3, at: Int(frame.offset.rawValue) + FrameHeader.bytes + 40, of: path)
        for key in [nil, "all", "f\((lost.rawValue - 1) % 5)", "only-\(lost.rawValue - 1)"] {
            for reversed in [false, true] {
                let copy = disk.copy()
                let (log, _, report) = try openLog(copy, Many.options)
                #expect(report.damage == [] && Many.raw(log)[0].keys != nil)
                var query = key.map { Many.query($0, reversed: reversed) } ?? LogQuery(reversed: reversed)
                let expected = records.filter { key.map($0.keys.contains) ?? true }
                let error = #expect(throws: LogError.self) { try log.view.records(query) }
                #expect(error?.unreadableIDs == lost...lost)
                query.skipsDamage = true
                let rest = expected.filter { $0.id != lost }
                #expect(try log.view.records(query) == (reversed ? rest.reversed() : rest))
                #expect(log.damage == [lost...lost] && log.statistics.waitingSegments == 2)
                let next = lost.next
                #expect(try log.view.record(next).map { TestRecord($0) } == records[Int(next.rawValue) - 1])
                #expect(throws: LogError.self) { try log.view.record(lost) }
                let told = try log.verify()
                #expect(told.damage == [lost...lost])
            }
        }
        // What the key file rules out was never a match.
        let (log, _, _) = try openLog(disk, Many.options)
        let other = try #require(records.first { $0.id > lost.advanced(by: 200) }?.keys.first { $0.hasPrefix("only") })
        #expect(try log.view.records(Many.query(other)).count == 1 && log.damage == [])
        // A snapshot of the whole, block by block.
        var transfer = LogScan(log.view, LogQuery())
        var bytes: [UInt8] = []
        #expect(throws: LogError.self) { while try transfer.nextTransfer(to: &bytes) {} }
        #expect(log.damage == [lost...lost])
    }

    @Test func `A frame header that is damaged beside a key file costs no record`() throws {
        let (disk, records) = try Self.disk()
        let path = storeDirectory.active(RecordID(1))
        let frames = try frames(of: path, on: disk).filter { $0.recordCount > 0 }
        disk.flip(bit: 3, at: Int(frames[frames.count / 2].offset.rawValue) + 20, of: path)
        let (log, _, report) = try openLog(disk, Many.options)
        #expect(report.damage == [] && Many.raw(log)[0].keys != nil)
        #expect(try log.view.records() == records)
        try Many.check(log, records)
        #expect(log.damage == [])
        while try log.sealOldest() {}
        #expect(log.view.segments.dropLast().allSatisfy { $0 is SealedSegment })
        #expect(try log.view.records() == records)
    }
}
