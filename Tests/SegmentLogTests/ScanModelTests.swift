// Owns: reads against a model that is too simple to be wrong: a list of records and a filter over it.

import Disk
import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct ScanModelTests {
    @Test(arguments: 0..<8) func `Every query gives what a filter over all records gives`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let disk = SimulatedDisk()
        let (log, writer, _) = try openLog(disk)
        let model = try Self.fill(log, writer, &random)
        #expect(try log.view.records() == model)
        for _ in 0..<150 {
            let query = Self.query(tail: model.count, &random)
            let expected = Self.answer(query, from: model)
            #expect(try log.view.records(query) == expected, "\(query)")
            var scan = LogScan(log.view, query)
            if !query.reversed { #expect(try scan.count() == expected.count, "\(query)") }
        }
        for time in 990...(1_010 + model.count) {
            let last = model.last { $0.recordedAt <= RecordTime(Int64(time)) }?.id ?? .zero
            #expect(try log.view.last(recordedBy: RecordTime(Int64(time))) == last, "recorded by \(time)")
        }
        for id in 0...UInt64(model.count + 1) {
            let expected = model.first { $0.id.rawValue == id }
            #expect(try log.view.record(RecordID(id)).map { TestRecord($0) } == expected)
        }
        #expect(try log.view.record(.maximum) == nil)
    }

    @Test func `Bounds at the ends of the numbers are harmless`() throws {
        let (log, writer, _) = try openLog(SimulatedDisk())
        for isEmpty in [true, false] {
            if !isEmpty { try writer.commit([TestRecord()], at: 1) }
            for after in [RecordID.zero, RecordID(1), .maximum] {
                for through in [RecordID.zero, RecordID(1), .maximum] {
                    for reversed in [true, false] {
                        let query = LogQuery(after: after, through: through, reversed: reversed)
                        let isFound = !isEmpty && after == .zero && through > .zero
                        #expect(try log.view.records(query).count == (isFound ? 1 : 0))
                        var scan = LogScan(log.view, query)
                        if !reversed { #expect(try scan.count() == (isFound ? 1 : 0)) }
                    }
                }
            }
        }
    }

    @Test func `A view is not disturbed by what is committed after it was taken`() throws {
        let (log, writer, _) = try openLog(SimulatedDisk())
        let first = try writer.commit([TestRecord(keys: ["k"])], at: 1)
        let view = log.view
        try writer.commit([TestRecord(keys: ["k"])], at: 2)
        #expect(try view.records() == first)
        #expect(try view.records(LogQuery(reversed: true)) == first)
        let key = KeyExpression(alternatives: [[[Array("k".utf8)]]])
        var scan = LogScan(view, LogQuery(keys: key))
        #expect(try scan.count() == 1)
        #expect(try view.last(recordedBy: RecordTime(5)) == RecordID(1))
        #expect(try view.record(RecordID(2)) == nil)
    }

    /// A few hundred records in raw, sealed and compacted segments.
    private static func fill(
        _ log: SegmentLog,
        _ writer: LogWriter,
        _ random: inout SeededRandom
    ) throws -> [TestRecord] {
        var model: [TestRecord] = []
        for frame in 0..<60 {
            let records = (0..<Int.random(in: 1...6, using: &random)).map { index in
                var keys = [["a", "b", "c"], ["x", "y"]].map { $0.randomElement(using: &random)! }
                keys.append("only\(model.count + index)")
                // A key that is named twice counts once.
                if index == 0 { keys.append(keys[0]) }
                return TestRecord(
                    time: Bool.random(using: &random) ? nil : Int64.random(in: 900...1_100, using: &random),
                    keys: keys,
                    payload: noise(Int.random(in: 0...2_500, using: &random), seed: model.count + index)
                )
            }
            model += try writer.commit(records, at: Int64(1_000 + frame * 2))
            if frame.isMultiple(of: 12), frame > 0 { try writer.roll() }
            if frame == 40 {
                while try log.sealOldest() {}
                _ = try log.compact(.everything)
            }
            if frame == 50 { _ = try log.sealOldest() }
        }
        return model
    }

    private static func query(tail: Int, _ random: inout SeededRandom) -> LogQuery {
        let names = ["a", "b", "c", "x", "y", "none", "only17", "only60"]
        let alternatives = (0..<Int.random(in: 0...2, using: &random)).map { _ in
            (0..<Int.random(in: 0...2, using: &random)).map { _ in
                (0..<Int.random(in: 1...2, using: &random)).map { _ in
                    Array(names.randomElement(using: &random)!.utf8)
                }
            }
        }
        func id(_ otherwise: RecordID) -> RecordID {
            Bool.random(using: &random)
                ? otherwise : RecordID(UInt64(Int.random(in: 0...tail + 5, using: &random)))
        }
        func time(_ otherwise: RecordTime) -> RecordTime {
            Bool.random(using: &random) ? otherwise : RecordTime(Int64.random(in: 890...1_130, using: &random))
        }
        return LogQuery(
            keys: KeyExpression(alternatives: alternatives),
            after: id(.zero),
            through: id(.maximum),
            since: time(.minimum),
            until: time(.maximum),
            reversed: Bool.random(using: &random)
        )
    }

    private static func answer(_ query: LogQuery, from model: [TestRecord]) -> [TestRecord] {
        let alternatives = query.keys.alternatives
        let found = model.filter { record in
            let keys = Set(record.keys.map { Array($0.utf8) })
            return record.id > query.after && record.id <= query.through
                && record.time! >= query.since && record.time! <= query.until
                && (alternatives.isEmpty
                    || alternatives.contains { $0.allSatisfy { $0.contains { keys.contains($0) } } })
        }
        return query.reversed ? found.reversed() : found
    }
}
