// Owns: what the store itself has to say: durable with the events of its frame, without an id, and kept as long as it counts.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct ControlRecordTests {
    /// What is said of a subject.
    private typealias Word = (subject: String, payload: String)

    @discardableResult
    private static func commit(
        _ writer: LogWriter,
        _ records: [TestRecord] = [],
        _ words: [Word],
        at now: Int64
    ) throws -> RecordID {
        let buffer = RecordBuffer(records)
        var frame = CommitFrame(firstID: writer.nextID, recordedAt: RecordTime(now))
        frame.add(buffer, 0..<buffer.byteCount, records: records.count)
        for word in words { frame.addControl(subject: Array(word.subject.utf8), payload: Array(word.payload.utf8)) }
        try writer.reserve(byteCount: frame.byteCount)
        try writer.commit(frame)
        return writer.nextID
    }

    /// The last word on each subject.
    private static func said(_ log: SegmentLog) -> [String: String] {
        log.controls.current.reduce(into: [:]) { words, control in
            words[String(decoding: control.subject, as: UTF8.self)] = String(decoding: control.payload, as: UTF8.self)
        }
    }

    private static let one = [TestRecord(payload: [1])]

    /// Frames with events alone, with both, and with words alone; where the third says `a` anew, and nobody `b`.
    private static func fill(_ log: SegmentLog, _ writer: LogWriter) throws {
        try commit(writer, one, [("a", "1"), ("b", "1")], at: 1)
        try commit(writer, one, [], at: 2)
        try commit(writer, [], [("a", "2")], at: 3)
        try commit(writer, one, [("c", "1")], at: 4)
    }

    private static let words = ["a": "2", "b": "1", "c": "1"]

    @Test func `They take no id, have a place of their own in order, and the last word on a subject counts`() throws {
        let (log, writer, _) = try openLog(SimulatedDisk())
        try Self.fill(log, writer)
        #expect(Self.said(log) == Self.words)
        #expect(try log.view.records().map(\.id.rawValue) == [1, 2, 3] && writer.nextID == RecordID(4))
        #expect(log.controls.current.map(\.sequence) == [2, 3, 4])
        #expect(log.controls.current.map(\.position.rawValue) == [1, 2, 3])
        #expect(log.controls.lastSequence == 4)
        #expect(log.controls[Array("a".utf8)]?.recordedAt == RecordTime(3))
    }

    @Test func `They are there after a stop in good order, and after a crash, wherever their frame has come to`() throws
    {
        for end in 0..<3 {
            let disk = SimulatedDisk()
            do {
                let (log, writer, _) = try openLog(disk)
                try Self.fill(log, writer)
                if end == 1 { try writer.mark() }
                if end == 2 { try writer.rest() }
            }
            for seed in 0..<6 as Range<UInt64> {
                let copy = disk.copy()
                copy.restart(seed: seed)
                for life in 1...3 {
                    do {
                        let (log, writer, report) = try openLog(copy)
                        #expect(report.damage == [] && report.notes == [])
                        #expect(Self.said(log) == Self.words, "life \(life)")
                        #expect(writer.nextID == RecordID(4) && log.controls.lastSequence == 4)
                        #expect(try log.verify().isClean)
                    }
                    copy.restart(seed: seed)
                }
            }
        }
    }

    @Test func `Of words alone, whose frame is moved or whose segment gives way, none is lost or said twice`() throws {
        let disk = SimulatedDisk()
        do {
            let (_, writer, _) = try openLog(disk)
            try Self.commit(writer, [], [("a", "1"), ("b", "1")], at: 1)
            try Self.commit(writer, [], [("a", "2")], at: 2)
        }
        for size in [64 << 10, 128 << 10, 32 << 10] {
            let disk = disk.copy()
            disk.restart(seed: UInt64(size))
            var options = LogOptions.small
            options.segmentBytes = size
            let (log, writer, report) = try openLog(disk, options)
            #expect(report.damage == [])
            #expect(Self.said(log) == ["a": "2", "b": "1"])
            #expect(log.controls.current.map(\.sequence) == [2, 3] && writer.nextID == RecordID(1))
            try Self.commit(writer, [], [("b", "1"), ("a", "2")], at: 3)
            // The sequence goes on, so that these are later words.
            #expect(log.controls.current.map(\.sequence) == [4, 5])
        }
    }

    @Test func `Sealing keeps what counts and leaves out what does not, and merging keeps it`() throws {
        let disk = SimulatedDisk()
        var options = LogOptions.small
        options.spareFiles = 0
        do {
            let (log, writer, _) = try openLog(disk, options)
            try Self.fill(log, writer)
            try writer.roll()
            #expect(try log.sealOldest())
            func kept() throws -> [[UInt64]] {
                try log.view.segments.dropLast().map { try $0.controls().map(\.sequence) }
            }
            #expect(try kept() == [[2, 3, 4]])
            for number in 5...8 {
                try Self.commit(writer, Self.one, [("a", "\(number)")], at: Int64(number))
                try writer.roll()
                _ = try log.sealOldest()
            }
            // Each was the last word when its segment was sealed.
            #expect(try kept() == [[2, 3, 4], [5], [6], [7], [8]])
            _ = try log.compact(.everything)
            #expect(try kept() == [[2, 4, 8]])
            #expect(Self.said(log) == ["a": "8", "b": "1", "c": "1"])
            #expect(try log.verify().isClean)
        }
        disk.restart(seed: 3)
        let (log, writer, report) = try openLog(disk, options)
        #expect(report.notes == [] && Self.said(log) == ["a": "8", "b": "1", "c": "1"])
        #expect(writer.nextID == RecordID(8))
        try Self.commit(writer, [], [("a", "9")], at: 9)
        #expect(log.controls.lastSequence == 9)
    }

    @Test func `A repaired store says what the old one did`() throws {
        let (disk, _) = try diskWithLog { log, writer in
            try Self.fill(log, writer)
            try writer.rest()
        }
        disk.restartProcess()
        try disk.createDirectory("/new")
        _ = try SegmentLog.salvage(
            disk,
            from: storeDirectory,
            into: LogDirectory("/new"),
            options: .small,
            now: RecordTime(9)
        )
        let opened = try SegmentLog.open(disk, directory: LogDirectory("/new"), options: .small, now: RecordTime(9))
        #expect(Self.said(opened.log) == Self.words)
        #expect(opened.log.controls.lastSequence == 4)
    }

    @Test func `One that is lost to damage is told, and an older one counts`() throws {
        let (disk, _) = try diskWithLog { log, writer in
            try Self.fill(log, writer)
            try writer.mark()
        }
        disk.restartProcess()
        let path = storeDirectory.active(RecordID(1))
        let third = try frames(of: path, on: disk)[2]
        let running = disk.copy()
        let live = try openLog(running)
        for copy in [running, disk] {
            copy.flip(bit: 0, at: Int(third.offset.rawValue) + FrameHeader.bytes + 34, of: path)
        }
        #expect(try live.log.verify().problems.contains { $0.contains("the store's own records") })
        let told = try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory).log.verify()
        #expect(told.damage == [] && told.problems.contains { $0.contains("the store's own records") })
        let (log, writer, report) = try openLog(disk)
        #expect(report.damage == [] && report.notes.contains { $0.contains("the store's own records") })
        #expect(Self.said(log) == ["a": "1", "b": "1", "c": "1"])
        #expect(try log.view.records().count == 3)
        // Its place in the order is not given again.
        try Self.commit(writer, [], [("a", "3")], at: 9)
        #expect(log.controls.lastSequence >= 5 && Self.said(log)["a"] == "3")
    }

    @Test func `Those of a sealed segment are found without its footer`() throws {
        let (disk, _) = try diskWithLog { log, writer in
            try Self.fill(log, writer)
            try writer.roll()
            _ = try log.sealOldest()
            _ = try log.replenishSpares()
            try writer.rest()
        }
        disk.restartProcess()
        disk.flip(bit: 0, at: disk.bytes(CraftedSegment.path).count - 3, of: CraftedSegment.path)
        let (log, writer, report) = try openLog(disk)
        #expect(report.notes.contains { $0.contains("footer") } && report.damage == [])
        #expect(Self.said(log) == Self.words)
        #expect(log.controls.current.map(\.sequence) == [2, 3, 4])
        #expect(log.controls.current.map(\.position.rawValue) == [1, 2, 3])
        // The place of the last is known from it, and so is whom a new one comes behind.
        #expect(log.controls.lastSequence >= 4)
        // A file that tells less than it did is merged with none.
        try writer.commit(Self.one, at: 9)
        try writer.roll()
        #expect(try log.sealOldest())
        #expect(try log.compact(.everything).segmentsAfter == 2 && Self.said(log) == Self.words)
        try writer.rest()
    }

    @Test func `A repaired store says what a sealed segment without its footer did`() throws {
        let (disk, _) = try diskWithLog { log, writer in
            try Self.fill(log, writer)
            try writer.roll()
            _ = try log.sealOldest()
            try writer.rest()
        }
        disk.restartProcess()
        disk.flip(bit: 0, at: disk.bytes(CraftedSegment.path).count - 3, of: CraftedSegment.path)
        try disk.createDirectory("/new")
        let directory = LogDirectory("/new")
        _ = try SegmentLog.salvage(disk, from: storeDirectory, into: directory, options: .small, now: RecordTime(9))
        let opened = try SegmentLog.open(disk, directory: directory, options: .small, now: RecordTime(9))
        #expect(Self.said(opened.log) == Self.words)
    }

    @Test func `Behind a segment that cannot be read no place in the order is given again`() throws {
        let (disk, _) = try diskWithLog { log, writer in try Self.fill(log, writer) }
        disk.restartProcess()
        for page in [0, 4_096] { disk.flip(bit: 0, at: page + 20, of: storeDirectory.active(RecordID(1))) }
        let (log, writer, _) = try openLog(disk)
        #expect(log.controls.current.isEmpty)
        try Self.commit(writer, [], [("a", "3")], at: 9)
        #expect(log.controls.lastSequence > 4)
    }

    @Test func `The place that the manifest has seen is not given again, however far it is`() throws {
        let (disk, _) = try diskWithLog { log, writer in
            try Self.fill(log, writer)
            try writer.rest()
        }
        disk.restartProcess()
        let store = try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory).log.store.store
        let found = try Manifest.read(disk, storeDirectory, store: store)
        #expect(found.entry?.controlSequence == 4)
        // More than the largest segment holds, whatever is added for what cannot be read.
        var entry = try #require(found.entry)
        entry.controlSequence = 1 << 40
        let bytes = Manifest.file(entry, store: store, sequence: found.sequence + 1)
        try disk.open(storeDirectory.manifest, .createOrTruncate).write(bytes, at: FileOffset(0))
        for life in 1...3 as ClosedRange<UInt64> {
            let (log, writer, report) = try openLog(disk)
            #expect(report.notes == [])
            try Self.commit(writer, [], [("a", "\(life)")], at: 9)
            #expect(log.controls.lastSequence == 1 << 40 + life && Self.said(log)["a"] == "\(life)")
            try writer.rest()
        }
    }

    @Test func `Of a segment that the disk did not give back no place is given again, and its words are older`()
        throws
    {
        let (disk, _) = try diskWithLog { log, writer in
            try Self.fill(log, writer)
            try writer.roll()
            try Self.commit(writer, Self.one, [], at: 5)
        }
        disk.restartProcess()
        let path = storeDirectory.active(RecordID(1))
        let sector = Array(disk.bytes(path)[8_192..<8_704])
        disk.makeUnreadable(8_192..<8_704, of: path)
        do {
            let (log, writer, report) = try openLog(disk)
            #expect(report.passedOver.count == 1 && log.controls.current.isEmpty)
            try Self.commit(writer, [], [("a", "new")], at: 9)
            #expect(log.controls.lastSequence > 4)
            try writer.rest()
        }
        disk.restartProcess()
        try disk.open(path, .readWrite).write(sector, at: FileOffset(8_192))
        let (log, writer, report) = try openLog(disk)
        #expect(report.damage == [] && Self.said(log) == ["a": "new", "b": "1", "c": "1"])
        let last = log.controls.lastSequence
        try Self.commit(writer, [], [("b", "new")], at: 10)
        #expect(log.controls.lastSequence == last + 1 && Self.said(log)["b"] == "new")
    }

    @Test func `The later word counts, in whichever order they are read`() {
        func word(_ sequence: UInt64) -> ControlRecord {
            ControlRecord(
                sequence: sequence,
                position: .zero,
                recordedAt: .minimum,
                subject: [1],
                payload: [UInt8(sequence)]
            )
        }
        for order in [[1, 2, 3], [3, 2, 1], [2, 3, 1], [3, 3, 1]] as [[UInt64]] {
            var state = ControlState()
            for sequence in order { state.apply(word(sequence)) }
            #expect(state[[1]] == word(3) && state.lastSequence == 3, "\(order)")
            #expect(state.isCurrent(word(3)) && !state.isCurrent(word(2)))
        }
    }

    @Test func `One with a place from which no counting on is possible is none`() {
        let body: [UInt8] = [1, 0, 7]
        func record(_ sequence: UInt64, _ position: RecordID = .zero) -> ControlRecord? {
            body.withUnsafeBytes {
                ControlRecord(sequence: sequence, position: position, recordedAt: .minimum, body: $0)
            }
        }
        #expect(record(1) != nil && record(1 << 62) != nil)
        #expect(record(0) == nil && record(1 << 62 + 1) == nil && record(.max) == nil)
        #expect(record(1, .greatest) != nil && record(1, .maximum) == nil)
    }

    @Test func `Those of a sealed segment that cannot be read are told`() throws {
        let (disk, _) = try diskWithLog { log, writer in
            try Self.fill(log, writer)
            try writer.roll()
            _ = try log.sealOldest()
            _ = try log.replenishSpares()
            try writer.rest()
        }
        disk.restartProcess()
        let section = try #require(try CraftedSegment(on: disk).footer.section(.controls))
        disk.flip(bit: 3, at: Int(section.offset.rawValue) + SealedBlockHeader.bytes + 2, of: CraftedSegment.path)
        let told = try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory).log.verify()
        #expect(told.damage == [] && told.problems.contains { $0.contains("controls block") })
        let (log, writer, report) = try openLog(disk)
        #expect(!report.notes.isEmpty && report.damage == [])
        #expect(try log.view.records().count == 3)
        try Self.commit(writer, [], [("a", "3")], at: 9)
        #expect(log.controls.lastSequence >= 5)
        // The segment keeps nobody from merging the others.
        for number in 10...11 as ClosedRange<Int64> {
            try writer.commit(Self.one, at: number)
            try writer.roll()
            #expect(try log.sealOldest())
        }
        #expect(try log.compact(.everything).segmentsAfter == 2 && log.view.records().count == 5)
    }
}
