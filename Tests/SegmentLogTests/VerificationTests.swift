// Owns: the check of every byte: whatever has a checksum is looked at, in the file it is in; nothing is changed by it.

import Disk
import DiskSimulation
import FaultSimulation
import Glibc
import Testing

@testable import SegmentLog

@Suite struct VerificationTests {
    private func offline(_ disk: SimulatedDisk) throws -> VerificationReport {
        try SegmentLog.openReadOnly(disk, directory: storeDirectory, options: DamagedLog.options).log.verify()
    }

    @Test func `A whole log is clean, live and offline, and every byte of its records is counted`() throws {
        let (disk, records) = try DamagedLog.disk()
        let reports = [try offline(disk.copy()), try DamagedLog.open(disk.copy()).log.verify()]
        for report in reports {
            #expect(report.isClean, "\(report.problems)")
            #expect(report.records == UInt64(records.count) && report.segments == 3)
            let sealed = DamagedLog.sealed.reduce(0) { $0 + disk.bytes($1).count }
            #expect(report.bytes > sealed)
        }
    }

    @Test func `A flip of any bit of a raw segment's headers, frames and records is found while the log is open`()
        throws
    {
        let path = storeDirectory.active(RecordID(1))
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        for frame in 0..<4 {
            try writer.commit((0..<2).map { TestRecord(keys: ["k"], payload: noise(41 + $0, seed: frame)) }, at: 1)
        }
        let end = Int(try #require(try frames(of: path, on: disk).last).end.rawValue)
        for offset in Array(0..<100) + Array(4090..<4200) + Array(8150..<end) {
            disk.flip(bit: offset % 8, at: offset, of: path)
            let report = try log.verify()
            #expect(report.findings.map(\.file) == ["log/00000000000000000001.active"], "flip at \(offset)")
            disk.flip(bit: offset % 8, at: offset, of: path)
        }
        #expect(try log.verify().isClean)
    }

    @Test func `A damaged frame header is a problem, and no record behind it is called lost while it can be read`()
        throws
    {
        let (disk, records) = try DamagedLog.disk()
        let second = try frames(of: DamagedLog.active, on: disk)[1]
        let (log, _, _) = try DamagedLog.open(disk)
        disk.flip(bit: 1, at: Int(second.offset.rawValue) + 30, of: DamagedLog.active)
        let report = try log.verify()
        #expect(report.damage == [] && report.problems.count == 1)
        #expect(report.records == UInt64(records.count))
    }

    @Test func `Each finding names its file and the ids that are lost by it`() throws {
        let (disk, _) = try DamagedLog.disk()
        let first = try DamagedLog.damage(block: 1, of: DamagedLog.sealed[0], on: disk)
        let second = try DamagedLog.damage(block: 2, of: DamagedLog.sealed[1], on: disk)
        for report in [try offline(disk.copy()), try DamagedLog.open(disk).log.verify()] {
            #expect(report.damage == [first, second])
            #expect(report.findings.map(\.damage) == [[first], [second]])
            #expect(report.findings.map(\.file) == DamagedLog.sealed.map(storeDirectory.name))
            #expect(report.problems.allSatisfy { $0.hasPrefix("log/000000000000000000") })
        }
    }

    @Test func `A block that the disk cannot read is damage, and the check goes on behind it`() throws {
        let (disk, records) = try DamagedLog.disk()
        let whole = disk.copy()
        let (log, _, _) = try DamagedLog.open(whole)
        let before = whole.operations
        _ = try log.verify()
        let reads = whole.operations - before
        var (found, tried) = (0, 0)
        for step in 1...reads {
            let copy = disk.copy()
            let (log, _, _) = try DamagedLog.open(copy)
            copy.fail(operation: copy.operations + step)
            let report: VerificationReport
            do {
                report = try log.verify()
            } catch {
                // Not a read: what a file system that cannot even list its files leaves to check is nothing.
                guard case .disk(let cause) = error, cause.operation != .read else { throw error }
                continue
            }
            tried += 1
            let lost = report.damage.reduce(0) { $0 + Int($1.upperBound.rawValue - $1.lowerBound.rawValue) + 1 }
            #expect(Int(report.records) + lost >= records.count, "read \(step)")
            found += report.findings.isEmpty ? 0 : 1
        }
        // All but those that ask only whose name a file has: what it holds has been read by then.
        #expect(found > 10 && tried - found <= log.view.segments.count)
    }

    @Test func `Bytes that were set aside are held to the checksum in their name`() throws {
        let (disk, _) = try diskWithLog(DamagedLog.options) { _, writer in
            for payload in 1...2 as ClosedRange<UInt8> { try writer.commit([TestRecord(payload: [payload])], at: 1) }
        }
        let path = storeDirectory.active(RecordID(1))
        let last = try #require(try frames(of: path, on: disk).last)
        disk.flip(bit: 3, at: Int(last.offset.rawValue) + 20, of: path)
        #expect(try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory).report.tornBytes > 0)
        #expect(try offline(disk.copy()).isClean)
        _ = try DamagedLog.open(disk)
        disk.restartProcess()
        let torn = try #require(disk.quarantine.keys.first { $0.hasSuffix(".torn") })
        #expect(try offline(disk.copy()).isClean)
        disk.flip(bit: 0, at: 9, of: torn)
        #expect(try offline(disk.copy()).findings.map(\.file) == [storeDirectory.name(of: torn)])
    }

    @Test func `The progress of a check goes up, to the end, and a check can be stopped`() throws {
        let (disk, _) = try DamagedLog.disk()
        let (log, _, _) = try DamagedLog.open(disk)
        var seen: [Double] = []
        _ = try log.verify(progress: { fraction in
            seen.append(fraction)
            return true
        })
        #expect(seen == seen.sorted() && seen.count > 8 && seen.allSatisfy { $0 >= 0 && $0 <= 1 })
        #expect(try #require(seen.last) > 0.9)
        var calls = 0
        let part = try log.verify(progress: { _ in
            calls += 1
            return calls < 3
        })
        #expect(part.records < 72 && part.isClean)
    }

    @Test func `An offline check asks the disk for nothing that could change it`() throws {
        let (disk, _) = try DamagedLog.disk()
        disk.flip(bit: 0, at: 100, of: DamagedLog.sealed[0])
        disk.flip(bit: 0, at: 8_210, of: DamagedLog.active)
        let image = disk.image
        let frozen = ReadOnlyDisk(disk)
        let report = try SegmentLog.openReadOnly(frozen, directory: storeDirectory, options: DamagedLog.options).log
            .verify()
        #expect(report.findings.count == 2 && disk.image == image)
    }

    @Test func `An offline check is refused while a daemon has the directory, and needs no lock file where none has`()
        throws
    {
        let (disk, _) = try DamagedLog.disk()
        do {
            let opened = try DamagedLog.open(disk)
            #expect(throws: LogError.inUse(path: storeDirectory.data)) { try offline(disk) }
            _ = opened
        }
        try disk.remove(storeDirectory.lock)
        #expect(try offline(disk).isClean)
        #expect(disk.image[storeDirectory.lock] == nil)
    }
}

/// A file system that is mounted read-only.
struct ReadOnlyDisk: Disk {
    private let disk: SimulatedDisk

    init(_ disk: SimulatedDisk) { self.disk = disk }

    private func refuse(_ operation: DiskError.Operation, _ path: String) -> DiskError {
        DiskError(operation, path: path, errno: EROFS)
    }

    func names(in directory: String) throws(DiskError) -> [String] { try disk.names(in: directory) }
    func lockExisting(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lockExisting(path) }
    func lockDirectory(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lockDirectory(path) }
    func freeBytes(at path: String) throws(DiskError) -> UInt64 { try disk.freeBytes(at: path) }
    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        guard mode.isReadOnly else { throw refuse(.open, path) }
        return try disk.open(path, mode)
    }
    func createDirectory(_ path: String) throws(DiskError) { throw refuse(.createDirectory, path) }
    func rename(_ source: String, to destination: String) throws(DiskError) { throw refuse(.rename, source) }
    func remove(_ path: String) throws(DiskError) { throw refuse(.remove, path) }
    func syncDirectory(_ path: String) throws(DiskError) { throw refuse(.syncDirectory, path) }
    func lock(_ path: String) throws(DiskError) -> (any DiskLock)? { throw refuse(.lock, path) }
}
