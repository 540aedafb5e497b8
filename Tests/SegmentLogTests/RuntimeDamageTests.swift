// Owns: damage that comes while the log is open: it is told once and remembered, it costs the ids that it hits and no
// others, and what becomes readable again is served again.

import Disk
import DiskSimulation
import FaultSimulation
import Synchronization
import Testing

@testable import SegmentLog

@Suite struct RuntimeDamageTests {
    private static let path = storeDirectory.sealed(RecordID(1))

    /// What a register has reported.
    private final class Reports: Sendable {
        private let ids = Mutex<[ClosedRange<RecordID>]>([])
        var all: [ClosedRange<RecordID>] { ids.withLock { $0 } }
        func add(_ range: ClosedRange<RecordID>) { ids.withLock { $0.append(range) } }
    }

    /// Records 1 to 30 in one sealed segment of several blocks, 31 in the active one; opened afresh, with no block in the
    /// cache.
    private static func open() throws -> (disk: SimulatedDisk, opened: OpenedLog, reports: Reports) {
        var options = LogOptions.small
        options.segmentBytes = 256 << 10
        options.cacheBytes = 1
        let (disk, _) = try diskWithLog(options) { log, writer in
            for index in 0..<30 {
                try writer.commit([TestRecord(keys: ["k\(index / 15)"], payload: noise(5_000, seed: index))], at: 1)
            }
            try writer.roll()
            _ = try log.sealOldest()
            _ = try log.replenishSpares()
            try writer.commit([TestRecord(keys: ["k2"])], at: 1)
            try writer.mark()
        }
        let reports = Reports()
        let opened = try SegmentLog.open(
            disk,
            directory: storeDirectory,
            options: options,
            register: DamageRegister { ids, _ in reports.add(ids) },
            now: RecordTime(1)
        )
        return (disk, opened, reports)
    }

    /// The first block of the sealed segment: where its stream begins, and its ids.
    private static func firstBlock(_ log: SegmentLog) throws -> (offset: Int, ids: ClosedRange<RecordID>) {
        let summary = try log.view.segments[0].summary(of: 0)
        return (FileHeader.bytes + SealedBlockHeader.bytes, summary.firstID...summary.lastID)
    }

    @Test func `A damaged block is told once, costs its own ids, and is not read again`() throws {
        let (disk, (log, _, _), reports) = try Self.open()
        let block = try Self.firstBlock(log)
        disk.flip(bit: 2, at: block.offset + 9, of: Self.path)
        #expect(log.damage == [])
        for _ in 1...3 {
            #expect(throws: LogError.self) { try log.view.record(RecordID(2)) }
        }
        #expect(log.damage == [block.ids] && reports.all == [block.ids])
        let operations = disk.operations
        #expect(throws: LogError.self) { try log.view.record(RecordID(1)) }
        #expect(disk.operations == operations)
        for id in block.ids.upperBound.rawValue + 1...31 { #expect(try log.view.record(RecordID(id)) != nil) }
        // The index is whole: it proves that nothing of these lies in the damaged block.
        let query = LogQuery(keys: KeyExpression(alternatives: [[[Array("k2".utf8)]]]))
        #expect(try log.view.records(query).map(\.id) == [RecordID(31)])
    }

    @Test func `The scrub finds damage that nobody has read, and what can be read again is served again`() throws {
        let (disk, (log, _, _), reports) = try Self.open()
        let block = try Self.firstBlock(log)
        func scrub() throws -> (bytes: Int, problems: [String]) {
            var scrub = Scrub(log)
            var found = (bytes: 0, problems: [String]())
            while let step = try scrub.next() {
                found.bytes += step.bytes
                if let problem = step.problem { found.problems.append(problem) }
            }
            return found
        }
        let size = disk.bytes(Self.path).count
        let clean = try scrub()
        #expect(clean.problems == [] && clean.bytes > size * 9 / 10 && log.damage == [])
        disk.flip(bit: 2, at: block.offset + 9, of: Self.path)
        #expect(try scrub().problems == [])
        #expect(log.damage == [block.ids] && reports.all == [block.ids])
        disk.flip(bit: 2, at: block.offset + 9, of: Self.path)
        #expect(throws: LogError.self) { try log.view.record(RecordID(1)) }
        _ = try scrub()
        #expect(log.damage == [])
        #expect(try log.view.record(RecordID(1)) != nil)
        // The footer, the last of the file.
        disk.flip(bit: 0, at: size - 20, of: Self.path)
        #expect(try scrub().problems.count == 1)
        #expect(log.damage == [])
    }

    @Test func `Every byte of a closed segment behind its header is looked at by the scrub`() throws {
        let (disk, (log, _, _), _) = try Self.open()
        for offset in stride(from: FileHeader.bytes, to: disk.bytes(Self.path).count, by: 61) {
            disk.flip(bit: offset % 8, at: offset, of: Self.path)
            var scrub = Scrub(log)
            var problems = 0
            while let step = try scrub.next() { problems += step.problem == nil ? 0 : 1 }
            #expect(problems > 0 || !log.damage.isEmpty, "flip at \(offset)")
            disk.flip(bit: offset % 8, at: offset, of: Self.path)
            var again = Scrub(log)
            while let step = try again.next() { #expect(step.problem == nil) }
            #expect(log.damage == [], "healed at \(offset)")
        }
    }

    @Test func `A read error on a sealed block is damage to that block, not to the log`() throws {
        let (disk, (log, writer, _), _) = try Self.open()
        let block = try Self.firstBlock(log)
        _ = try log.view.segments[0].blockCount()
        disk.failNext(.read)
        let error = try #require(throws: LogError.self) { try log.view.record(RecordID(3)) }
        guard case .corrupt(block.ids, let reason) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(reason.contains("Input/output error"))
        #expect(try log.view.record(RecordID(30)) != nil)
        #expect(try writer.commit([TestRecord()], at: 2)[0].id == RecordID(32))
    }

    @Test func `Damage to the active segment under a running writer ends it, and appends go on in a new one`() throws {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        try writer.commit([TestRecord(payload: noise(100, seed: 1)), TestRecord(payload: noise(100, seed: 2))], at: 1)
        let path = storeDirectory.active(RecordID(1))
        disk.flip(bit: 1, at: Int(FrameHeader.firstOffset.rawValue) + FrameHeader.bytes + 50, of: path)
        #expect(throws: LogError.self) { try log.view.record(RecordID(1)) }
        let before = disk.bytes(path)
        #expect(!writer.fits(byteCount: 10))
        #expect(try writer.commit([TestRecord(payload: [3])], at: 2)[0].id == RecordID(3))
        #expect(disk.logFiles == ["00000000000000000001.active", "00000000000000000003.active"])
        #expect(disk.bytes(path) == before)
        #expect(try log.sealOldest() == false)
        #expect(try log.view.record(RecordID(3)) != nil)
    }
}
