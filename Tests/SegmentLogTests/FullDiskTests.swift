// Owns: a full disk as an ordinary state: what is refused, what goes on, and how it ends by itself.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct FullDiskTests {
    private static let one = [TestRecord(payload: [1])]

    private static func options(reserve: Int) -> LogOptions {
        var options = LogOptions.small
        options.spareFiles = 0
        options.reserveFiles = reserve
        return options
    }

    @Test func `Appends stop where the keep-free limit would be broken, and the refusal says the numbers`() throws {
        var options = Self.options(reserve: 0)
        options.keepFreeBytes = 1 << 40
        let disk = SimulatedDisk()
        // There is room for the store itself, but not for the limit behind it.
        let (log, writer, report) = try openLog(disk, options)
        #expect(report.notes.count == 1)
        #expect(throws: LogError.noSpace(free: 1 << 40, keepFree: 1 << 40, needed: 64 << 10)) { try writer.roll() }
        #expect(log.shortage != nil && !writer.fits(byteCount: 1))
        #expect(try log.replenishSpares() == false)
        #expect(disk.logFiles == [])
    }

    @Test func `A file that is ready takes no append past the keep-free limit`() throws {
        let disk = SimulatedDisk()
        var options = Self.options(reserve: 0)
        options.spareFiles = 2
        let (log, writer, _) = try openLog(disk, options)
        #expect(try log.replenishSpares())
        try writer.commit(Self.one, at: 1)
        disk.fillUp()
        // What is sealed from it one day would not fit.
        let error = #expect(throws: LogError.self) { try writer.roll() }
        #expect(error?.isNoSpace == true && log.shortage != nil)
        disk.makeSpace()
        #expect(try writer.roll() == ClosedRange(1, 1))
        #expect(log.shortage == nil)
    }

    @Test func `The reserve is not for appends`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk, Self.options(reserve: 1))
        _ = try log.replenishSpares()
        #expect(log.reserveBytes == 64 << 10)
        try writer.commit(Self.one, at: 1)
        disk.fillUp()
        let error = #expect(throws: LogError.self) { try writer.roll() }
        #expect(error?.isNoSpace == true && log.reserveBytes == 64 << 10)
    }

    @Test func `A log on a full disk opens and can be read; appends are refused, and succeed once there is room`()
        throws
    {
        // Nothing fits behind: the segment is of another size than is configured now.
        let (disk, _) = try diskWithLog(Self.options(reserve: 0)) { _, writer in
            try writer.commit(Self.one, at: 1)
            try writer.mark()
        }
        disk.fillUp()
        var options = Self.options(reserve: 0)
        options.segmentBytes = 128 << 10
        let before = disk.image
        let (log, writer, report) = try openLog(disk, options)
        #expect(disk.image == before)
        #expect(report.damage == [] && report.notes.count == 1)
        #expect(try log.view.records().map(\.payload) == [[1]])
        #expect(log.shortage != nil)
        for _ in 1...2 {
            #expect(!writer.fits(byteCount: 1))
            let error = #expect(throws: LogError.self) { try writer.commit(Self.one, at: 2) }
            #expect(error?.isNoSpace == true)
            try writer.mark()
        }
        disk.makeSpace()
        #expect(try writer.commit(Self.one, at: 3)[0].id == RecordID(2))
        #expect(log.shortage == nil)
        #expect(try log.view.records().count == 2)
    }

    @Test func `Upkeep tells appends that there is room again`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk, Self.options(reserve: 1))
        try writer.commit(Self.one, at: 1)
        disk.fillUp()
        #expect(throws: LogError.self) { try writer.roll() }
        _ = try? log.replenishSpares()
        #expect(log.shortage != nil)
        disk.makeSpace()
        #expect(try log.replenishSpares())
        #expect(log.shortage == nil)
    }

    @Test func `On a full disk a closed segment is sealed all the same: the reserve makes room, and comes back`() throws
    {
        let simulated = SimulatedDisk()
        let disk = RoomByRemoval(simulated)
        let (log, writer, _) = try openLog(disk, Self.options(reserve: 1))
        _ = try log.replenishSpares()
        try writer.commit([TestRecord(payload: noise(20_000, seed: 1))], at: 1)
        try writer.roll()
        let segments = log.view.segments.count
        simulated.fillUp()
        #expect(log.reserveBytes == 64 << 10)
        #expect(try log.sealOldest())
        #expect(log.reserveBytes == 0 && log.view.segments.count == segments)
        simulated.fillUp()
        // The raw file of the sealed segment takes its place; that needs no room.
        _ = try? log.replenishSpares()
        #expect(log.reserveBytes == 64 << 10)
        #expect(try log.view.records().count == 1)
    }
}

/// A disk that was filled up has room again as soon as a file is removed.
private struct RoomByRemoval: Disk {
    private let disk: SimulatedDisk

    init(_ disk: SimulatedDisk) {
        self.disk = disk
    }

    func createDirectory(_ path: String) throws(DiskError) { try disk.createDirectory(path) }
    func names(in directory: String) throws(DiskError) -> [String] { try disk.names(in: directory) }
    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile { try disk.open(path, mode) }
    func rename(_ source: String, to destination: String) throws(DiskError) { try disk.rename(source, to: destination) }
    func syncDirectory(_ path: String) throws(DiskError) { try disk.syncDirectory(path) }
    func lock(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lock(path) }
    func lockDirectory(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lockDirectory(path) }
    func freeBytes(at path: String) throws(DiskError) -> UInt64 { try disk.freeBytes(at: path) }

    func remove(_ path: String) throws(DiskError) {
        try disk.remove(path)
        if path.hasSuffix(".spare") { disk.makeSpace() }
    }
}
