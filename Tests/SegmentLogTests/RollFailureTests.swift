// Owns: what a roll that fails has cost: nothing, where the disk has only refused; all further appends, where nobody knows
// what it holds.

import Disk
import DiskSimulation
import FaultSimulation
import Glibc
import Testing

@testable import SegmentLog

@Suite struct RollFailureTests {
    private static let one = [TestRecord(payload: [1])]

    /// One operation that fails, by the ending of the path it is about.
    struct Fault: CustomTestStringConvertible, Sendable {
        let operation: DiskError.Operation
        let suffix: String
        let errno: Int32
        var reported: DiskError.Operation?
        var testDescription: String { "\(operation) of \(suffix), errno \(errno)" }

        init(
            _ operation: DiskError.Operation,
            _ suffix: String,
            _ errno: Int32,
            as reported: DiskError.Operation? = nil
        ) {
            (self.operation, self.suffix, self.errno, self.reported) = (operation, suffix, errno, reported)
        }
    }

    /// A log with a record, and a spare at hand; the next roll meets the fault.
    private static func log(_ fault: Fault, spares: Int) throws -> (disk: WatchedDisk, opened: OpenedLog) {
        let disk = WatchedDisk(SimulatedDisk())
        var options = LogOptions.small
        options.spareFiles = spares
        let opened = try openLog(disk, options)
        _ = try opened.log.replenishSpares()
        try opened.writer.commit(one, at: 1)
        disk.failOnce(fault.operation, of: fault.suffix, errno: fault.errno, as: fault.reported)
        return (disk, opened)
    }

    private static let refusals = [
        Fault(.open, ".spare", EMFILE),
        Fault(.open, ".spare", ENFILE),
        Fault(.open, ".spare", EACCES),
        Fault(.write, ".spare", EIO),
        Fault(.write, ".spare", ENOSPC),
        Fault(.sync, ".spare", EIO),
        Fault(.write, ".active", ENOSPC),
        Fault(.rename, ".spare", ENOSPC),
        // A folder has the name, or it may not be given.
        Fault(.rename, ".spare", EISDIR),
        Fault(.rename, ".spare", ENOTEMPTY),
        Fault(.rename, ".spare", EACCES),
        Fault(.rename, ".spare", EPERM),
        // The directory could not be opened, so it has not been synced, and can be later.
        Fault(.syncDirectory, "/log", EMFILE, as: .open),
        Fault(.syncDirectory, "/log", ENFILE, as: .open),
        // The file has its name by then.
        Fault(.open, ".active", EMFILE),
    ]

    @Test(arguments: refusals)
    func `What the disk has only refused is an error of that request, and the writer goes on`(_ fault: Fault) throws {
        let (disk, (log, writer, _)) = try Self.log(fault, spares: 1)
        let error = try #require(throws: LogError.self) { try writer.roll() }
        guard case .disk(let cause) = error else { throw error }
        #expect(cause.errno == fault.errno)
        #expect(writer.failed == nil)
        // Cut off here, nothing is lost.
        for seed in 0..<4 as Range<UInt64> {
            let copy = disk.simulated.copy()
            copy.restart(seed: seed)
            let (log, writer, report) = try openLog(copy)
            #expect(try log.view.records().count == 1 && report.damage == [])
            #expect(try writer.commit(Self.one, at: 2)[0].id == RecordID(2))
        }
        #expect(try writer.commit(Self.one, at: 2)[0].id == RecordID(2))
        try writer.roll()
        #expect(try writer.commit(Self.one, at: 3)[0].id == RecordID(3))
        try writer.mark()
        #expect(try log.view.records().map(\.id.rawValue) == [1, 2, 3])
        let problems = try log.verify().problems
        #expect(problems == [])
        let copy = disk.simulated.copy()
        copy.restartProcess()
        let (found, _, report) = try openLog(copy)
        #expect(try found.view.records().map(\.id.rawValue) == [1, 2, 3])
        #expect(report.damage == [])
    }

