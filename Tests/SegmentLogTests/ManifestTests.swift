// Owns: a manifest that is older than the log, missing, damaged, or somebody else's: it costs nothing while the segments are
// there, and is never believed against them.

import Disk
import DiskSimulation
import FaultSimulation
import Glibc
import Testing

@testable import SegmentLog

@Suite struct ManifestTests {
    private static let path = storeDirectory.manifest

    /// A closed raw segment of three records, and one that is written to, of two; and the manifest as it was before each step.
    private static func disk(atRest: Bool = false) throws -> (disk: SimulatedDisk, older: [[UInt8]]) {
        let disk = SimulatedDisk()
        var older: [[UInt8]] = []
        do {
            let (_, writer, _) = try openLog(disk)
            for number in 1...5 {
                try writer.commit([TestRecord(payload: [UInt8(number)])], at: Int64(number))
                older.append(disk.bytes(path))
                if number == 3 { try writer.roll() }
                older.append(disk.bytes(path))
            }
            try writer.mark()
            older.append(disk.bytes(path))
            if atRest { try writer.rest() }
        }
        disk.restartProcess()
        return (disk, older)
    }

    private static func replace(_ bytes: [UInt8], on disk: SimulatedDisk) throws {
        try disk.open(path, .createOrTruncate).write(bytes, at: FileOffset(0))
    }

    /// Nothing is lost, the log goes on, and the manifest is whole afterwards. Returns what the opening noted.
    @discardableResult
    private static func expectNothingLost(_ disk: SimulatedDisk, _ comment: Comment) throws -> [String] {
        var notes: [String] = []
        do {
            let (log, writer, report) = try openLog(disk)
            notes = report.notes
            #expect(report.damage == [], comment)
            #expect(try log.view.records().map(\.payload) == (1...5).map { [$0] }, comment)
            #expect(try log.verify().isClean, comment)
            #expect(try writer.commit([TestRecord(payload: [6])], at: 9)[0].id == RecordID(6), comment)
            try writer.rest()
        }
        disk.restartProcess()
        let (log, _, report) = try openLog(disk)
        #expect(report.damage == [] && report.notes == [], comment)
        #expect(try log.view.records().count == 6, comment)
        return notes
    }

    @Test(arguments: [false, true])
    func `An older copy of the manifest takes nothing from a log that has gone on`(atRest: Bool) throws {
        let (disk, older) = try Self.disk(atRest: atRest)
        #expect(Set(older).count >= 3)
        for (age, bytes) in older.enumerated() {
            let copy = disk.copy()
            try Self.replace(bytes, on: copy)
            try Self.expectNothingLost(copy, "\(age)")
        }
    }

    @Test(arguments: [false, true])
    func `A manifest that is missing, cut, or not what it should be is made anew`(atRest: Bool) throws {
        let (disk, _) = try Self.disk(atRest: atRest)
        let whole = disk.bytes(Self.path)
        let cases: [(String, (SimulatedDisk) throws -> Void)] = [
            ("missing", { try $0.remove(Self.path) }),
            ("empty", { $0.cut(Self.path, to: 0) }),
            ("half", { $0.cut(Self.path, to: 4_096) }),
            ("a byte short", { $0.cut(Self.path, to: 8_191) }),
            ("longer", { try Self.replace(whole + [0], on: $0) }),
            ("zeros", { try Self.replace([UInt8](repeating: 0, count: 8_192), on: $0) }),
            ("noise", { try Self.replace(noise(8_192, seed: 1), on: $0) }),
        ]
        for (name, damage) in cases {
            let copy = disk.copy()
            try damage(copy)
            let told = try SegmentLog.openReadOnly(copy.copy(), directory: storeDirectory).log.verify()
            #expect(told.findings.map(\.file) == ["manifest"], "\(name)")
            let notes = try Self.expectNothingLost(copy, "\(name)")
            #expect(!notes.isEmpty, "\(name)")
        }
    }

