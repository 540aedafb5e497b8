// Owns: that a check tells all that the page on the format refuses, and what a reader can do without: files that say what is
// not so, with checksums that are right.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct VerifyTellsTests {
    private static let raw = storeDirectory.active(RecordID(1))

    private static func problems(_ disk: SimulatedDisk) throws -> [String] {
        let copy = disk.copy()
        copy.restartProcess()
        return try SegmentLog.openReadOnly(copy, directory: storeDirectory, options: .small).log.verify().problems
    }

    // MARK: Raw segments

    /// Four frames: two records; one, and a control record; two records; a marker. The last byte of padding is in the first.
    private static func rawDisk(closing: Bool = false) throws -> SimulatedDisk {
        try diskWithLog { _, writer in
            try writer.commit((0..<2).map { TestRecord(keys: ["k"], payload: noise(41 + $0, seed: $0)) }, at: 10)
            for number in 2...3 as ClosedRange<Int64> {
                let buffer = RecordBuffer([TestRecord(payload: [7])])
                var frame = CommitFrame(firstID: writer.nextID, recordedAt: RecordTime(10 * number))
                frame.add(buffer, 0..<buffer.byteCount, records: 1)
                frame.addControl(subject: [1], payload: [UInt8(number)])
                try writer.reserve(byteCount: frame.byteCount)
                try writer.commit(frame)
            }
            if closing { try writer.roll() } else { try writer.mark() }
        }.disk
    }

    /// Writes a frame anew with other fields, and makes every checksum right again.
    private static func change(_ number: Int, on disk: SimulatedDisk, _ edit: (inout [UInt8]) -> Void) throws {
        let frame = try frames(of: raw, on: disk)[number]
        let seed = try SegmentLog.header(of: disk.open(raw, .read)).identity.seed
        let start = Int(frame.offset.rawValue)
        try disk.patch(raw, start..<start + FrameHeader.bytes + Int(frame.bodyBytes)) { bytes in
            edit(&bytes)
            var (sum, offset): (UInt32, Int) = (0, FrameHeader.bytes)
            while offset < bytes.count {
                let length = Int(bytes.withUnsafeBytes { $0.littleEndian(at: offset + 4, as: UInt32.self) })
                let crc = Checksum.crc32(Array(bytes[offset + 4..<offset + length]))
                bytes.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: offset) }
                sum = Checksum.crc32(Array(bytes[offset..<offset + 4]), from: sum)
                offset += length
            }
            bytes.withUnsafeMutableBytes { $0.storeLittleEndian(sum, at: 48) }
            let crc = Checksum.crc32(Array(bytes[8..<FrameHeader.bytes]), from: seed)
            bytes.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: 4) }
        }
    }

    @Test func `A frame that says other than it holds, or goes back behind the one before it, is told`() throws {
        let disk = try Self.rawDisk()
        #expect(try Self.problems(disk) == [])
        let count = FrameHeader.bytes
        let cases: [(frame: Int, told: String, edit: (inout [UInt8]) -> Void)] = [
            (0, "does not hold the records that it says", { $0[40] = 1 }),
            (1, "does not hold the records that it says", { $0[52] = 0 }),
            (1, "committed before the one before it", { $0[32] = 9 }),
            (3, "committed before the one before it", { $0[32] = 29 }),
            (3, "knows of less than the one before it", { $0[16] = 8 }),
            (2, "was not committed with its frame", { $0[count + 24] = 31 }),
            (2, "own records in the frame at offset", { $0[$0.count - 36 + 16] = 1 }),
        ]
        for (number, told, edit) in cases {
            let copy = disk.copy()
            try Self.change(number, on: copy, edit)
            let problems = try Self.problems(copy)
            #expect(problems.contains { $0.contains(told) }, "\(told): \(problems)")
        }
    }

    @Test func `Bytes where there should be zeros are told`() throws {
        for closing in [false, true] {
            let disk = try Self.rawDisk(closing: closing)
            #expect(try Self.problems(disk) == [])
            let found = try frames(of: Self.raw, on: disk)
            let body = Int(found[0].offset.rawValue) + FrameHeader.bytes + Int(found[0].bodyBytes)
            #expect(body < Int(found[0].end.rawValue))
            let end = Int(try #require(found.last).end.rawValue)
            var places = [192, 1_000, 4_095, 4_288, 8_191, body, 61_440 + 128, 65_535]
            // Behind the last frame of a segment that is written to somebody may be writing.
            if closing { places += [end, end + 55] }
            for place in places {
                let copy = disk.copy()
                copy.flip(bit: 0, at: place, of: Self.raw)
                let problems = try Self.problems(copy)
                #expect(problems.contains { $0.contains("belong to nothing") }, "\(place): \(problems)")
            }
        }
    }

    @Test func `Of the header of a frame that a file ends within nothing is taken for a frame`() throws {
        let disk = try Self.rawDisk()
        let last = try #require(try frames(of: Self.raw, on: disk).last)
        for count in [1, 8, 55] {
            let copy = disk.copy()
            copy.cut(Self.raw, to: Int(last.offset.rawValue) + count)
            #expect(try Self.problems(copy).contains { $0.contains("bytes instead of") }, "\(count)")
        }
    }

    // MARK: Sealed segments

    /// Thirty records in a sealed segment of three blocks, with a control record.
    private static func sealedDisk() throws -> SimulatedDisk {
        var options = LogOptions.small
        options.segmentBytes = 256 << 10
        return try diskWithLog(options) { log, writer in
            for index in 0..<30 {
                let keys = ["all", index.isMultiple(of: 2) ? "even" : "odd"]
                let buffer = RecordBuffer([
                    TestRecord(keys: keys, payload: [UInt8](repeating: UInt8(index), count: 5_000))
                ])
                var frame = CommitFrame(firstID: writer.nextID, recordedAt: RecordTime(Int64(index)))
                frame.add(buffer, 0..<buffer.byteCount, records: 1)
                if index == 3 { frame.addControl(subject: [1], payload: [2]) }
                try writer.reserve(byteCount: frame.byteCount)
                try writer.commit(frame)
            }
            try writer.roll()
            _ = try log.sealOldest()
            _ = try log.replenishSpares()
        }.disk
    }

    private typealias Lie = (name: String, edit: (inout CraftedSegment) throws -> Void)

    private static func expectTold(_ lies: [Lie]) throws {
        let disk = try sealedDisk()
        let honest = disk.copy()
        var whole = try CraftedSegment(on: honest)
        whole.replaceTable { _ in }
        try whole.write(to: honest)
        #expect(try problems(disk) == [] && problems(honest) == [])
        for (name, edit) in lies {
            let copy = disk.copy()
            var segment = try CraftedSegment(on: copy)
            try edit(&segment)
            try segment.write(to: copy)
            #expect(try !problems(copy).isEmpty, "\(name)")
        }
    }

    @Test func `A footer that says other than the blocks and records is told`() throws {
        try Self.expectTold([
            ("fewer records", { $0.footer.recordCount -= 1 }),
            ("more records", { $0.footer.recordCount += 1 }),
            ("other bytes", { $0.footer.recordBytes += 1 }),
            ("an earlier beginning", { $0.footer.firstRecordedAt = RecordTime(-1) }),
            ("a later end", { $0.footer.lastRecordedAt = RecordTime(31) }),
            ("an earlier time", { $0.footer.leastTime = RecordTime(-1) }),
            ("a later time", { $0.footer.greatestTime = RecordTime(31) }),
            ("no control record", { $0.footer.controlCount = 0 }),
            ("two control records", { $0.footer.controlCount = 2 }),
            ("no section of control records", { $0.replaceSection(.controls, with: nil) }),
            ("no table", { $0.replaceSection(.blocks, with: nil) }),
            ("bytes behind the blocks", { $0.body += [0] }),
        ])
    }

    @Test func `A footer that says what cannot be is none, and the blocks are found without it`() throws {
        let section = { (segment: inout CraftedSegment, edit: (inout SealedFooter.Section) -> Void) in
            edit(&segment.footer.sections[0])
        }
        let lies: [Lie] = [
            ("no first id", { $0.footer.firstCovered = .zero }),
            ("ids the wrong way round", { $0.footer.lastCovered = .zero }),
            ("ids beyond all", { $0.footer.lastCovered = .maximum }),
            ("more records than ids", { $0.footer.recordCount = 31 }),
            ("more bytes than a disk", { $0.footer.recordBytes = 1 << 49 }),
            ("a section in the header", { section(&$0) { $0.block.offset = FileOffset(8) } }),
            ("a section behind the end", { section(&$0) { $0.block.offset = FileOffset(UInt64.max - 8) } }),
            ("two of a kind", { $0.footer.sections.append($0.footer.sections[0]) }),
        ]
        try Self.expectTold(lies)
        for (name, edit) in lies {
            let disk = try Self.sealedDisk()
            var segment = try CraftedSegment(on: disk)
            try edit(&segment)
            try segment.write(to: disk)
            let (log, _, report) = try openLog(disk)
            #expect(report.notes.contains { $0.contains("the footer of") }, "\(name)")
            #expect(try log.view.records().count == 30, "\(name)")
        }
    }

    @Test func `Ids whose file is gone are told as such, and those that may never have been given`() throws {
        let disk = try diskWithLog { _, writer in
            for number in 1...3 {
                try writer.commit([TestRecord()], at: Int64(number) * 2_000_000_000)
                try writer.roll()
            }
            try writer.commit([TestRecord()], at: 8_000_000_000)
        }.disk
        disk.restartProcess()
        for base in [2, 4] { try disk.remove(storeDirectory.active(RecordID(UInt64(base)))) }
        let offline = try SegmentLog.openReadOnly(disk.copy(), directory: storeDirectory, options: .small).log.verify()
        let (log, _, report) = try openLog(disk)
        for told in [offline, try log.verify()] {
            #expect(told.damage == report.damage && told.findings.map(\.file) == ["log"])
            #expect(told.findings[0].damage == report.damage)
            #expect(told.problems.contains { $0.contains("no file holds 2 to 2:") && !$0.contains("nobody knows") })
            #expect(
                told.problems.contains { $0.contains("no file holds 4 to") && $0.contains("nobody knows whether 4 to") }
            )
        }
        #expect(
            report.doubtful?.lowerBound == RecordID(4) && report.doubtful?.upperBound == report.damage.last?.upperBound
        )
        #expect(report.notes.contains { $0.contains("nobody knows whether they were ever given") })
        let last = try #require(report.damage.last)
        // What a start has given up is told as that for ever.
        disk.restartProcess()
        let again = try openLog(disk).log.verify()
        #expect(again.damage == report.damage)
        #expect(again.problems.contains { $0.contains("no file holds 2 to 2: it is missing") })
        #expect(
            again.problems.contains { $0.contains("no file holds 4 to \(last.upperBound): they were given up when") }
        )
    }

    @Test func `A file that the disk did not give back is named, and not called missing`() throws {
        let disk = try diskWithLog { _, writer in
            for number in 1...3 {
                try writer.commit([TestRecord()], at: Int64(number))
                try writer.roll()
            }
            try writer.rest()
        }.disk
        disk.restartProcess()
        let path = storeDirectory.active(RecordID(2))
        disk.makeUnreadable(0..<512, of: path)
        let (log, _, report) = try openLog(disk)
        #expect(report.damage == [ClosedRange(2, 2)])
        let told = try log.verify()
        #expect(told.findings.map(\.file) == [storeDirectory.name(of: path)])
        #expect(told.problems.contains { $0.contains("did not give it back") })
    }

    @Test func `A file that is of no use is told, also where another has what it held`() throws {
        let disk = try Self.sealedDisk()
        let path = CraftedSegment.path
        let copy = disk.copy()
        copy.restartProcess()
        copy.cut(path, to: 100)
        let told = try SegmentLog.openReadOnly(copy, directory: storeDirectory, options: .small).log.verify()
        #expect(told.problems.contains { $0.contains(storeDirectory.name(of: path)) && $0.contains("quarantine") })
    }

    @Test func `A last marker that is damaged is told`() throws {
        let disk = try Self.rawDisk()
        let marker = try #require(try frames(of: Self.raw, on: disk).last)
        #expect(marker.recordCount == 0)
        for place in [0, 9, 30, 55] {
            let copy = disk.copy()
            copy.flip(bit: 0, at: Int(marker.offset.rawValue) + place, of: Self.raw)
            #expect(try !Self.problems(copy).isEmpty, "\(place)")
        }
    }

    @Test func `A table whose blocks do not ascend, in place, id or time, is told`() throws {
        try Self.expectTold([
            ("places", { $0.replaceTable { $0.swapAt(0, 1) } }),
            ("ids", { $0.replaceTable { $0[1] = $0[1].saying { $0.firstID = RecordID(1) } } }),
            ("commit times", { $0.replaceTable { $0[1] = $0[1].saying { $0.firstRecordedAt = RecordTime(0) } } }),
            (
                "times the wrong way round",
                {
                    $0.replaceTable {
                        $0[1] = $0[1].saying {
                            ($0.firstRecordedAt, $0.lastRecordedAt) = ($0.lastRecordedAt, $0.firstRecordedAt)
                        }
                    }
                }
            ),
            ("one too few", { $0.replaceTable { $0.removeLast() } }),
            ("one twice", { $0.replaceTable { $0.append($0[2]) } }),
        ])
    }

    /// The same number in a byte more.
    private static func lengthened(_ bytes: [UInt8], at place: Int) -> [UInt8] {
        Array(bytes[..<place]) + [bytes[place] | 0x80, 0] + Array(bytes[(place + 1)...])
    }

    @Test func `A number that is longer than it need be is told, wherever it stands`() throws {
        func controls(_ segment: CraftedSegment) throws -> [UInt8] {
            try segment.raw(try #require(segment.footer.section(.controls)), .controls)
        }
        try Self.expectTold([
            (
                "in a page of keys",
                { segment in
                    let page = try segment.raw(segment.directory.pages[0].reference, .keys)
                    segment.replacePage(Self.lengthened(page, at: 0))
                }
            ),
            (
                "in the names",
                { segment in
                    let names = try segment.raw(try #require(segment.footer.section(.names)), .names)
                    // The length of the first key stands before the key itself.
                    let place = names.count - segment.directory.pages[0].firstKey.count - 1
                    let count = segment.directory.pages.count
                    segment.replaceSection(
                        .names,
                        with: segment.add(Self.lengthened(names, at: place), .names, count: count)
                    )
                }
            ),
            (
                "in the control records",
                { segment in
                    let bytes = try controls(segment)
                    segment.replaceSection(
                        .controls,
                        with: segment.add(Self.lengthened(bytes, at: 0), .controls, count: 1)
                    )
                }
            ),
            (
                "in a block of records",
                { segment in
                    let entry = segment.table.entries[2]
                    let raw = try segment.raw(entry.block, .records)
                    let block = segment.add(
                        Self.lengthened(raw, at: 1),
                        .records,
                        count: Int(entry.summary.recordCount),
                        ids: entry.summary.firstID...entry.summary.lastID
                    )
                    segment.replaceBlock(2, with: block)
                }
            ),
        ])
    }

    @Test func `Control records that do not ascend, or have no subject, are told`() throws {
        let one: [UInt8] = [1, 4, 6, 4, 1, 0, 1, 2]
        try Self.expectTold([
            (
                "the same sequence twice",
                { segment in
                    segment.footer.controlCount = 2
                    let bytes = one + [0] + one.dropFirst()
                    segment.replaceSection(.controls, with: segment.add(bytes, .controls, count: 2))
                }
            ),
            (
                "no subject",
                { segment in
                    segment.replaceSection(.controls, with: segment.add([1, 4, 6, 2, 0, 1], .controls, count: 1))
                }
            ),
            (
                "no sequence",
                { segment in
                    segment.replaceSection(.controls, with: segment.add([0] + one.dropFirst(), .controls, count: 1))
                }
            ),
            (
                "another count",
                { segment in
                    segment.replaceSection(.controls, with: segment.add(one, .controls, count: 2))
                }
            ),
        ])
    }
}
