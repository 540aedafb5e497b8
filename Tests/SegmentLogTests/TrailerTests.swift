// Owns: the trailer of a closed raw segment: it is read in place of the frames, and never believed against them.

import Disk
import DiskSimulation
import FaultSimulation
import Synchronization
import Testing

@testable import SegmentLog

@Suite struct TrailerTests {
    private static let closed = storeDirectory.active(RecordID(1))
    private static let page = RawTrailer.offset(in: UInt64(LogOptions.small.segmentBytes))

    /// A closed segment of twenty frames, and one of a single frame behind it.
    private static func disk(isNewest: Bool = false) throws -> (disk: SimulatedDisk, records: [TestRecord]) {
        let filled = try diskWithLog { _, writer in
            var records = try (1...20).flatMap { number in
                try writer.commit(
                    [TestRecord(time: 50 - Int64(number), payload: noise(2_000, seed: number))],
                    at: Int64(number)
                )
            }
            try writer.roll()
            records += try writer.commit([TestRecord()], at: 21)
            try writer.mark()
            return records
        }
        filled.disk.restartProcess()
        if isNewest { try filled.disk.remove(storeDirectory.active(RecordID(21))) }
        return (filled.disk, filled.result)
    }

    private static func trailer(on disk: SimulatedDisk) throws -> (header: FileHeader, trailer: RawTrailer?) {
        let file = try disk.open(closed, .read)
        let header = try SegmentLog.header(of: file)
        return (header, RawTrailer(try #require(try file.bytes(at: page, count: RawTrailer.pageBytes)), of: header))
    }

    /// Counts the reads of the closed segment's file.
    private final class Reads: Sendable {
        private let number = Atomic(0)
        var count: Int { number.load(ordering: .relaxed) }

        init(_ disk: WatchedDisk) {
            disk.watch { operation, path throws(DiskError) in
                if operation == .read, path == closed { self.number.add(1, ordering: .relaxed) }
            }
        }
    }

    @Test func `A closed segment is opened by its trailer, and walked when somebody wants a record of it`() throws {
        let (simulated, records) = try Self.disk()
        // A frame that the opening would fall over, were it to look at it.
        simulated.makeUnreadable(8_192..<60_000, of: Self.closed)
        let disk = WatchedDisk(simulated)
        let reads = Reads(disk)
        let (log, _, report) = try openLog(disk)
        // Both headers, and the trailer.
        #expect(reads.count <= 3)
        #expect(report.damage == [] && report.notes == [])
        #expect(log.view.segments.map(\.lastID) == [RecordID(20), RecordID(21)])
        let segment = try #require(log.view.segments[0] as? RawSegment)
        let bytes = records.dropLast().reduce(0) { $0 + $1.payload.count + 1 }
        #expect(segment.recordCount == 20 && segment.bodyBytes == bytes)
        #expect(segment.firstRecordedAt == RecordTime(1) && segment.lastRecordedAt == RecordTime(20))
        #expect(log.statistics.backlogBytes == UInt64(bytes))
        // Who counts all of it needs no record.
        var count = LogScan(log.view, LogQuery())
        #expect(try count.count() == 21 && reads.count <= 3)
        var last = LogScan(log.view, LogQuery(after: RecordID(20)))
        #expect(try last.count() == 1 && reads.count <= 3)
        // Who wants a record of it learns that it cannot be read; the others are served.
        let error = try #require(throws: LogError.self) { try log.view.records() }
        #expect(error.unreadableIDs == ClosedRange(1, 20))
        #expect(try log.view.readingPastDamage().records == [records[20]])
        #expect(log.damage == [ClosedRange(1, 20)] && log.statistics.waitingSegments == 0)
        #expect(reads.count > 3)
    }

    @Test func `Without a trailer the frames are walked, and nothing is lost`() throws {
        for isNewest in [false, true] {
            let (disk, records) = try Self.disk(isNewest: isNewest)
            let expected = isNewest ? Array(records.dropLast()) : records
            for offset in [0, 9, 16, 24, 40, 56, 64, 103] {
                let copy = disk.copy()
                copy.flip(bit: 2, at: Int(Self.page.rawValue) + offset, of: Self.closed)
                #expect(try Self.trailer(on: copy).trailer == nil)
                let told = try SegmentLog.openReadOnly(copy.copy(), directory: storeDirectory).log.verify()
                #expect(told.findings.contains { $0.file == storeDirectory.name(of: Self.closed) }, "\(offset)")
                let (log, _, report) = try openLog(copy)
                #expect(report.damage.allSatisfy { isNewest && $0.lowerBound >= RecordID(21) }, "\(offset)")
                #expect(try log.view.readingPastDamage().records == expected, "\(offset)")
            }
            let unreadable = disk.copy()
            unreadable.makeUnreadable(Int(Self.page.rawValue)..<Int(Self.page.rawValue) + 512, of: Self.closed)
            #expect(try openLog(unreadable).log.view.readingPastDamage().records == expected)
        }
    }

    @Test func `A trailer that cannot be true is not believed`() throws {
        let (disk, records) = try Self.disk()
        let (header, found) = try Self.trailer(on: disk)
        let whole = try #require(found)
        let lies: [(String, (inout RawTrailer) -> Void)] = [
            ("another first id", { $0.firstID = RecordID(2) }),
            ("ids without number", { $0.lastID = .maximum }),
            ("ids the wrong way round", { $0.lastID = .zero }),
            ("another count", { $0.recordCount = 19 }),
            ("an end before the frames", { $0.end = FileOffset(8_192) }),
            ("an end behind itself", { $0.end = Self.page + 8 }),
            ("more bytes than there are before its end", { $0.recordBytes = UInt64($0.end.rawValue) }),
            ("fewer bytes than its records take", { $0.recordBytes = 20 * 33 - 1 }),
            ("ids that the next segment has", { ($0.lastID, $0.recordCount) = (RecordID(21), 21) }),
        ]
        for (name, lie) in lies {
            var trailer = whole
            lie(&trailer)
            let copy = disk.copy()
            try copy.open(Self.closed, .readWrite)
                .write(trailer.encoded(header.identity, fileBytes: header.fileBytes), at: Self.page)
            // Only what stands behind it can say that it is not true of itself.
            #expect(try (Self.trailer(on: copy).trailer == nil) == (trailer.lastID != RecordID(21)), "\(name)")
            let (log, _, report) = try openLog(copy)
            #expect(report.damage == [], "\(name)")
            #expect(try log.view.records() == records, "\(name)")
            #expect(try !log.verify().isClean, "\(name)")
        }
        // Of another file, or of another place in this one.
        let elsewhere = disk.copy()
        try elsewhere.open(Self.closed, .readWrite)
            .write(whole.encoded(header.identity, fileBytes: header.fileBytes + 4_096), at: Self.page)
        #expect(try Self.trailer(on: elsewhere).trailer == nil)
        let other = SegmentIdentity(store: header.identity.store, segment: .random())
        try elsewhere.open(Self.closed, .readWrite).write(
            whole.encoded(other, fileBytes: header.fileBytes),
            at: Self.page
        )
        #expect(try Self.trailer(on: elsewhere).trailer == nil)
    }

    @Test func `A trailer that says other than the frames gives no wrong record, and is told`() throws {
        let (disk, records) = try Self.disk()
        let (header, found) = try Self.trailer(on: disk)
        let whole = try #require(found)
        let lies: [(String, (inout RawTrailer) -> Void)] = [
            ("fewer records", { ($0.lastID, $0.recordCount) = (RecordID(15), 15) }),
            ("another end", { $0.end = $0.end + 8 }),
            ("other bytes", { $0.recordBytes += 1 }),
            ("another beginning", { $0.firstRecordedAt = RecordTime(0) }),
            ("another commit time", { $0.lastRecordedAt = RecordTime(22) }),
            ("an earlier time", { $0.leastTime = RecordTime(-1) }),
            ("a later time", { $0.greatestTime = RecordTime(1 << 40) }),
            ("a control record", { $0.controlCount = 1 }),
        ]
        for (name, lie) in lies {
            var trailer = whole
            lie(&trailer)
            let copy = disk.copy()
            try copy.open(Self.closed, .readWrite)
                .write(trailer.encoded(header.identity, fileBytes: header.fileBytes), at: Self.page)
            let (log, writer, report) = try openLog(copy)
            let read = try log.view.readingPastDamage()
            #expect(read.records == records.filter { !read.lost.contains($0.id.rawValue) }, "\(name)")
            #expect(report.damage == (name == "fewer records" ? [ClosedRange(16, 20)] : []), "\(name)")
            let told = try log.verify().findings.first { $0.file == storeDirectory.name(of: Self.closed) }
            #expect(told?.problems.isEmpty == false, "\(name)")
            #expect(try writer.commit([TestRecord()], at: 30)[0].id == RecordID(22), "\(name)")
        }
    }

    @Test func `A segment that is closed while it is checked is sound`() throws {
        let (log, writer, _) = try openLog(SimulatedDisk())
        try (1...3).forEach { try writer.commit([TestRecord(payload: [UInt8($0)])], at: Int64($0)) }
        var isClosed = false
        let report = try log.verify(progress: { _ in
            if !isClosed {
                isClosed = true
                #expect(throws: Never.self) {
                    try writer.commit([TestRecord(payload: [4])], at: 4)
                    try writer.roll()
                    try writer.commit([TestRecord(payload: [5])], at: 5)
                }
            }
            return true
        })
        #expect(isClosed && report.findings == [] && report.records == 3)
        #expect(try log.verify().isClean)
    }

    /// What a writer may do to the segment that is checked; each ends with its trailer.
    private enum Ending: CaseIterable {
        case roll, anotherRecord, marker, controlRecord

        func write(_ writer: LogWriter) throws {
            switch self {
            case .roll: break
            case .anotherRecord: try writer.commit([TestRecord(payload: [4])], at: 4)
            case .marker: try writer.mark()
            case .controlRecord:
                var frame = CommitFrame(firstID: writer.nextID, recordedAt: RecordTime(4))
                frame.addControl(subject: [1], payload: [2])
                try writer.reserve(byteCount: frame.byteCount)
                try writer.commit(frame)
            }
            try writer.roll()
            try writer.commit([TestRecord(payload: [5])], at: 5)
        }
    }

    @Test(arguments: Ending.allCases)
    private func `A segment is sound at whichever read of a check its writer closes it`(_ ending: Ending) throws {
        var moment = 0
        var isReached = true
        while isReached {
            moment += 1
            let due = moment
            let disk = WatchedDisk(SimulatedDisk())
            let (log, opened, _) = try openLog(disk)
            // `nonisolated(unsafe)` because all of it happens on this one thread.
            nonisolated(unsafe) let writer = opened
            try (1...3).forEach { try writer.commit([TestRecord(payload: [UInt8($0)])], at: Int64($0)) }
            let reads = Atomic(0)
            disk.watch { operation, path throws(DiskError) in
                guard operation == .read, path == Self.closed,
                    reads.add(1, ordering: .relaxed).newValue == due
                else { return }
                #expect(throws: Never.self) { try ending.write(writer) }
            }
            let report = try log.verify()
            disk.watch(nil)
            isReached = reads.load(ordering: .relaxed) >= due
            #expect(report.findings == [] && report.records == 3, "read \(due)")
            #expect(try log.verify().isClean, "read \(due)")
        }
        // Headers, records, frames, and the trailer itself.
        #expect(moment > 5)
    }

    @Test func `Of the trailer of the newest segment there may be no more than the beginning, but not of another's`()
        throws
    {
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        try (1...3).forEach { try writer.commit([TestRecord(payload: [UInt8($0)])], at: Int64($0)) }
        let segment = try #require(log.view.segments.last as? RawSegment)
        let end = try #require(try frames(of: Self.closed, on: disk).last).end
        let whole = try #require(segment.trailer(end: end))
            .encoded(segment.header.identity, fileBytes: segment.header.fileBytes)
        let file = try disk.open(Self.closed, .readWrite)
        let counts = [1, 8, 12, 40, 96]
        for count in counts {
            try file.write(Array(whole[..<count]), at: Self.page)
            #expect(try log.verify().isClean, "\(count) bytes")
        }
        // Its last field is there, and the checksum is wrong: nobody is writing that.
        try file.write(Array(whole[..<9]) + [whole[9] ^ 1] + whole[10...], at: Self.page)
        #expect(try log.verify().problems.contains { $0.contains("the trailer is damaged") })
        try file.write([UInt8](repeating: 0, count: whole.count), at: Self.page)
        try writer.roll()
        try writer.commit([TestRecord()], at: 5)
        for count in counts {
            try file.write(Array(whole[..<count]) + [UInt8](repeating: 0, count: whole.count - count), at: Self.page)
            #expect(try log.verify().problems.contains { $0.contains("the trailer is damaged") }, "\(count) bytes")
        }
    }

    @Test func `A trailer that a crash has cut off is cleared, and appends go on`() throws {
        let (disk, records) = try Self.disk(isNewest: true)
        // The crash came before the roll: nothing has been acknowledged behind the segment.
        try disk.remove(storeDirectory.manifest)
        try disk.open(Self.closed, .readWrite).write([UInt8](repeating: 0, count: 64), at: Self.page + 64)
        let (log, writer, _) = try openLog(disk)
        #expect(try log.view.readingPastDamage().records == Array(records.dropLast()))
        #expect(try writer.commit([TestRecord()], at: 40)[0].id == RecordID(21))
        try writer.mark()
        #expect(try log.verify().isClean)
    }
}