    @Test(arguments: [
        Fault(.write, ".active", EIO),
        Fault(.sync, ".active", EIO),
        Fault(.rename, ".spare", EIO),
        Fault(.syncDirectory, "/log", EIO),
    ])
    func `A failed sync, write or rename leaves the disk in doubt, and is final`(_ fault: Fault) throws {
        let (disk, (log, writer, _)) = try Self.log(fault, spares: 1)
        let error = try #require(throws: LogError.self) { try writer.roll() }
        #expect(writer.failed == error)
        let operations = disk.simulated.operations
        #expect(throws: error) { try writer.commit(Self.one, at: 2) }
        #expect(throws: error) { try writer.roll() }
        #expect(throws: error) { try writer.rest() }
        #expect(disk.simulated.operations == operations)
        #expect(try log.view.records().count == 1)
        for seed in 0..<8 as Range<UInt64> {
            let copy = disk.simulated.copy()
            copy.restart(seed: seed)
            let (log, writer, report) = try openLog(copy)
            #expect(try log.view.records().count == 1 && report.damage == [])
            #expect(try writer.commit(Self.one, at: 2)[0].id == RecordID(2))
        }
    }

    @Test(arguments: [
        Fault(.open, ".tmp", EMFILE), Fault(.reserve, ".tmp", ENOSPC), Fault(.write, "/manifest", EIO),
        Fault(.sync, "/manifest", EIO),
    ])
    func `A file that cannot be made, and a manifest that cannot be written, cost the request alone`(
        _ fault: Fault
    ) throws {
        let (_, (log, writer, _)) = try Self.log(fault, spares: 0)
        #expect(throws: LogError.self) {
            try writer.roll()
            try writer.commit(Self.one, at: 2)
        }
        #expect(writer.failed == nil)
        #expect(try writer.commit(Self.one, at: 2)[0].id == RecordID(2))
        try writer.rest()
        #expect(try log.view.records().count == 2)
        #expect(try log.verify().isClean)
    }

    @Test func `A spare that could not be opened is not given up for it`() throws {
        let (disk, (_, writer, _)) = try Self.log(Fault(.open, ".spare", EMFILE), spares: 1)
        let before = disk.simulated.logFiles
        #expect(throws: LogError.self) { try writer.roll() }
        #expect(disk.simulated.logFiles == before)
        disk.watch(nil)
    }

    @Test func `A folder named like a spare under a running log is passed over`() throws {
        let disk = SimulatedDisk()
        var options = LogOptions.small
        options.spareFiles = 2
        let (log, writer, _) = try openLog(disk, options)
        _ = try log.replenishSpares()
        try writer.commit(Self.one, at: 1)
        let spares = disk.logFiles.filter { $0.hasSuffix(".spare") }
        let path = "/store/log/\(try #require(spares.last))"
        try disk.remove(path)
        try disk.createDirectory(path)
        try writer.roll()
        #expect(try writer.commit(Self.one, at: 2)[0].id == RecordID(2))
    }

    @Test func `A spare that has vanished is no reason to fail`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        _ = try log.replenishSpares()
        try writer.commit(Self.one, at: 1)
        for name in disk.logFiles where name.hasSuffix(".spare") { try disk.remove("/store/log/\(name)") }
        #expect(try writer.roll() == ClosedRange(1, 1))
        #expect(try writer.commit(Self.one, at: 2)[0].id == RecordID(2))
    }

    @Test func `A spare that vanishes in the middle of a roll costs that request, and the next one takes another`()
        throws
    {
        let disk = WatchedDisk(SimulatedDisk())
        let simulated = disk.simulated
        let (log, writer, _) = try openLog(disk)
        _ = try log.replenishSpares()
        try writer.commit(Self.one, at: 1)
        disk.watch { operation, path throws(DiskError) in
            guard operation == .rename, path.hasSuffix(".spare") else { return }
            try simulated.remove(path)
        }
        for _ in 1...2 {
            #expect(throws: LogError.self) { try writer.roll() }
            #expect(writer.failed == nil && !writer.fits(byteCount: 1))
        }
        disk.watch(nil)
        #expect(try writer.commit(Self.one, at: 2)[0].id == RecordID(2))
        #expect(log.view.segments.map(\.base) == [RecordID(1), RecordID(2)])
        try writer.mark()
        #expect(try log.verify().isClean)
    }
}
