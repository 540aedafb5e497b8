// Owns: the tail rule: a torn write is saved and cut, damage is reported and never cut, and the two are told apart by
// what is known to have been durable.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct TailRuleTests {
    private static let active = storeDirectory.active(RecordID(1))

    /// Four frames of two, three, one and two records; closed with a marker or without.
    private static func disk(isMarked: Bool) throws -> (disk: SimulatedDisk, result: [TestRecord]) {
        try diskWithLog { _, writer in
            var records: [TestRecord] = []
            for (frame, count) in [2, 3, 1, 2].enumerated() {
                records += try writer.commit(
                    (0..<count).map { TestRecord(keys: ["k"], payload: noise(40 + $0, seed: frame)) },
                    at: Int64(10 + frame)
                )
            }
            if isMarked { try writer.mark() }
            return records
        }
    }

    @Test func `Zeros behind the last frame are a clean end`() throws {
        let (disk, records) = try Self.disk(isMarked: false)
        let opened = try openLog(disk)
        #expect(opened.report.notes == [] && opened.report.tornBytes == 0)
        #expect(try opened.log.view.records() == records)
    }

    @Test func `A torn write is saved byte for byte, then cut, and what precedes it is kept`() throws {
        let (disk, records) = try Self.disk(isMarked: false)
        let last = try #require(try frames(of: Self.active, on: disk).last)
        // The second half of the last frame never reached the disk.
        let bodyMiddle = Int(last.offset.rawValue) + FrameHeader.bytes + Int(last.bodyBytes) / 2
        disk.flip(bit: 3, at: bodyMiddle, of: Self.active)
        let torn = Array(disk.bytes(Self.active)[Int(last.offset.rawValue)..<Int(last.end.rawValue)])

        let opened = try openLog(disk)
        #expect(opened.report.damage == [] && opened.report.tornBytes == torn.count)
        #expect(Array(disk.quarantine.values) == [torn])
        #expect(try opened.log.view.records() == Array(records.dropLast(2)))
        #expect(disk.bytes(Self.active)[Int(last.offset.rawValue)...].allSatisfy { $0 == 0 })
        let next = try opened.writer.commit([TestRecord(payload: [1])], at: 100)
        #expect(next[0].id == RecordID(7))
        // The frame before it, which nothing has proved durable either, has been moved to a segment of its own.
        let moved = try #require(try frames(of: Self.active, on: disk).last).firstID
        #expect(disk.logFiles.filter { $0.hasSuffix(".active") }.count == 2)
        #expect(disk.bytes(storeDirectory.active(moved)) != [])
    }

    @Test func `What proves that damage was durable outlives a recovery that is cut off`() throws {
        // Record 6 is damaged, and what proves it is the header of a frame whose own records never reached the disk.
        let (disk, _) = try Self.disk(isMarked: false)
        for frame in try frames(of: Self.active, on: disk).suffix(2) {
            disk.flip(bit: 3, at: Int(frame.end.rawValue) - 16, of: Self.active)
        }
        let whole = disk.copy()
        let expected = try openLog(whole)
        #expect(expected.writer.nextID == RecordID(7) && expected.log.damage == [ClosedRange(6, 6)])
        for operation in disk.operations..<whole.operations {
            let copy = disk.copy()
            copy.crash(atOperation: operation)
            _ = try? openLog(copy)
            copy.restart(seed: 1)
            let opened = try openLog(copy)
            #expect(opened.writer.nextID == RecordID(7), "operation \(operation)")
            #expect(opened.log.damage == [ClosedRange(6, 6)], "operation \(operation)")
        }
    }

    @Test func `A recovery that is cut off never spoils the torn bytes it has saved`() throws {
        // A frame of many sectors, so that cutting it can itself be torn.
        let (disk, _) = try diskWithLog { _, writer in
            try writer.commit([TestRecord(payload: noise(5_000, seed: 1))], at: 1)
        }
        let last = try frames(of: Self.active, on: disk)[0]
        disk.flip(bit: 0, at: Int(last.offset.rawValue) + 2_000, of: Self.active)
        let torn = Array(disk.bytes(Self.active)[Int(last.offset.rawValue)..<Int(last.end.rawValue)])
        let whole = disk.copy()
        _ = try openLog(whole)
        for step in whole.changingOperations where step > disk.operations {
            for seed in 0..<20 as Range<UInt64> {
                let crashed = disk.copy()
                crashed.crash(atOperation: step)
                #expect(throws: LogError.self) { try openLog(crashed) }
                crashed.restart(seed: seed)
                _ = try openLog(crashed)
                #expect(crashed.quarantine.values.contains(torn), "crash at operation \(step), seed \(seed)")
            }
        }
    }

    @Test(arguments: [0, 1, 2])
    func `Damage below the durable offset is reported by id, and nothing is cut`(frame: Int) throws {
        let (disk, records) = try Self.disk(isMarked: true)
        let damaged = try frames(of: Self.active, on: disk)[frame]
        let ids = damaged.firstID.rawValue..<damaged.nextID.rawValue
        for offset in Int(damaged.offset.rawValue)..<Int(damaged.offset.rawValue) + 56 + Int(damaged.bodyBytes) {
            let copy = disk.copy()
            copy.flip(bit: offset % 8, at: offset, of: Self.active)
            let bytes = copy.bytes(Self.active)
            let opened = try openLog(copy)

            let lost = Set(opened.report.damage.flatMap { $0.lowerBound.rawValue...$0.upperBound.rawValue })
            // Without its header a frame still has its records, which follow on where the frame before has ended.
            let isHeader = offset < Int(damaged.offset.rawValue) + FrameHeader.bytes
            try #require(lost.isEmpty == isHeader && lost.isSubset(of: ids), "flip at \(offset)")
            #expect(copy.bytes(Self.active) == bytes && copy.quarantine.isEmpty, "flip at \(offset)")
            for record in records {
                if lost.contains(record.id.rawValue) {
                    #expect(throws: LogError.self) { try opened.log.view.record(record.id) }
                } else {
                    #expect(try opened.log.view.record(record.id).map { TestRecord($0) } == record)
                }
            }
            // Appends go on behind, in a segment of their own, and the next opening finds all as it was.
            let next = try opened.writer.commit([TestRecord(payload: [1])], at: 100)
            #expect(next[0].id == RecordID(9))
            #expect(copy.logFiles.contains("00000000000000000009.active"))
        }
    }

    @Test func `A damaged payload costs its record alone`() throws {
        let (disk, _) = try Self.disk(isMarked: true)
        let second = try frames(of: Self.active, on: disk)[1]
        disk.flip(bit: 1, at: Int(second.offset.rawValue) + 56 + RecordFormat.headerBytes + 10, of: Self.active)
        #expect(try openLog(disk).report.damage == [ClosedRange(3, 3)])
        #expect(try openLog(disk).report.damage == [ClosedRange(3, 3)])
    }

    @Test func `Only a marker tells damage to the last frame from a torn write`() throws {
        for isMarked in [true, false] {
            let (disk, _) = try Self.disk(isMarked: isMarked)
            let last = try frames(of: Self.active, on: disk)[3]
            disk.flip(bit: 1, at: Int(last.offset.rawValue) + 70, of: Self.active)
            let report = try openLog(disk).report
            #expect(report.damage.isEmpty == !isMarked)
            #expect((report.tornBytes > 0) == !isMarked)
        }
    }

    @Test func `In a segment that has another behind it nothing is torn`() throws {
        let (disk, _) = try diskWithLog { _, writer in
            try writer.commit([TestRecord(payload: [1])], at: 1)
            try writer.commit([TestRecord(payload: [2]), TestRecord(payload: [3])], at: 2)
            try writer.roll()
            try writer.commit([TestRecord(payload: [4])], at: 3)
        }
        let last = try frames(of: Self.active, on: disk)[1]
        disk.flip(bit: 0, at: Int(last.offset.rawValue) + 4, of: Self.active)
        disk.flip(bit: 0, at: Int(last.offset.rawValue) + FrameHeader.bytes + 4, of: Self.active)
        let bytes = disk.bytes(Self.active)
        for _ in 1...2 {
            let opened = try openLog(disk)
            // A closed segment is not walked before somebody wants a record of it.
            #expect(opened.report.damage == [] && opened.report.tornBytes == 0)
            let error = #expect(throws: LogError.self) { try opened.log.view.records() }
            #expect(error?.unreadableIDs == ClosedRange(2, 3) && opened.log.damage == [ClosedRange(2, 3)])
            // Sealing would say that these ids never were.
            #expect(try opened.log.sealOldest() == false)
            #expect(try !opened.log.verify().isClean)
            #expect(disk.bytes(Self.active) == bytes)
            #expect(try opened.log.view.records(LogQuery(after: RecordID(3))).map(\.payload) == [[4]])
        }
    }

    @Test func `Bytes of a former life are never taken for records`() throws {
        let (disk, fresh) = try diskWithLog { log, writer in
            for value in 0..<9 { try writer.commit([TestRecord(payload: noise(3_000, seed: value))], at: 1) }
            try writer.roll()
            _ = try log.sealOldest()
            _ = try log.replenishSpares()
            try writer.commit([TestRecord()], at: 2)
            try writer.roll()
            return storeDirectory.active(RecordID(11))
        }
        // The active file is the first one again, full of old frames; and its beginning is clean.
        #expect(disk.bytes(fresh).firstRange(of: noise(3_000, seed: 8)) != nil)
        for count in 0...2 {
            #expect(try frames(of: fresh, on: disk).count == 2 * count)
            let opened = try openLog(disk)
            #expect(opened.report.notes == [] && opened.log.view.tail == RecordID(UInt64(10 + count)))
            // The next frame stands right behind the last, and not behind an old one.
            try opened.writer.commit([TestRecord(payload: [UInt8(count)])], at: 3)
            try opened.writer.mark()
            #expect(
                try opened.log.view.records(LogQuery(after: RecordID(10))).map(\.payload)
                    == (0...count).map { [UInt8($0)] }
            )
        }
    }

    @Test func `A frame is never pieced together from two writes to the same place`() throws {
        let (disk, _) = try diskWithLog { _, writer in
            try writer.commit([TestRecord()], at: 1)
            try writer.mark()
        }
        // The same ids at the same place of the same segment, with other contents: the second try after a crash.
        let tries = try [disk.copy(), disk.copy()].enumerated().map { number, disk in
            try openLog(disk).writer.commit(
                (0..<2).map { TestRecord(payload: noise(600, seed: number * 2 + $0)) },
                at: 2
            )
            return disk
        }
        let frame = try frames(of: Self.active, on: tries[0])[2]
        let second = frame.offset + FrameHeader.bytes + Int(frame.bodyBytes) / 2
        let bytes = try #require(
            try tries[1].open(Self.active, .read).bytes(at: second, count: Int(frame.bodyBytes) / 2)
        )
        try tries[0].open(Self.active, .readWrite).write(bytes, at: second)
        let (log, _, report) = try openLog(tries[0])
        #expect(log.view.tail == RecordID(1) && report.tornBytes == frame.end - frame.offset)
    }

    @Test func `A frame that was written to another place is not believed`() throws {
        let (disk, records) = try Self.disk(isMarked: false)
        let all = try frames(of: Self.active, on: disk)
        let (second, last) = (all[1], all[3])
        // The disk writes the second frame once more, behind the last.
        let file = try disk.open(Self.active, .readWrite)
        let bytes = try #require(try file.bytes(at: second.offset, count: second.end - second.offset))
        try file.write(bytes, at: last.end)
        let opened = try openLog(disk)
        #expect(try opened.log.view.records() == records && opened.report.damage == [])
    }

    @Test func `What a failed sync left in the page cache is written again before it is trusted`() throws {
        let disk = SimulatedDisk()
        do {
            let opened = try openLog(disk)
            try opened.writer.reserve(byteCount: 100)
            disk.keepCacheAfterFailedSync()
            disk.failNext(.sync)
            #expect(throws: LogError.self) { try opened.writer.commit([TestRecord(payload: [7])], at: 1) }
        }
        disk.restartProcess()
        #expect(try openLog(disk).log.view.records().map(\.payload) == [[7]])
        disk.restart(seed: 1)
        #expect(try openLog(disk).log.view.records().map(\.payload) == [[7]])
    }
}
