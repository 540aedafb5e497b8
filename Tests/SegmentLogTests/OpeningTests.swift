// Owns: what opening refuses, and what it survives: locks, unknown formats, files that were lost, renamed, or brought in
// from elsewhere.

import Disk
import DiskSimulation
import FaultSimulation
import Glibc
import Testing

@testable import SegmentLog

@Suite struct OpeningTests {
    private static let active = storeDirectory.active(RecordID(1))

    /// A sealed segment of two records, and an active one of one.
    private static func disk(_ close: (LogWriter) throws -> Void = { _ in }) throws -> SimulatedDisk {
        try diskWithLog { log, writer in
            try writer.commit([TestRecord(keys: ["a"]), TestRecord(keys: ["b"])], at: 1)
            try writer.roll()
            _ = try log.sealOldest()
            _ = try log.replenishSpares()
            try writer.commit([TestRecord(keys: ["c"])], at: 2)
            try writer.mark()
            try close(writer)
        }.disk
    }

    @Test func `A second opening fails while the first holds the lock`() throws {
        let disk = SimulatedDisk()
        let first = try openLog(disk)
        #expect(throws: LogError.inUse(path: "/store")) { try openLog(disk) }
        _ = first.log
    }

    @Test func `A store that is missing is not made where it may not be`() throws {
        let disk = SimulatedDisk()
        var options = LogOptions.small
        options.create = false
        #expect(throws: LogError.missing(path: "/store")) { try openLog(disk, options) }
        #expect(disk.image.keys.sorted() == ["/"])
        // An empty directory, as one that nothing is mounted on, stays empty: not even a lock is left.
        try disk.createDirectory("/store")
        #expect(throws: LogError.missing(path: "/store")) { try openLog(disk, options) }
        #expect(disk.image.keys.sorted() == ["/", "/store"])
    }

    @Test func `An existing store whose log is not mounted is refused`() throws {
        let disk = SimulatedDisk()
        try disk.createDirectory("/store")
        try disk.replaceFile(
            StoreFile.name,
            in: "/store",
            with: StoreFile(store: .random(), created: .minimum).encoded()
        )
        #expect(throws: LogError.self) { try openLog(disk) }
        #expect(disk.image["/store/log"] == nil)
    }

    @Test func `Files are named by their place in the data directory, whatever that is called`() {
        for root in ["/store", "/srv/größe", "/srv/e\u{301}te", "/\u{1F600}"] {
            let directory = LogDirectory(root)
            #expect(directory.name(of: directory.manifest) == "manifest")
            #expect(directory.name(of: directory.active(RecordID(7))) == "log/00000000000000000007.active")
            #expect(directory.nameInLog(directory.active(RecordID(7))) == "00000000000000000007.active")
            #expect(directory.name(of: root + "x/manifest") == root + "x/manifest")
        }
    }

    @Test func `Segments without a store file are not taken for an empty store`() throws {
        let disk = try Self.disk()
        try disk.remove("/store/store.json")
        let before = disk.image
        #expect(throws: LogError.self) { try openLog(disk) }
        #expect(disk.image == before)
    }

    @Test func `A directory that holds something else is no place for a store, and is left as it is`() throws {
        let disk = SimulatedDisk(directory: "/store")
        try disk.replaceFile("holiday.jpg", in: "/store", with: [1, 2, 3])
        let before = disk.image
        #expect(throws: LogError.self) { try openLog(disk) }
        #expect(disk.image == before)
        // The root of a file system is empty but for this.
        let fresh = SimulatedDisk(directory: "/store")
        try fresh.createDirectory("/store/lost+found")
        #expect(try openLog(fresh).report.created)
    }

    @Test func `No damaged store file is believed`() throws {
        let disk = try Self.disk()
        let bytes = disk.bytes("/store/store.json")
        for bit in 0..<bytes.count * 8 {
            let copy = disk.copy()
            copy.flip(bit: bit % 8, at: bit / 8, of: "/store/store.json")
            let before = copy.image
            #expect(throws: LogError.self, "bit \(bit)") { try openLog(copy) }
            #expect(copy.image == before, "bit \(bit)")
        }
    }

    /// More ids than a small segment can have held from `first` on.
    private static func bound(from first: UInt64) -> RecordID {
        RecordID(first + UInt64(LogOptions.small.segmentBytes / RecordFormat.headerBytes))
    }

    @Test func `Where the newest segment is missing, none of the ids it may have held is given again`() throws {
        let disk = try Self.disk()
        try disk.remove("/store/log/00000000000000000003.active")
        do {
            let (log, writer, report) = try openLog(disk)
            let lost = try #require(report.damage.first)
            #expect(report.damage.count == 1 && lost.lowerBound == RecordID(3))
            #expect(lost.upperBound > RecordID(1_000) && lost.upperBound < Self.bound(from: 3))
            #expect(try writer.commit([TestRecord()], at: 9)[0].id == lost.upperBound.next)
            #expect(try log.view.record(RecordID(2)) != nil)
        }
        #expect(try openLog(disk).report.damage.count == 1)
    }

