// Owns: what the writer does when the disk fails it: a failed sync is final, a full disk is not.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct WriterFailureTests {
    private static let one = [TestRecord(payload: [1])]

    @Test(arguments: [DiskError.Operation.sync, .write])
    func `After a failed write or sync nothing is acknowledged any more, and reads go on`(
        operation: DiskError.Operation
    ) throws {
        let disk = SimulatedDisk()
        do {
            let (log, writer, _) = try openLog(disk)
            try writer.commit(Self.one, at: 1)
            disk.failNext(operation)
            let error = try #require(throws: LogError.self) { try writer.commit(Self.one, at: 2) }
            let operations = disk.operations
            // The same failure for ever, without another try.
            #expect(throws: error) { try writer.commit(Self.one, at: 3) }
            #expect(throws: error) { try writer.mark() }
            #expect(throws: error) { try writer.roll() }
            #expect(disk.operations == operations)
            #expect(log.view.tail == RecordID(1))
            #expect(try log.view.records().count == 1)
        }
        disk.restart(seed: 5)
        let (log, writer, _) = try openLog(disk)
        let recovered = try log.view.records().count
        #expect((1...2).contains(recovered))
        #expect(try writer.commit(Self.one, at: 4)[0].id.rawValue == UInt64(recovered + 1))
    }

    @Test func `On a full disk a roll fails and the writer stays usable; with space it succeeds`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        try writer.commit(Self.one, at: 1)
        disk.fillUp()
        let before = disk.logFiles
        for _ in 1...3 {
            let error = #expect(throws: LogError.self) { try writer.roll() }
            #expect(error?.isNoSpace == true)
        }
        #expect(disk.logFiles == before)
        // The active file was written in full ahead of use: what fits it still goes in.
        try writer.commit(Self.one, at: 2)
        disk.makeSpace()
        #expect(try writer.roll() == ClosedRange(1, 2))
        try writer.commit(Self.one, at: 3)
        #expect(try log.view.records().map(\.id.rawValue) == [1, 2, 3])
    }

    @Test func `A full disk stops the making of spares and leaves nothing half made`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        // Behind the two questions how much is free.
        disk.fillUp(fromOperation: disk.operations + 4)
        #expect(throws: LogError.self) { try log.replenishSpares() }
        #expect(disk.logFiles == ["00000000000000000001.active"])
        disk.makeSpace()
        #expect(try log.replenishSpares())
        #expect(try log.replenishSpares() == false)
        try writer.commit(Self.one, at: 1)
        try writer.roll()
        #expect(disk.logFiles.count == 2)
    }

    @Test func `A failure in the middle of a roll is final`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        _ = try log.replenishSpares()
        try writer.commit(Self.one, at: 1)
        disk.failNext(.syncDirectory)
        #expect(throws: LogError.self) { try writer.roll() }
        // Who knows under which name the new segment is: nothing may follow in the old one.
        #expect(throws: LogError.self) { try writer.commit(Self.one, at: 2) }
    }

    @Test func `A commit fills a segment to its last byte`() throws {
        let (disk, writtenBytes) = try diskWithLog { _, writer in
            let bytes = writer.maximumCommitBytes
            let record = TestRecord(payload: noise(bytes - RecordFormat.headerBytes - 1, seed: 1))
            #expect(RecordBuffer([record]).byteCount == bytes && writer.fits(byteCount: bytes))
            try writer.commit([record], at: 1)
            try writer.mark()
            try writer.commit(Self.one, at: 2)
            return bytes
        }
        let (log, _, report) = try openLog(disk)
        #expect(try log.view.records().map(\.payload.count) == [writtenBytes - 33, 1])
        #expect(report.notes == [])
        #expect(try log.verify().isClean)
    }
}
