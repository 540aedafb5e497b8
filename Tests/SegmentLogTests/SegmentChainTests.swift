// Owns: segments of another past of the same store, with checksums that are all right: they are told by the links of their
// neighbours, and not read.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct SegmentChainTests {
    private static let bases: [UInt64] = [4, 7, 10, 13]

    /// Two stores with one beginning, which has a segment of three records; in each come four more, the last of them open. A
    /// payload says in which past it was written.
    private static func pasts(sealing: Bool = false) throws -> (here: SimulatedDisk, other: SimulatedDisk) {
        let here = try diskWithLog { _, writer in
            for number in 1...3 { try writer.commit([TestRecord(payload: [0])], at: Int64(number)) }
            try writer.rest()
        }.disk
        here.restartProcess()
        let other = here.copy()
        for (disk, past) in [(here, UInt8(1)), (other, UInt8(2))] {
            do {
                let (log, writer, _) = try openLog(disk)
                for base in bases {
                    try writer.roll()
                    if sealing { _ = try log.sealOldest() }
                    for number in 0..<3 {
                        try writer.commit([TestRecord(payload: [past])], at: Int64(base) + Int64(number))
                    }
                }
                try writer.rest()
            }
            disk.restartProcess()
        }
        return (here, other)
    }

    /// Puts segments of one disk in the place of another's.
    private static func bring(_ bases: [UInt64], from other: SimulatedDisk, to disk: SimulatedDisk) throws {
        for base in bases {
            for path in [storeDirectory.active(RecordID(base)), storeDirectory.sealed(RecordID(base))]
            where other.image[path] != nil {
                try disk.open(path, .createOrTruncate).write(other.bytes(path), at: FileOffset(0))
            }
        }
    }

    @Test(
        arguments: [false, true],
        [[4], [7], [10], [13], [7, 10], [10, 13], [7, 10, 13], [7, 13]] as [[UInt64]]
    )
    func `Segments of another past are set aside and not read, and their ids are damage for good`(
        sealing: Bool,
        strangers: [UInt64]
    ) throws {
        let (here, other) = try Self.pasts(sealing: sealing)
        try Self.bring(strangers, from: other, to: here)
        let files = here.logFiles
        let (log, writer, report) = try openLog(here)
        let lost = RecordRanges.merged(strangers.map { ClosedRange($0, $0 + 2) })
        #expect(report.damage == lost)
        for base in strangers {
            let told = report.notes.filter {
                $0.contains(String(base)) && $0.contains("is not the segment that stood there")
            }
            #expect(told.count == 1, "\(base)")
        }
        let found = try log.view.readingPastDamage()
        #expect(found.records.allSatisfy { $0.payload != [2] })
        #expect(found.records.count == 15 - 3 * strangers.count)
        #expect(try !log.verify().isClean)
        let aside = try here.names(in: storeDirectory.quarantine)
        #expect(Set(aside.map { String($0.prefix(20)) }).count == strangers.count)
        #expect(Set(files).subtracting(here.logFiles).allSatisfy { $0.hasSuffix(".spare") || aside.contains($0) })
        #expect(try writer.commit([TestRecord()], at: 99)[0].id == RecordID(16))
        here.restartProcess()
        let again = try openLog(here).report
        #expect(again.damage == lost, "\(again.notes)")
    }

    @Test(arguments: [false, true])
    func `Where nothing was brought in from elsewhere nobody is a stranger, whatever becomes of the links`(
        sealing: Bool
    ) throws {
        let (here, _) = try Self.pasts(sealing: sealing)
        if sealing { _ = try openLog(here).log.compact(.everything) }
        for missing in [[], [1], [4], [7], [4, 7], [10]] as [[UInt64]] {
            let copy = here.copy()
            let lost = Set(
                missing.flatMap { [storeDirectory.active(RecordID($0)), storeDirectory.sealed(RecordID($0))] }
            )
            let names = copy.logFiles.filter { lost.contains("/store/log/\($0)") }
            for name in names { try copy.remove("/store/log/\(name)") }
            let (log, _, report) = try openLog(copy)
            #expect(!report.notes.contains { $0.contains("is not the segment") }, "\(missing)")
            let ids = names.isEmpty ? [] : RecordRanges.merged(missing.map { ClosedRange($0, $0 + 2) })
            if !sealing { #expect(report.damage == ids, "\(missing)") }
            #expect(try log.view.readingPastDamage().records.allSatisfy { $0.payload != [2] })
        }
    }

    @Test func `A sealed segment that has lost its footer is no stranger because the one behind it is missing`() throws
    {
        let (disk, records) = try diskWithLog { log, writer in
            var records: [TestRecord] = []
            for number in 1...9 {
                records += try writer.commit([TestRecord(payload: noise(200, seed: number))], at: Int64(number))
                if number.isMultiple(of: 3) {
                    try writer.roll()
                    _ = try (log.sealOldest(), log.replenishSpares())
                }
            }
            try writer.rest()
            return records
        }
        disk.restartProcess()
        let path = storeDirectory.sealed(RecordID(1))
        disk.flip(bit: 0, at: disk.bytes(path).count - 1, of: path)
        try disk.remove(storeDirectory.sealed(RecordID(4)))
        for _ in 1...2 {
            do {
                let (log, writer, report) = try openLog(disk)
                #expect(report.damage == [ClosedRange(4, 6)] && disk.quarantine.isEmpty, "\(report.notes)")
                #expect(
                    try log.view.readingPastDamage().records == records.filter { !(4...6).contains($0.id.rawValue) }
                )
                try writer.rest()
            }
            disk.restartProcess()
        }
    }

    @Test func `What stands among the ids of the newest segment is a stranger, and cuts nothing off`() throws {
        for end in ["in use", "at rest"] {
            let (here, other) = try Self.fork(through: 9, atRest: end == "at rest")
            let path = storeDirectory.active(RecordID(4))
            try here.open(path, .createNew).write(other.bytes(path), at: FileOffset(0))
            let told = try SegmentLog.openReadOnly(here.copy(), directory: storeDirectory).log.verify()
            #expect(told.damage == [] && told.findings.map(\.file) == ["log/00000000000000000004.active"])
            let (log, writer, report) = try openLog(here)
            #expect(report.damage == [], "\(end): \(report.notes)")
            #expect(report.notes.contains { $0.contains("is not the segment that stood there") })
            #expect(report.notes.contains { $0.contains("was moved to quarantine/00000000000000000004.active") })
            #expect(try log.view.records().map(\.payload) == [[0], [0], [0]] + (4...9).map { _ in [1] })
            #expect(try writer.commit([TestRecord()], at: 1 << 40)[0].id == RecordID(10))
            #expect(try log.verify().problems == [])
        }
    }

    /// A segment of three records, and another past of it in which it ended there and another followed, of six.
    private static func fork(
        through last: Int64 = 5,
        atRest: Bool = true
    ) throws -> (here: SimulatedDisk, other: SimulatedDisk) {
        let here = try diskWithLog { _, writer in
            for number in 1...3 { try writer.commit([TestRecord(payload: [0])], at: Int64(number)) }
            try writer.rest()
        }.disk
        here.restartProcess()
        let other = here.copy()
        do {
            let (_, writer, _) = try openLog(other)
            try writer.roll()
            for number in 4...9 { try writer.commit([TestRecord(payload: [2])], at: Int64(number)) }
            try writer.rest()
            let (_, ours, _) = try openLog(here)
            // Each a second behind the one before, so that the manifest follows.
            for number in 4...last { try ours.commit([TestRecord(payload: [1])], at: 2_000_000_000 * number) }
            if atRest { try ours.rest() } else { try ours.mark() }
        }
        here.restartProcess()
        return (here, other)
    }

    @Test func `What a disproved file holds beyond the others is retired`() throws {
        let (here, other) = try Self.fork()
        let path = storeDirectory.active(RecordID(4))
        try here.open(path, .createNew).write(other.bytes(path), at: FileOffset(0))
        for _ in 1...2 {
            let (log, writer, report) = try openLog(here)
            #expect(report.damage == [ClosedRange(6, 9)])
            #expect(try log.view.readingPastDamage().records.prefix(5).map(\.payload) == [[0], [0], [0], [1], [1]])
            #expect(try writer.commit([TestRecord()], at: 99)[0].id > RecordID(9))
            try writer.rest()
            here.restartProcess()
        }
    }

    @Test func `A disproved file that does not belong here at all is refused as anywhere else, untouched`() throws {
        let (here, other) = try Self.fork()
        let path = storeDirectory.active(RecordID(4))
        let foreign = try Self.fork().other.bytes(path)
        var later = other.bytes(path)
        later[8] = 3
        for page in [0, 4_096] {
            later[page + 8] = 3
            later.replaceSubrange(page + 12..<page + 16, with: [0, 0, 0, 0])
            let crc = Checksum.crc32(Array(later[page..<page + FileHeader.bytes]))
            later.replaceSubrange(
                page + 12..<page + 16,
                with: (0..<4).map { UInt8(truncatingIfNeeded: crc >> (8 * $0)) }
            )
        }
        let puts: [(String, (SimulatedDisk) throws -> Void)] = [
            ("renamed", { try $0.rename(storeDirectory.active(RecordID(1)), to: path) }),
            ("another's", { try $0.open(path, .createNew).write(foreign, at: FileOffset(0)) }),
            ("of a later version", { try $0.open(path, .createNew).write(later, at: FileOffset(0)) }),
            ("a folder", { try $0.createDirectory(path) }),
        ]
        for (name, put) in puts {
            let disk = here.copy()
            if name == "renamed" {
                let copy = disk.bytes(storeDirectory.active(RecordID(1)))
                try put(disk)
                try disk.open(storeDirectory.active(RecordID(1)), .createNew).write(copy, at: FileOffset(0))
            } else {
                try put(disk)
            }
            let before = disk.image
            #expect(throws: LogError.self, "\(name)") { try openLog(disk) }
            #expect(disk.image == before, "\(name)")
        }
    }

    @Test func `Of a store whose manifest is lost, a stranger between two that know each other's places is told`()
        throws
    {
        let (here, other) = try Self.pasts()
        try here.remove(storeDirectory.manifest)
        try Self.bring([7], from: other, to: here)
        #expect(try openLog(here).report.damage == [ClosedRange(7, 9)])
    }

    @Test func `A manifest speaks against no segment behind what it has seen, nor for one that is not there`() throws {
        let disk = SimulatedDisk()
        var older: [UInt8] = []
        do {
            let (_, writer, _) = try openLog(disk)
            for number in 1...4 as ClosedRange<Int64> {
                try writer.commit([TestRecord(payload: [UInt8(number)])], at: number * 2_000_000_000)
                if number == 3 { older = disk.bytes(storeDirectory.manifest) }
            }
            try writer.roll()
            for number in 5...6 as ClosedRange<Int64> {
                try writer.commit([TestRecord(payload: [UInt8(number)])], at: number * 2_000_000_000)
            }
            try writer.rest()
        }
        disk.restartProcess()
        let store = try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory).log.store.store
        func reading(_ manifest: [UInt8]) throws -> (entry: ManifestEntry, payloads: [[UInt8]], isKept: Bool) {
            let copy = disk.copy()
            try copy.open(storeDirectory.manifest, .createOrTruncate).write(manifest, at: FileOffset(0))
            let entry = try #require(try Manifest.read(copy, storeDirectory, store: store).entry)
            let (log, _, report) = try openLog(copy)
            return (entry, try log.view.records().map(\.payload), report.damage == [] && copy.quarantine.isEmpty)
        }
        let all = (1...6).map { [UInt8($0)] }
        // It has seen the first segment come to 2, which goes on to 4.
        let old = try reading(older)
        #expect(old.entry.base == RecordID(1) && old.entry.tail == RecordID(2))
        #expect(old.payloads == all && old.isKept)
        // It names another segment in the place of the first.
        var entry = old.entry
        (entry.segment, entry.tail) = (.random(), RecordID(6))
        let stranger = try reading(Manifest.file(entry, store: store, sequence: 99))
        #expect(stranger.payloads == all && stranger.isKept)
    }
}
