// Owns: files that have lost their end, or themselves: whatever was acknowledged behind it is named, and no id of it is ever
// given again.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct LostEndTests {
    private static let active = storeDirectory.active(RecordID(1))

    /// How the log was left.
    enum End: CaseIterable, Sendable {
        /// In the middle of its work.
        case busy
        /// Behind a marker.
        case marked
        /// In good order.
        case atRest
    }

    /// Twelve frames of one record in one raw segment.
    private static func disk(_ end: End) throws -> (disk: SimulatedDisk, records: [TestRecord]) {
        let filled = try diskWithLog { _, writer in
            let records = try (1...12).flatMap { number in
                try writer.commit([TestRecord(keys: ["k"], payload: noise(900, seed: number))], at: Int64(number))
            }
            switch end {
            case .busy: break
            case .marked: try writer.mark()
            case .atRest: try writer.rest()
            }
            return records
        }
        filled.disk.restartProcess()
        return (filled.disk, filled.result)
    }

    /// What must hold wherever a file has lost its end: what is read is right, what is not is named, and ids go on behind all
    /// that can have been given, now and at every later opening.
    private static func expectNamed(
        _ disk: SimulatedDisk,
        _ records: [TestRecord],
        exactly: Bool,
        _ comment: Comment
    ) throws {
        let (log, writer, report) = try openLog(disk)
        let found = try log.view.readingPastDamage()
        let lost = Set(records.map(\.id)).subtracting(found.records.map(\.id))
        #expect(found.records == records.filter { !lost.contains($0.id) }, comment)
        #expect(lost.allSatisfy { id in report.damage.contains { $0.contains(id) } }, comment)
        let last = records.count
        let next = writer.nextID
        #expect(exactly ? next == RecordID(UInt64(last + 1)) : next > RecordID(UInt64(last)), comment)
        #expect(next < RecordID(4_000), comment)
        #expect(try log.verify().damage == report.damage, comment)
        let new = try writer.commit([TestRecord(keys: ["new"])], at: 99)
        #expect(new[0].id == next, comment)
        // A segment holds consecutive ids, so that sealing one forgets no hole.
        try writer.roll()
        while try log.sealOldest() {}
        for segment in log.view.segments where segment is SealedSegment {
            let ids = segment.base...(try #require(segment.lastID))
            #expect(!report.damage.contains { $0.overlaps(ids) }, comment)
        }
        #expect(try log.view.readingPastDamage().records == found.records + new, comment)
        disk.restartProcess()
        let again = try openLog(disk)
        #expect(again.report.damage == report.damage, comment)
        #expect(try again.log.view.readingPastDamage().records == found.records + new, comment)
    }

    @Test(arguments: End.allCases)
    func `Of an active file that was cut, what was acknowledged behind the cut is named`(_ end: End) throws {
        let (disk, records) = try Self.disk(end)
        let middle = Int(try frames(of: Self.active, on: disk)[6].offset.rawValue)
        for bytes in [0, 63, 4_200, 8_192, 8_200, 8_600] + [0, 20, 100, 500].map({ middle + $0 }) {
            let copy = disk.copy()
            copy.cut(Self.active, to: bytes)
            let report = try openLog(copy.copy()).report
            #expect(!report.damage.isEmpty, "\(bytes) bytes, \(end)")
            // Without a second since the last, the manifest knows of a log at work only that it is.
            try Self.expectNamed(copy, records, exactly: end == .atRest, "\(bytes) bytes, \(end)")
        }
    }

    @Test(arguments: End.allCases)
    func `A file that was cut behind its last frame has lost nothing, and takes no more appends`(_ end: End) throws {
        let (disk, records) = try Self.disk(end)
        let last = try #require(try frames(of: Self.active, on: disk).last)
        for bytes in [Int(last.end.rawValue) + FrameHeader.bytes, 40_000, 61_440, 65_535] {
            let copy = disk.copy()
            copy.cut(Self.active, to: bytes)
            #expect(try !SegmentLog.openReadOnly(copy.copy(), directory: storeDirectory).log.verify().isClean)
            let (log, writer, report) = try openLog(copy)
            #expect(report.damage == [] && report.notes.contains { $0.contains("has been cut") })
            #expect(try log.view.records() == records)
            #expect(try writer.commit([TestRecord()], at: 99)[0].id == RecordID(13))
            #expect(log.view.segments.count == 2)
        }
    }

    @Test(arguments: End.allCases)
    func `A file that was lengthened has lost nothing, and takes no more appends`(_ end: End) throws {
        let (disk, records) = try Self.disk(end)
        for bytes in [1, 4_096, 100_000] {
            let copy = disk.copy()
            try copy.open(Self.active, .readWrite)
                .write([UInt8](repeating: 0x46, count: bytes), at: FileOffset(LogOptions.small.segmentBytes))
            #expect(try !SegmentLog.openReadOnly(copy.copy(), directory: storeDirectory).log.verify().isClean)
            let (log, writer, report) = try openLog(copy)
            #expect(report.damage == [] && report.notes.contains { $0.contains("longer than it was made") })
            #expect(try log.view.records() == records)
            #expect(try writer.commit([TestRecord()], at: 99)[0].id == RecordID(13))
            #expect(log.view.segments.count == 2)
        }
    }

    @Test(arguments: End.allCases)
    func `Of a newest file that is missing, what it can have held is named`(_ end: End) throws {
        let (disk, records) = try Self.disk(end)
        try disk.remove(Self.active)
        try Self.expectNamed(disk, records, exactly: end == .atRest, "\(end)")
    }

    @Test func `In place of the newest file, an older copy of it is missing what it lacks`() throws {
        for end in End.allCases {
            for age in [1, 5, 11] {
                let disk = SimulatedDisk()
                var (older, records): ([UInt8], [TestRecord]) = ([], [])
                do {
                    let (_, writer, _) = try openLog(disk)
                    for number in 1...12 {
                        records += try writer.commit([TestRecord(payload: noise(900, seed: number))], at: Int64(number))
                        if number == age { older = disk.bytes(Self.active) }
                    }
                    // A second later the manifest says how far the log has come.
                    // Of what comes within the next one it says nothing.
                    for _ in 0..<3 { records += try writer.commit([TestRecord()], at: 3_000_000_000) }
                    if end == .marked { try writer.mark() }
                    if end == .atRest { try writer.rest() }
                }
                disk.restartProcess()
                try disk.open(Self.active, .createOrTruncate).write(older, at: FileOffset(0))
                try Self.expectNamed(disk, records, exactly: end == .atRest, "\(end), after \(age)")
            }
        }
    }

    @Test func `Damage to the last frame is none that a crash has made, where the manifest has seen more`() throws {
        let (disk, records) = try diskWithLog { _, writer in
            let records = try (1...3).flatMap { try writer.commit([TestRecord(payload: [UInt8($0)])], at: Int64($0)) }
            // A second later the manifest says how far the log has come.
            return try records + writer.commit([TestRecord(payload: [4])], at: 3_000_000_000)
        }
        disk.restartProcess()
        let last = try #require(try frames(of: Self.active, on: disk).last)
        disk.flip(bit: 1, at: Int(last.offset.rawValue) + FrameHeader.bytes + 33, of: Self.active)
        let bytes = disk.bytes(Self.active)
        let (log, writer, report) = try openLog(disk)
        #expect(report.damage == [ClosedRange(4, 4)] && report.tornBytes == 0 && disk.quarantine.isEmpty)
        #expect(disk.bytes(Self.active) == bytes)
        #expect(try log.view.readingPastDamage().records == Array(records.dropLast()))
        #expect(try writer.commit([TestRecord()], at: 4_000_000_000)[0].id == RecordID(5))
    }

    @Test func `Of a frame that a file ends within, the records that are whole are kept, and nothing is cut`() throws {
        let (disk, records) = try diskWithLog { _, writer in
            try writer.commit((0..<3).map { TestRecord(payload: noise(500, seed: $0)) }, at: 1)
        }
        disk.restartProcess()
        disk.cut(Self.active, to: 8_192 + FrameHeader.bytes + 1_200)
        let bytes = disk.bytes(Self.active)
        let (log, writer, report) = try openLog(disk)
        #expect(disk.bytes(Self.active) == bytes && disk.quarantine.isEmpty)
        #expect(try log.view.readingPastDamage().records == Array(records.prefix(2)))
        #expect(report.damage.first?.lowerBound == RecordID(3))
        #expect(writer.nextID > RecordID(3))
    }

    @Test func `In place of a closed file, an older copy of it is missing what it lacks, and no more`() throws {
        let disk = SimulatedDisk()
        var (older, records): ([UInt8], [TestRecord]) = ([], [])
        do {
            let (_, writer, _) = try openLog(disk)
            for number in 1...12 {
                records += try writer.commit([TestRecord(payload: noise(900, seed: number))], at: Int64(number))
                if number == 3 { older = disk.bytes(Self.active) }
                if number == 8 { try writer.roll() }
            }
            try writer.mark()
        }
        disk.restartProcess()
        try disk.open(Self.active, .createOrTruncate).write(older, at: FileOffset(0))
        #expect(try openLog(disk.copy()).report.damage == [ClosedRange(4, 8)])
        try Self.expectNamed(disk, records, exactly: true, "closed")
    }

    @Test(arguments: [false, true])
    func `A segment that is missing between others costs its own ids`(isSealed: Bool) throws {
        let (disk, records) = try diskWithLog { log, writer in
            var records: [TestRecord] = []
            for number in 1...9 {
                records += try writer.commit([TestRecord(payload: noise(900, seed: number))], at: Int64(number))
                if number.isMultiple(of: 3) { try writer.roll() }
                if number.isMultiple(of: 3), isSealed { _ = try (log.sealOldest(), log.replenishSpares()) }
            }
            return records
        }
        disk.restartProcess()
        try disk.remove(isSealed ? storeDirectory.sealed(RecordID(4)) : storeDirectory.active(RecordID(4)))
        #expect(try openLog(disk.copy()).report.damage == [ClosedRange(4, 6)])
        try Self.expectNamed(disk, records, exactly: true, "missing")
    }
}
