// Owns: key files of closed raw segments: they answer as a look at every record would, cost little, and come and go with their
// segments.

import Disk
import DiskSimulation
import FaultSimulation
import Synchronization
import Testing

@testable import SegmentLog

@Suite struct KeyFileTests {
    private typealias Many = ManyRawSegments

    private static func keyFiles(_ disk: SimulatedDisk) -> [String] { disk.logFiles.filter { $0.hasSuffix(".keys") } }

    @Test(arguments: 0..<6) func `A key file gives the same answers as a look at every record`(seed: UInt64) throws {
        let filled = try diskWithLog(Many.options) { log, writer in
            let hasControls = seed.isMultiple(of: 2)
            let records = try Many.fill(writer, segments: 4, seed: seed, hasControls: hasControls)
            try Many.check(log, records, "in memory")
            try Many.makeKeys(log)
            let raw = Many.raw(log).dropLast()
            #expect(raw.allSatisfy { $0.keys != nil && $0.index.withLock(\.ordinal) == 0 && $0.hasIndexAtHand })
            try Many.check(log, records, "made")
            #expect(try log.view.records() == records)
            return records
        }
        filled.disk.restartProcess()
        let (log, _, report) = try openLog(filled.disk, Many.options)
        #expect(report.notes == [] && Many.raw(log).dropLast().allSatisfy { $0.keys != nil })
        try Many.check(log, filled.result, "opened")
        #expect(try log.view.records() == filled.result)
        for record in filled.result { #expect(try log.view.record(record.id).map { TestRecord($0) } == record) }
        #expect(try log.verify().isClean)
        let copy = filled.disk.copy()
        copy.restartProcess()
        #expect(try SegmentLog.openReadOnly(copy, directory: storeDirectory).log.verify().isClean)
    }

    @Test func `A look-up in many closed segments reads little, and keeps nothing but what it read`() throws {
        let filled = try diskWithLog(Many.options) { log, writer in
            let records = try Many.fill(writer, segments: 30, seed: 3)
            try Many.makeKeys(log)
            return records
        }
        filled.disk.restartProcess()
        let disk = WatchedDisk(filled.disk)
        let (log, _, _) = try openLog(disk, Many.options)
        let opened = (disk.bytesRead(of: ".active"), disk.bytesRead(of: ".keys"))
        #expect(opened.1 <= 30 * 1_024)
        let record = filled.result[filled.result.count / 2]
        let key = try #require(record.keys.first { $0.hasPrefix("only") })
        #expect(try log.view.records(Many.query(key)) == [record])
        // Of each segment a part of its filter; of the one that has the key a page and a block besides.
        #expect(disk.bytesRead(of: ".active") - opened.0 <= RawTable.blockBytes + 4_096)
        #expect(disk.bytesRead(of: ".keys") - opened.1 <= 30 * 4_096 + 64_000)
        let read = disk.bytesRead(of: ".active")
        #expect(try log.view.records(Many.query("nobody")) == [])
        #expect(disk.bytesRead(of: ".active") == read)
        #expect(Many.raw(log).dropLast().allSatisfy { $0.index.withLock(\.ordinal) == 0 })
    }

    @Test func `A question does not index a closed segment that has no key file, but looks through it`() throws {
        var options = Many.options
        options.segmentBytes = 2 << 20
        let filled = try diskWithLog(options) { _, writer in
            var records: [TestRecord] = []
            for index in 0..<100 {
                let keys = ["k\(index)", "all"]
                records += try writer.commit([TestRecord(keys: keys, payload: noise(30_000, seed: index))], at: 1)
            }
            return records
        }
        filled.disk.restartProcess()
        let (log, _, _) = try openLog(filled.disk, options)
        let closed = try #require(Many.raw(log).first)
        #expect(closed.isClosed && closed.keys == nil)
        try Many.check(log, filled.result)
        #expect(closed.index.withLock(\.ordinal) == 0)
        // What no index could have ruled out is nothing against whoever looks at it.
        var scan = LogScan(log.view, Many.query("k0"))
        #expect(try scan.next()?.count == 1 && scan.blockCount == 0)
        // The thread that makes key files goes before, in the segment that is written to as well.
        try log.followActive()
        #expect(try #require(Many.raw(log).last).index.withLock(\.ordinal) > 0)
        try Many.makeKeys(log)
        try Many.check(log, filled.result)
        scan = LogScan(log.view, Many.query("k0"))
        #expect(try scan.next()?.count == 1 && scan.blockCount == 1)
    }

    @Test func `What is known of many closed segments takes little memory`() throws {
        var options = Many.options
        options.segmentBytes = 2 << 20
        let (log, writer, _) = try openLog(SimulatedDisk(), options)
        for index in 0..<400 {
            try writer.commit([TestRecord(keys: ["k\(index)"], payload: noise(30_000, seed: index))], at: 1)
            var scan = LogScan(log.view, Many.query("k\(index)", reversed: true))
            #expect(try scan.next()?.count == 1)
        }
        let raw = Many.raw(log)
        #expect(try raw.dropLast().allSatisfy { try $0.withTable { $0.offsets.isEmpty && $0.recordCount > 0 } })
        // Only the last closed one may have an index in memory until its key file is made.
        #expect(raw.count > 5 && raw.dropLast(2).allSatisfy { $0.index.withLock { $0.shared.postings.keyCount } == 0 })
    }

    @Test func `A roll waits for no index`() throws {
        let disk = WatchedDisk(SimulatedDisk())
        let (log, writer, _) = try openLog(disk, Many.options)
        try Many.fill(writer, segments: 1, seed: 1)
        try writer.commit([TestRecord(keys: ["all"])], at: 99)
        let isWaitedFor = Atomic(false)
        disk.watch { operation, path throws(DiskError) in
            if operation == .read || path.contains(".keys") { isWaitedFor.store(true, ordering: .relaxed) }
        }
        try writer.roll()
        disk.watch(nil)
        #expect(!isWaitedFor.load(ordering: .relaxed) && Many.raw(log).allSatisfy { $0.keys == nil })
    }

    @Test func `Appends, rolls and questions go on while a key file is made`() throws {
        let (log, opened, _) = try openLog(SimulatedDisk(), Many.options)
        // `nonisolated(unsafe)` because all of it happens on this one thread.
        nonisolated(unsafe) let writer = opened
        var records = try Many.fill(writer, segments: 6, seed: 8)
        var steps = 0
        let pace = {
            steps += 1
            #expect(throws: Never.self) {
                records += try writer.commit([TestRecord(keys: ["all", "late"])], at: 1_000)
                if steps.isMultiple(of: 5) { try writer.roll() }
                #expect(try log.view.records(Many.query("late")).count == steps)
            }
            return true
        }
        while try log.makeKeys(pace: pace), steps < 30 {}
        #expect(steps > 5)
        try Many.makeKeys(log)
        try Many.check(log, records)
    }

