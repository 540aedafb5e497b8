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

    /// Opens a log that keeps a reserve of one file, on a disk that has room for so many files beside the log itself.
    private static func small(
        files: Int,
        spare: Int = 0,
        recycled: Int = 0,
        keepFree: UInt64 = 0
    ) throws -> (SimulatedDisk, SegmentLog, LogWriter) {
        var options = options(reserve: 1)
        options.spareFiles = spare
        options.recycledFiles = recycled
        options.keepFreeBytes = keepFree
        let free = UInt64(1 << 30)
        let probe = SimulatedDisk(capacity: free)
        let opened = try openLog(probe, options)
        let taken = free - (try probe.freeBytes(at: "/"))
        withExtendedLifetime(opened) {}
        let disk = SimulatedDisk(capacity: taken + UInt64(files) * (64 << 10) + 1000)
        let (log, writer, _) = try openLog(disk, options)
        return (disk, log, writer)
    }

    /// Takes room for so many files, as somebody else does.
    private func occupy(_ files: Int, of disk: SimulatedDisk) throws {
        let file = try disk.open("/elsewhere-\(UInt64.random(in: .min ... .max))", .createOrTruncate)
        try file.reserve(UInt64(files * 64 << 10))
    }

    private func waiting(_ log: SegmentLog) -> UInt64 { log.fileBytes.spare / (64 << 10) }

    @Test func `What waits for appends is given back to a full disk until they have room, and no further`() throws {
        let (disk, log, writer) = try Self.small(files: 8, spare: 4)
        #expect(try log.replenishSpares())
        #expect(waiting(log) == 5)
        try occupy(3, of: disk)
        // Not one is free, and one is what appends need.
        try writer.commit(Self.one, at: 1)
        #expect(throws: LogError.self) { try writer.roll() }
        #expect(log.shortage != nil)
        #expect(try log.replenishSpares())
        #expect(waiting(log) == 4 && log.shortage == nil)
        #expect(try log.replenishSpares() == false)
        #expect(try writer.roll() == ClosedRange(1, 1))
    }

    @Test func `Of what waits for appends one file stays where their room cannot be made`() throws {
        let (disk, log, _) = try Self.small(files: 12, spare: 4, keepFree: 6 * 64 << 10)
        #expect(try log.replenishSpares())
        #expect(waiting(log) == 5)
        // Room for three is left, and for six is to be: the first three go for that.
        try occupy(4, of: disk)
        #expect(try log.replenishSpares())
        #expect(waiting(log) == 2)
        #expect(try log.replenishSpares() == false)
    }

    @Test func `Below the keep-free limit nothing waits but the reserve`() throws {
        let (disk, log, _) = try Self.small(files: 12, spare: 4, keepFree: 6 * 64 << 10)
        #expect(try log.replenishSpares())
        try occupy(6, of: disk)
        #expect(try log.replenishSpares())
        #expect(waiting(log) == 1 && log.reserveBytes == 64 << 10)
        #expect(try log.replenishSpares() == false)
    }

    @Test func `A file that waits and has been removed by somebody is as good as given back`() throws {
        let (disk, log, _) = try Self.small(files: 8, spare: 2)
        #expect(try log.replenishSpares())
        let spares = disk.logFiles.filter { $0.hasSuffix(".spare") }
        #expect(spares.count == 3)
        for name in spares { try disk.remove("\(log.directory.log)/\(name)") }
        disk.fillUp()
        #expect(try log.replenishSpares())
        #expect(waiting(log) == 2)
    }

    @Test(arguments: [false, true])
    func `The file of a sealed segment is kept for the next one, but not on a full disk`(isFull: Bool) throws {
        let (disk, log, writer) = try Self.small(files: 8, recycled: 2, keepFree: 64 << 10)
        _ = try log.replenishSpares()
        try writer.commit(Self.one, at: 1)
        try writer.roll()
        #expect(try log.sealOldest())
        if isFull { disk.fillUp() }
        #expect(try log.replenishSpares())
        #expect(waiting(log) == (isFull ? 1 : 2))
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