    @Test func `Where the log was closed in good order, exactly the ids that are lost are named`() throws {
        let disk = try Self.disk { writer in try writer.rest() }
        let path = "/store/log/00000000000000000003.active"
        let cases: [(SimulatedDisk) throws -> Void] = [
            { try $0.remove(path) },
            { $0.cut(path, to: 8_192) },
            { $0.cut(path, to: 100) },
            { disk in for place in [40, 4_136] { disk.flip(bit: 0, at: place, of: path) } },
        ]
        for damage in cases {
            let copy = disk.copy()
            try damage(copy)
            let (log, writer, report) = try openLog(copy)
            #expect(report.damage == [ClosedRange(3, 3)] && log.damage == [ClosedRange(3, 3)])
            #expect(try !log.verify().isClean)
            #expect(try writer.commit([TestRecord()], at: 9)[0].id == RecordID(4))
        }
    }

    @Test func `A sealed segment that the disk will not give back is a hole, and stays where it is`() throws {
        let disk = try Self.disk()
        let before = disk.logFiles
        let bad = BadFileDisk(disk, path: storeDirectory.sealed(RecordID(1)))
        let (log, writer, report) = try openLog(bad)
        #expect(report.damage == [ClosedRange(1, 2)])
        #expect(disk.logFiles == before && disk.quarantine.isEmpty)
        #expect(try log.view.record(RecordID(3)) != nil)
        #expect(try writer.commit([TestRecord()], at: 9)[0].id == RecordID(4))
    }

    @Test func `Where the newest segment cannot be read, the log is not opened: nobody knows which ids were given`()
        throws
    {
        let disk = try Self.disk()
        let before = disk.logFiles
        let bad = BadFileDisk(disk, path: storeDirectory.active(RecordID(3)))
        #expect(throws: LogError.self) { try openLog(bad) }
        #expect(disk.logFiles == before && disk.quarantine.isEmpty)
    }

    @Test func `A store of a later version is refused, and not a byte is written`() throws {
        let disk = try Self.disk()
        let file = try disk.open("/store/store.json", .readWrite)
        try file.write(Array("{\"format\":3,".utf8), at: FileOffset(0))
        let before = disk.image
        #expect(throws: LogError.unknownFormat(path: "/store/store.json", found: "version 3")) { try openLog(disk) }
        #expect(disk.image == before)
    }