    @Test func `A key file goes with its segment`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk, Many.options)
        let records = try Many.fill(writer, segments: 2, seed: 5)
        try Many.makeKeys(log)
        #expect(Self.keyFiles(disk).count == 2 && !disk.logFiles.contains { $0.hasSuffix(".tmp") })
        let files = log.fileBytes.raw
        #expect(try log.sealOldest())
        _ = try log.replenishSpares()
        #expect(Self.keyFiles(disk).count == 1 && log.fileBytes.raw < files - UInt64(Many.options.segmentBytes))
        try Many.check(log, records)
    }

    @Test func `Leftovers are cleared, and what only has a name like a key file's is left alone`() throws {
        let filled = try diskWithLog(Many.options) { log, writer in
            let records = try Many.fill(writer, segments: 2, seed: 6)
            try Many.makeKeys(log)
            #expect(try log.sealOldest())
            return records
        }
        let disk = filled.disk
        disk.restartProcess()
        // The raw file of the sealed segment is still there, with its key file.
        #expect(Self.keyFiles(disk).count == 2)
        for name in ["00000000000000000001.keys.tmp", "00000000000000009999.keys", "notes.keys"] {
            _ = try disk.open("\(storeDirectory.log)/\(name)", .createNew)
        }
        let (log, _, report) = try openLog(disk, Many.options)
        _ = try log.replenishSpares()
        #expect(report.notes == [] && Self.keyFiles(disk).contains("notes.keys"))
        #expect(Self.keyFiles(disk).count == 2 && !disk.logFiles.contains { $0.hasSuffix(".tmp") })
        try Many.check(log, filled.result)
    }

    @Test func `Where there is little room there is no key file, and appends are let in as before`() throws {
        var options = Many.options
        options.keepFreeBytes = 1 << 20
        options.spareFiles = 0
        let disk = SimulatedDisk(capacity: 5 * UInt64(options.segmentBytes) + 1 << 20)
        let (log, writer, _) = try openLog(disk, options)
        var isRefused = false
        while !isRefused {
            let free = try log.freeBytes()
            if try log.makeKeys() { #expect(free >= options.keepFreeBytes + 2 * UInt64(options.segmentBytes)) }
            do throws(LogError) {
                try writer.commit([TestRecord(keys: ["all"], payload: noise(9_000, seed: 1))], at: 1)
            } catch {
                #expect(error.isNoSpace)
                isRefused = true
            }
        }
        // As many as without key files.
        #expect(Many.raw(log).count == 4 && !Self.keyFiles(disk).isEmpty)
        // A disk that says so only when it is written to.
        disk.makeSpace()
        let roomy = try openLog(SimulatedDisk(), Many.options)
        let filled = try Many.fill(roomy.writer, segments: 1, seed: 2)
        (roomy.log.disk as? SimulatedDisk)?.fillUp()
        #expect(try !roomy.log.makeKeys() && roomy.log.shortage == nil)
        try Many.check(roomy.log, filled)
    }
}
