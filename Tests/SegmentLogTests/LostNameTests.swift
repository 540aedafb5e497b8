// Owns: files that lose their name under a running log, or whose name something else has.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct LostNameTests {
    private static let sealed = storeDirectory.sealed(RecordID(1))
    private static let closed = storeDirectory.active(RecordID(3))
    private static let active = storeDirectory.active(RecordID(5))

    /// A sealed segment, a closed raw one and an active one, of two records each; open.
    private static func log(_ disk: any Disk) throws -> OpenedLog {
        let opened = try openLog(disk)
        for segment in 0..<3 {
            for number in 0..<2 {
                try opened.writer.commit([TestRecord(payload: [UInt8(number)])], at: Int64(segment))
            }
            if segment < 2 { try opened.writer.roll() }
            if segment < 1 { _ = try opened.log.sealOldest() }
        }
        return opened
    }

    @Test(arguments: [sealed, closed, active])
    func `A check tells of a segment that was removed, replaced or renamed, which can be read until the end`(
        _ path: String
    ) throws {
        let changes: [(String, (SimulatedDisk) throws -> Void)] = [
            ("has been removed", { try $0.remove(path) }),
            ("has been removed", { try $0.rename(path, to: path + ".old") }),
            (
                "another file has its name",
                { disk in
                    try disk.remove(path)
                    try disk.createDirectory(path)
                }
            ),
            (
                "another file has its name",
                { disk in
                    let other =
                        path == Self.sealed
                        ? try Self.other() : disk.bytes(path == Self.active ? Self.closed : Self.active)
                    try disk.remove(path)
                    try disk.open(path, .createNew).write(other, at: FileOffset(0))
                }
            ),
        ]
        for (told, change) in changes {
            let disk = SimulatedDisk()
            let (log, _, _) = try Self.log(disk)
            #expect(try log.verify().isClean)
            try change(disk)
            let report = try log.verify()
            #expect(report.findings.map(\.file) == [storeDirectory.name(of: path)], "\(report.problems)")
            #expect(report.problems.contains { $0.contains(told) }, "\(report.problems)")
            #expect(report.damage == [])
            #expect(try log.view.records().count == 6)
        }
    }

    /// A sealed segment of another store.
    private static func other() throws -> [UInt8] {
        let disk = SimulatedDisk()
        _ = try log(disk)
        return disk.bytes(sealed)
    }

    @Test(arguments: ["removed", "renamed", "replaced"])
    func `The writer of a segment that has lost its name stops with the next word to the manifest`(
        how: String
    ) throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try Self.log(disk)
        switch how {
        case "renamed": try disk.rename(Self.active, to: Self.active + ".old")
        case "replaced": try disk.replaceFile("00000000000000000005.active", in: storeDirectory.log, with: [])
        default: try disk.remove(Self.active)
        }
        // The marker of an idle moment, or a second of commits.
        let error = try #require(throws: LogError.self) { try writer.mark() }
        guard case .unreadable(Self.active, _) = error else { throw error }
        #expect(writer.failed == error)
        #expect(throws: error) { try writer.commit([TestRecord()], at: 9) }
        #expect(try log.view.records().count == 6)
    }

    @Test func `Under steady commits it stops within a second`() throws {
        let disk = SimulatedDisk()
        let (_, writer, _) = try Self.log(disk)
        try disk.remove(Self.active)
        #expect(throws: LogError.self) {
            for step in 1...12 { try writer.commit([TestRecord()], at: Int64(step) * 100_000_000) }
        }
        #expect(writer.failed != nil)
    }

    @Test func `What stopped is opened again, and the ids that went with the file are named`() throws {
        let disk = SimulatedDisk()
        do {
            let (_, writer, _) = try Self.log(disk)
            try disk.remove(Self.active)
            #expect(throws: LogError.self) { try writer.mark() }
        }
        disk.restartProcess()
        let (_, writer, report) = try openLog(disk)
        #expect(report.damage.first?.lowerBound == RecordID(5))
        #expect(writer.nextID > RecordID(6))
    }

    /// What stands in the place of a file.
    @Test func `A folder named like a segment or the manifest is refused, and not a byte is written`() throws {
        for path in [Self.sealed, Self.closed, Self.active, storeDirectory.manifest] {
            let disk = SimulatedDisk()
            do { _ = try Self.log(disk) }
            disk.restartProcess()
            try disk.remove(path)
            try disk.createDirectory(path)
            let before = disk.image
            let error = try #require(throws: LogError.self) { try openLog(disk) }
            guard case .unreadable(path, _) = error else { throw error }
            #expect(disk.image == before)
        }
    }

    @Test func `A folder with the name of a temporary file does not keep its segment from being sealed`() throws {
        let disk = SimulatedDisk()
        let (log, _, _) = try Self.log(disk)
        try disk.createDirectory("/store/log/00000000000000000003.segment.tmp")
        #expect(try log.sealOldest() && log.statistics.sealedSegments == 2)
        #expect(try log.view.records().count == 6)
        #expect(!disk.logFiles.contains { $0.hasSuffix(".tmp") && $0 != "00000000000000000003.segment.tmp" })
    }

    @Test func `A folder named like a spare or a temporary file is noted and left`() throws {
        for name in [
            "00000000000000000009.spare", "00000000000000000009.spare.tmp", "00000000000000000003.segment.tmp",
        ] {
            let disk = SimulatedDisk()
            do { _ = try Self.log(disk) }
            disk.restartProcess()
            let path = "/store/log/\(name)"
            try disk.createDirectory(path)
            let (log, writer, report) = try openLog(disk)
            #expect(report.damage == [] && report.notes.contains { $0.contains(name) }, "\(report.notes)")
            #expect(try log.view.records().count == 6)
            try writer.roll()
            #expect(try writer.commit([TestRecord()], at: 9)[0].id == RecordID(7))
            let entry = try #require(disk.image[path])
            #expect(entry == nil)
        }
    }
}