    @Test(arguments: [storeDirectory.active(RecordID(3)), storeDirectory.sealed(RecordID(1))], [8, 64])
    func `A segment of a later version is refused, and not a byte is written`(path: String, field: Int) throws {
        let disk = try Self.disk()
        try disk.patch(path, 0..<FileHeader.bytes) { header in
            header[field] = 9
            header.replaceSubrange(12..<16, with: [0, 0, 0, 0])
            let crc = Checksum.crc32(header)
            header.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: 12) }
        }
        let before = disk.image
        let found = field == 8 ? "version 9" : "feature bits 9 that a reader must know"
        #expect(throws: LogError.unknownFormat(path: path, found: found)) { try openLog(disk) }
        #expect(disk.image == before)
    }

    @Test func `A segment of the first version is refused by name, not taken for damage`() throws {
        for kind in FileHeader.Kind.allCases {
            let disk = try Self.disk()
            let path = kind == .raw ? storeDirectory.active(RecordID(3)) : storeDirectory.sealed(RecordID(1))
            // Its header had 64 bytes.
            try disk.patch(path, 0..<64) { header in
                header.replaceSubrange(8..<16, with: [1, 0, 0, 0, 0, 0, 0, 0])
                let crc = Checksum.crc32(header)
                header.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: 12) }
            }
            let before = disk.image
            #expect(throws: LogError.unknownFormat(path: path, found: "version 1")) { try openLog(disk) }
            #expect(disk.image == before)
        }
    }

    @Test func `A segment of another store is refused untouched`() throws {
        let disk = try Self.disk()
        let other = try Self.disk()
        let foreign = other.bytes(storeDirectory.sealed(RecordID(1)))
        let file = try disk.open(storeDirectory.sealed(RecordID(1)), .createOrTruncate)
        try file.write(foreign, at: FileOffset(0))
        let before = disk.image
        #expect(throws: LogError.self) { try openLog(disk) }
        #expect(disk.image == before)
    }

    @Test func `A segment under another's name is refused untouched`() throws {
        let disk = try Self.disk()
        try disk.rename(storeDirectory.sealed(RecordID(1)), to: storeDirectory.sealed(RecordID(2)))
        let before = disk.image
        #expect(throws: LogError.self) { try openLog(disk) }
        #expect(disk.image == before)
    }

    @Test func `One damaged header of a raw segment costs nothing`() throws {
        for place in [0, 4096] {
            let disk = try Self.disk()
            disk.flip(bit: 0, at: place + 40, of: storeDirectory.active(RecordID(3)))
            let opened = try openLog(disk)
            #expect(try opened.log.view.records().map(\.keys) == [["a"], ["b"], ["c"]])
            #expect(try opened.log.verify().isClean == false)
        }
    }

    @Test func `Where both are damaged, the ids the file can have held are reported and never given again`() throws {
        let disk = try Self.disk()
        let path = storeDirectory.active(RecordID(3))
        for place in [0, 4096] { disk.flip(bit: 0, at: place, of: path) }
        let bytes = disk.bytes(path)
        let opened = try openLog(disk)
        let lost = try #require(opened.report.damage.first)
        #expect(
            opened.report.damage.count == 1 && lost.lowerBound == RecordID(3) && lost.upperBound < Self.bound(from: 3)
        )
        #expect(disk.quarantine == ["/store/quarantine/00000000000000000003.active": bytes])
        #expect(try opened.writer.commit([TestRecord()], at: 3)[0].id == lost.upperBound.next)
        #expect(try opened.log.view.record(RecordID(2)) != nil)
    }

    @Test func `A lost segment is a gap that is reported`() throws {
        let disk = try Self.disk()
        try disk.remove(storeDirectory.sealed(RecordID(1)))
        let opened = try openLog(disk)
        #expect(opened.report.damage == [ClosedRange(1, 2)])
        #expect(throws: LogError.corrupt(ClosedRange(1, 2), reason: "damaged on disk")) {
            try opened.log.view.records()
        }
        #expect(try opened.log.view.records(LogQuery(after: RecordID(2))).map(\.keys) == [["c"]])
        #expect(opened.writer.nextID == RecordID(4))
    }

    @Test func `Another segment size takes effect with a new segment`() throws {
        let disk = try Self.disk()
        var options = LogOptions.small
        options.segmentBytes = 128 << 10
        for size in [128 << 10, 32 << 10, 64 << 10] {
            options.segmentBytes = size
            let opened = try openLog(disk, options)
            let expected = try opened.log.view.records() + [opened.writer.commit([TestRecord()], at: 5)[0]]
            while try opened.log.sealOldest() {}
            _ = try opened.log.replenishSpares()
            #expect(try opened.log.view.records() == expected)
            let raw = disk.logFiles.filter { !$0.hasSuffix(".segment") }
            #expect(raw.allSatisfy { disk.bytes("/store/log/\($0)").count == size })
        }
    }

    @Test func `An empty segment of another size gives way`() throws {
        let disk = SimulatedDisk()
        _ = try openLog(disk)
        var options = LogOptions.small
        options.segmentBytes = 128 << 10
        let (log, writer, _) = try openLog(disk, options)
        let records = try writer.commit([TestRecord(keys: ["a"])], at: 1)
        try writer.roll()
        #expect(try log.view.record(RecordID(1)).map { TestRecord($0) } == records[0])
        #expect(try log.sealOldest() && !log.sealOldest())
        #expect(try log.view.records() == records)
    }

    @Test func `A log opened for reading alone writes nothing`() throws {
        let disk = try Self.disk()
        let before = disk.image
        let opened = try SegmentLog.openReadOnly(disk, directory: storeDirectory, options: .small)
        #expect(try opened.log.view.records().count == 3)
        #expect(disk.image == before)
    }
}

/// A disk that will not give back one of its files.
private struct BadFileDisk: Disk {
    private let disk: SimulatedDisk
    private let path: String

    init(_ disk: SimulatedDisk, path: String) {
        self.disk = disk
        self.path = path
    }

    func createDirectory(_ path: String) throws(DiskError) { try disk.createDirectory(path) }
    func names(in directory: String) throws(DiskError) -> [String] { try disk.names(in: directory) }
    func rename(_ source: String, to destination: String) throws(DiskError) { try disk.rename(source, to: destination) }
    func remove(_ path: String) throws(DiskError) { try disk.remove(path) }
    func syncDirectory(_ path: String) throws(DiskError) { try disk.syncDirectory(path) }
    func lock(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lock(path) }
    func lockDirectory(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lockDirectory(path) }
    func freeBytes(at path: String) throws(DiskError) -> UInt64 { try disk.freeBytes(at: path) }

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        let file = try disk.open(path, mode)
        return path == self.path ? BadFile(file) : file
    }
}

private final class BadFile: DiskFile {
    private let file: any DiskFile
    var path: String { file.path }

    init(_ file: any DiskFile) {
        self.file = file
    }

    func size() throws(DiskError) -> UInt64 { try file.size() }
    func isInPlace() throws(DiskError) -> Bool { try file.isInPlace() }
    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: FileOffset) throws(DiskError) -> Int {
        throw DiskError(.read, path: path, errno: EIO)
    }
    func writeSome(_ pieces: [UnsafeRawBufferPointer], at offset: FileOffset) throws(DiskError) -> Int {
        try file.writeSome(pieces, at: offset)
    }
    func reserve(_ bytes: UInt64) throws(DiskError) { try file.reserve(bytes) }
    func sync() throws(DiskError) { try file.sync() }
}