    @Test func `Any copies of its entries may be damaged, and the newest whole one counts`() throws {
        for atRest in [false, true] {
            let (disk, _) = try Self.disk(atRest: atRest)
            let store = try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory).log.store.store
            let newest = try Manifest.read(disk, storeDirectory, store: store)
            #expect(newest.entry?.tail == RecordID(5) && newest.entry?.state == (atRest ? .atRest : .inUse))
            for damaged in 1..<16 {
                let places = (0..<4).filter { damaged & 1 << $0 != 0 }
                for field in [0, 8, 13, 33, 57, 100, 255] {
                    let copy = disk.copy()
                    for place in places { copy.flip(bit: 5, at: place * 2_048 + field, of: Self.path) }
                    let found = try Manifest.read(copy, storeDirectory, store: store)
                    #expect(!found.problems.isEmpty)
                    let isNewestThere = !places.contains(2 * newest.slot) || !places.contains(2 * newest.slot + 1)
                    #expect((found.entry == newest.entry) == isNewestThere, "\(places)")
                    #expect(
                        found.isWhole == ![[0, 1], [2, 3]].contains { Set($0).isSubset(of: places) },
                        "\(places)"
                    )
                    try Self.expectNothingLost(copy, "copies \(places), at \(field)")
                }
            }
        }
    }

    /// Where the manifest cannot be read and the newest segment is gone, too, the largest there can be is taken to have
    /// been full; an older entry proves nothing.
    @Test func `Without the newest entry nobody knows which ids a missing segment held, and none of them is given`()
        throws
    {
        let (disk, older) = try Self.disk(atRest: true)
        let store = try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory).log.store.store
        let slot = try Manifest.read(disk, storeDirectory, store: store).slot
        let cases: [(String, (SimulatedDisk) throws -> Void)] = [
            ("missing", { try $0.remove(Self.path) }),
            (
                "newer slot",
                { disk in for copy in 0...1 { disk.flip(bit: 0, at: slot * 4_096 + copy * 2_048, of: Self.path) } }
            ),
        ]
        for (name, damage) in cases {
            let copy = disk.copy()
            try copy.remove(storeDirectory.active(RecordID(4)))
            try damage(copy)
            let (log, writer, report) = try openLog(copy)
            let lost = try #require(report.damage.first)
            #expect(lost.lowerBound == RecordID(4) && report.damage.count == 1, "\(name)")
            #expect(lost.upperBound > RecordID(1 << 26), "\(name)")
            #expect(try log.view.readingPastDamage().records.count == 3, "\(name)")
            #expect(try writer.commit([TestRecord()], at: 9)[0].id == lost.upperBound.next, "\(name)")
        }
        #expect(!older.isEmpty)
    }

    @Test func `Numbers from which no counting on is possible are not believed`() throws {
        let (disk, _) = try Self.disk(atRest: true)
        let store = try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory).log.store.store
        let whole = try #require(try Manifest.read(disk, storeDirectory, store: store).entry)
        let lies: [(String, UInt64, (inout ManifestEntry) -> Void)] = [
            ("sequence", .max, { _ in }),
            ("control sequence", 9, { $0.controlSequence = .max }),
            ("tail", 9, { $0.tail = .maximum }),
            ("limit", 9, { $0.limit = .maximum }),
            ("base", 9, { $0.base = .maximum }),
            ("no base", 9, { $0.base = .zero }),
            ("size", 9, { $0.fileBytes = .max }),
            ("offset", 9, { $0.durableOffset = FileOffset(UInt64.max) }),
        ]
        for (name, sequence, lie) in lies {
            var entry = whole
            lie(&entry)
            let copy = disk.copy()
            try Self.replace(Manifest.file(entry, store: store, sequence: sequence), on: copy)
            #expect(try Manifest.read(copy, storeDirectory, store: store).entry == nil, "\(name)")
            try Self.expectNothingLost(copy, "\(name)")
        }
    }

    @Test func `It follows the clock, and not the commit times, which stand still after a clock was ahead`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        let ahead = RecordTime(1 << 50)
        func commit(clock: Int64) throws -> RecordID? {
            let buffer = RecordBuffer([TestRecord(payload: [1])])
            var frame = CommitFrame(firstID: writer.nextID, recordedAt: ahead, clock: RecordTime(clock))
            frame.add(buffer, 0..<buffer.byteCount, records: 1)
            try writer.reserve(byteCount: frame.byteCount)
            try writer.commit(frame)
            return try Manifest.read(disk, storeDirectory, store: log.store.store).entry?.tail
        }
        let second: Int64 = 1_000_000_000
        #expect(log.options.manifestNanoseconds == second)
        // With the clock ahead, then set back, then going on.
        #expect(try commit(clock: 1 << 50) == .zero)
        #expect(try commit(clock: 10 * second) == RecordID(2))
        #expect(try commit(clock: 10 * second) == RecordID(2))
        #expect(try commit(clock: 10 * second + second / 2) == RecordID(2))
        #expect(try commit(clock: 11 * second) == RecordID(5))
        // From the end of all times to their beginning, which is more than a number can say.
        #expect(try commit(clock: .max) == RecordID(5))
        #expect(try commit(clock: .min + 1) == RecordID(7))
    }

    @Test func `One that cannot be written is told once, and commits go on`() throws {
        let disk = WatchedDisk(SimulatedDisk())
        let (_, writer, _) = try openLog(disk)
        let second: Int64 = 1_000_000_000
        try writer.commit([TestRecord()], at: 1)
        for round in 1...3 {
            disk.watch { operation, path throws(DiskError) in
                if operation == .sync, path.contains("/manifest") { throw DiskError(.sync, path: path, errno: EIO) }
            }
            var told: [LogError] = []
            for step in 1...6 {
                try writer.commit([TestRecord()], at: Int64(10 * round + step) * second)
                if let error = writer.takeLag() { told.append(error) }
            }
            #expect(told.count == 1)
            disk.watch(nil)
            // Whichever word is the first that succeeds, the next bout is another one.
            if round == 1 { try writer.rest() }
            for step in 7...9 { try writer.commit([TestRecord()], at: Int64(10 * round + step) * second) }
            #expect(writer.takeLag() == nil)
        }
    }

    @Test func `One that could not be written is made anew by the next that can`() throws {
        let disk = WatchedDisk(SimulatedDisk())
        let (log, writer, _) = try openLog(disk)
        try writer.commit([TestRecord(payload: [1])], at: 1)
        disk.failOnce(.sync, of: "/manifest", errno: EIO)
        // The marker stands; what the manifest could not take it takes now.
        try writer.rest()
        let bytes = disk.simulated.bytes(Self.path)
        #expect(Array(bytes[..<4_096]) == Array(bytes[4_096...]))
        #expect(try log.verify().isClean)
    }

    @Test func `A check tells of one that is older than the log`() throws {
        let (disk, older) = try Self.disk(atRest: true)
        let copy = disk.copy()
        try Self.replace(older[1], on: copy)
        let told = try SegmentLog.openReadOnly(copy, directory: storeDirectory).log.verify()
        #expect(told.problems.contains { $0.contains("older than the log") })
    }

    @Test(arguments: [false, true], [false, true])
    func `One that is older than the log says nothing of a newest segment that is missing`(
        sealing: Bool,
        atRest: Bool
    ) throws {
        let disk = SimulatedDisk()
        var older: [UInt8] = []
        do {
            let (log, writer, _) = try openLog(disk)
            for number in 1...6 {
                try writer.commit([TestRecord(payload: [UInt8(number)])], at: Int64(number))
                if number == 1 {
                    if atRest { try writer.rest() }
                    older = disk.bytes(Self.path)
                }
                if number.isMultiple(of: 2) { try writer.roll() }
                if sealing { while try log.sealOldest() {} }
            }
            try writer.commit([TestRecord()], at: 7)
            try writer.mark()
        }
        disk.restartProcess()
        try Self.replace(older, on: disk)
        try disk.remove(storeDirectory.active(RecordID(7)))
        let told = try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory).log.verify()
        #expect(told.damage.first?.lowerBound == RecordID(7))
        #expect(told.problems.contains { $0.contains("older than the log") })
        let (_, writer, report) = try openLog(disk)
        #expect(report.damage.first?.lowerBound == RecordID(7) && report.damage.count == 1)
        #expect(writer.nextID > RecordID(7))
    }

    @Test func `No store is made beside the manifest of another that has events`() throws {
        for hasEvents in [false, true] {
            let disk = SimulatedDisk()
            do {
                let (_, writer, _) = try openLog(disk)
                if hasEvents { try writer.commit([TestRecord()], at: 1) }
                try writer.rest()
            }
            disk.restartProcess()
            try disk.remove("/store/\(StoreFile.name)")
            for name in disk.logFiles { try disk.remove("/store/log/\(name)") }
            // Folders have no remove on this disk: the store moves to where there are none.
            let fresh = SimulatedDisk()
            try fresh.createDirectory("/store")
            try fresh.open(Self.path, .createNew).write(disk.bytes(Self.path), at: FileOffset(0))
            if hasEvents {
                let error = try #require(throws: LogError.self) { try openLog(fresh) }
                #expect("\(error)".contains("has come to 1"))
            } else {
                #expect(try openLog(fresh).report.created)
            }
        }
    }

    @Test func `No store is made where nobody can tell whether there is one`() throws {
        let whole = try Self.disk().disk.bytes(Self.path)
        let cases: [(String, (SimulatedDisk) throws -> Void)] = [
            ("noise", { try $0.open(Self.path, .createNew).write(noise(8_192, seed: 1), at: FileOffset(0)) }),
            ("empty", { _ = try $0.open(Self.path, .createNew) }),
            (
                "unreadable",
                { disk in
                    try disk.open(Self.path, .createNew).write(whole, at: FileOffset(0))
                    disk.makeUnreadable(0..<8_192, of: Self.path)
                }
            ),
        ]
        for (name, put) in cases {
            let disk = SimulatedDisk()
            try disk.createDirectory("/store")
            try put(disk)
            #expect(throws: LogError.self, "\(name)") { try openLog(disk) }
            #expect(disk.image["/store/\(StoreFile.name)"] == nil, "\(name)")
        }
        let disk = WatchedDisk(SimulatedDisk())
        disk.watch { operation, path throws(DiskError) in
            if operation == .list, path == storeDirectory.log { throw DiskError(.list, path: path, errno: EACCES) }
        }
        #expect(throws: LogError.self) { try openLog(disk) }
        #expect(disk.simulated.image["/store/\(StoreFile.name)"] == nil)
    }

    @Test func `One from before the only frame was moved makes no stranger of where it went`() throws {
        let disk = SimulatedDisk()
        var older: [UInt8] = []
        do {
            let (_, writer, _) = try openLog(disk)
            try writer.rest()
            older = disk.bytes(Self.path)
            try writer.commit([TestRecord(payload: [1])], at: 1)
        }
        disk.restartProcess()
        do {
            let (_, writer, _) = try openLog(disk)
            for number in 2...5 { try writer.commit([TestRecord(payload: [UInt8(number)])], at: Int64(number)) }
            try writer.rest()
        }
        disk.restartProcess()
        try Self.replace(older, on: disk)
        try Self.expectNothingLost(disk, "moved")
    }

    @Test func `The manifest of another store is refused, and not a byte is written`() throws {
        let (disk, _) = try Self.disk()
        let other = try Self.disk().disk
        try Self.replace(other.bytes(Self.path), on: disk)
        let before = disk.image
        #expect(throws: LogError.unreadable(path: Self.path, reason: "the manifest belongs to another store")) {
            try openLog(disk)
        }
        #expect(disk.image == before)
    }

    @Test func `A manifest that is removed under a running log is made again`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        try writer.commit([TestRecord(payload: [1])], at: 1)
        try disk.remove(Self.path)
        #expect(try log.verify().findings.map(\.file) == ["manifest"])
        try writer.commit([TestRecord(payload: [2])], at: 2)
        try writer.mark()
        #expect(try log.verify().isClean)
        let copy = disk.copy()
        copy.restart(seed: 1)
        #expect(try openLog(copy).report.notes == [])
    }
}
