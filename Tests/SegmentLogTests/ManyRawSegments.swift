// Owns: a log whose raw segments wait to be sealed, and what is asked of their keys.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

enum ManyRawSegments {
    static var options: LogOptions {
        var options = LogOptions.small
        options.segmentBytes = 256 << 10
        options.reserveFiles = 0
        return options
    }

    /// Names that many records have, that few have, and that one has, of any length; a record may name one twice.
    private static func keys(_ random: inout SeededRandom, _ number: Int) -> [String] {
        var keys = ["all", "f\(number % 5)", "only-\(number)"]
        if Bool.random(using: &random) { keys.append("f\(number % 5)") }
        let length = Int.random(in: 1...256, using: &random)
        if Int.random(in: 0..<4, using: &random) == 0 { keys.append(String(repeating: "x", count: length)) }
        return keys.shuffled(using: &random)
    }

    /// Fills so many segments with frames of any size, some with the store's own records, and begins another behind each.
    @discardableResult
    static func fill(
        _ writer: LogWriter,
        segments: Int,
        seed: UInt64,
        hasControls: Bool = false
    ) throws -> [TestRecord] {
        var random = SeededRandom(seed: seed)
        var (records, now): ([TestRecord], Int64) = ([], 1)
        for _ in 0..<segments {
            for _ in 0..<Int.random(in: 3...60, using: &random) {
                let frame = (0..<Int.random(in: 1...9, using: &random)).map { index in
                    let time = Bool.random(using: &random) ? nil : Int64.random(in: 0...500, using: &random)
                    let size = [0, 3, 40, 40, 400, 3_000].randomElement(using: &random) ?? 0
                    return TestRecord(
                        time: time,
                        keys: keys(&random, records.count + index),
                        payload: noise(size, seed: index)
                    )
                }
                let buffer = RecordBuffer(frame)
                guard writer.fits(byteCount: buffer.byteCount + 200) else { break }
                try writer.reserve(byteCount: buffer.byteCount + 200)
                var commit = CommitFrame(firstID: writer.nextID, recordedAt: RecordTime(now))
                commit.add(buffer, 0..<buffer.byteCount, records: frame.count)
                if hasControls, Int.random(in: 0..<20, using: &random) == 0 {
                    commit.addControl(subject: [1], payload: [2])
                }
                let first = writer.nextID
                try writer.commit(commit)
                records += frame.enumerated().map { index, record in
                    record.committed(as: first.advanced(by: index), at: RecordTime(now))
                }
                if Int.random(in: 0..<6, using: &random) == 0 { try writer.mark() }
                now += Int64.random(in: 0...2, using: &random)
            }
            try writer.roll()
        }
        return records
    }

    /// Every closed segment has a key file.
    static func makeKeys(_ log: SegmentLog) throws {
        while try log.makeKeys() {}
    }

    static func raw(_ log: SegmentLog) -> [RawSegment] { log.view.segments.compactMap { $0 as? RawSegment } }

    static func query(_ key: String, reversed: Bool = false) -> LogQuery {
        LogQuery(keys: KeyExpression(alternatives: [[[Array(key.utf8)]]]), reversed: reversed)
    }

    /// Whether reads and counts by keys of every kind give what they should.
    static func check(_ log: SegmentLog, _ records: [TestRecord], _ what: String = "") throws {
        let single = stride(from: 0, to: records.count, by: 41).map { "only-\($0)" }
        let common = Set(records.flatMap(\.keys).filter { !$0.hasPrefix("only") })
        for key in common.union(single).union(["nobody", "f9"]) {
            let expected = records.filter { $0.keys.contains(key) }
            for reversed in [false, true] {
                let found = try log.view.records(query(key, reversed: reversed))
                #expect(found == (reversed ? expected.reversed() : expected), "\(key) \(what)")
            }
            var count = LogScan(log.view, query(key))
            #expect(try count.count() == expected.count, "\(key) \(what)")
        }
    }
}
