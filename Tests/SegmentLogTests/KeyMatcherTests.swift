// Owns: the promises of matching: that it agrees with the plain definition of an expression, and that what a record costs does not
// grow with the alternatives.

import DiskSimulation
import FaultSimulation
import Synchronization
import Testing

@testable import SegmentLog

@Suite struct KeyMatcherTests {
    /// The definition: any alternative, in it every clause, in that any key.
    private static func matches(_ keys: [[UInt8]], _ alternatives: [[KeyExpression.Clause]]) -> Bool {
        alternatives.isEmpty || alternatives.contains { $0.allSatisfy { $0.contains { keys.contains($0) } } }
    }

    /// Keys that differ in their length, their first, their last, or a byte in the middle alone.
    private static let names = (0..<40).map { number -> [UInt8] in
        let byte = UInt8(ascii: "a") + UInt8(number % 5)
        return switch number % 4 {
        case 0: [byte] + Array(repeating: 0x2D, count: number / 4)
        case 1: Array(repeating: 0x2D, count: number / 4 + 1) + [byte]
        case 2: Array("a key of more than eight bytes, ".utf8) + [byte, UInt8(number)] + Array(", and a tail".utf8)
        default: Array(repeating: byte, count: 256 - number / 4)
        }
    }

    private static func alternatives(_ random: inout SeededRandom) -> [[KeyExpression.Clause]] {
        let count = Int.random(in: 0..<5, using: &random) == 0 ? 300 : Int.random(in: 0...4, using: &random)
        return (0..<count).map { _ in
            (0..<Int.random(in: count > 4 ? 1...4 : 0...3, using: &random)).map { _ in
                let keys =
                    Int.random(in: 0..<40, using: &random) == 0
                    ? 0 : Int.random(in: 0..<9, using: &random) == 0 ? 30 : 1
                return (0..<keys + Int.random(in: 0...1, using: &random)).map { _ in
                    names.randomElement(using: &random)!
                }
            }
        }
    }

    private static func body(_ keys: [[UInt8]]) -> [UInt8] {
        var bytes = [UInt8(keys.count)]
        for key in keys { bytes += [UInt8(key.count - 1)] + key }
        return bytes + [0x7B, 0x7D]
    }

    @Test(arguments: 0..<8) func `A record matches where the definition says so`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var found = 0
        for _ in 0..<150 {
            let alternatives = Self.alternatives(&random)
            var matcher = KeyMatcher(KeyExpression(alternatives: alternatives))
            for _ in 0..<40 {
                var keys = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                    Self.names.randomElement(using: &random)!
                }
                var body = Self.body(keys)
                // A body may be cut in the middle of a key, and then has those before it.
                if !keys.isEmpty, Bool.random(using: &random) {
                    let whole = Int.random(in: 0..<keys.count, using: &random)
                    keys = Array(keys.prefix(whole))
                    body = Array(body.prefix(Self.body(keys).count - 2 + 1))
                }
                let expected = Self.matches(keys, alternatives)
                #expect(body.withUnsafeBytes { matcher.matches($0) } == expected, "\(keys) \(alternatives)")
                found += expected ? 1 : 0
            }
        }
        #expect(found > 500 && found < 5500)
    }

    private static func key(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func `A record tries only alternatives that a key of its own leads to, and of those few`() {
        func tries(_ alternatives: [[KeyExpression.Clause]], _ keys: [String]) -> Int {
            let table = KeyTable(alternatives)
            return keys.reduce(0) { count, key in
                count + (Self.key(key).withUnsafeBytes(table.number).map { table.alternatives(at: $0).count } ?? 0)
            }
        }
        // What all of them name leads to none of them.
        let shared = (0..<1000).map { [[Self.key("even")], [Self.key("odd")], [Self.key("a\($0)")]] }
        #expect(tries(shared, ["even", "odd"]) == 0)
        #expect(tries(shared, ["even", "odd", "a17"]) == 1)
        // Where each of sixty-four is named by thirty-two, each leads to so many at most.
        let grid = (0..<1024).map { [[Self.key("x\($0 / 32)")], [Self.key("y\($0 % 32)")]] }
        for number in 0..<32 {
            #expect(tries(grid, ["x\(number)"]) <= 32)
            #expect(tries(grid, ["y\(number)"]) <= 32)
        }
        #expect((0..<32).reduce(0) { $0 + tries(grid, ["x\($1)", "y\($1)"]) } == 1024)
    }

    @Test
    func
        `The index of a segment is asked once for each key, however many alternatives name it, and after each whether to go on`()
        throws
    {
        let (log, writer, _) = try openLog(SimulatedDisk())
        try writer.commit((0..<50).map { TestRecord(keys: [$0.isMultiple(of: 2) ? "even" : "odd", "a\($0)"]) }, at: 1)
        let asked = Mutex(0)
        let work = Work(endingWhen: {
            asked.withLock { $0 += 1 }
            return nil
        })
        let alternatives = (0..<500).map { [[Self.key("even")], [Self.key("odd")], [Self.key("a\($0)")]] }
        let keys = KeyExpression(alternatives: alternatives)
        let blocks = try BlockSelection.blocks(matching: keys, in: log.view.segments[0], for: work)
        #expect(blocks == .some([0]))
        #expect(asked.withLock { $0 } <= 502 + 2)
    }

    @Test(arguments: 0..<8) func `A frame that grows is searched as its records are`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var frame = CommitFrame(firstID: RecordID(100), recordedAt: RecordTime(1))
        var index = FrameIndex()
        var model: [[[UInt8]]] = []
        let buffers = (0..<3).map { _ in RecordBuffer(capacity: 64) }
        var found = 0
        for _ in 0..<60 {
            let records = (0..<Int.random(in: 1...30, using: &random)).map { _ in
                (0..<Int.random(in: 0...4, using: &random)).map { _ in Self.names.randomElement(using: &random)! }
            }
            let buffer = buffers.randomElement(using: &random)!
            let start = buffer.byteCount
            for keys in records {
                let bytes = RecordBody.bytes(
                    keyCount: keys.count,
                    keyBytes: keys.reduce(0) { $0 + $1.count },
                    payloadBytes: 2
                )
                buffer.append(time: nil, keyCount: keys.count, bodyBytes: bytes) { body in
                    for key in keys { Array(key.dropFirst()).withUnsafeBytes { body.key(kind: key[0], $0) } }
                    [0x7B, 0x7D].withUnsafeBytes { body.payload(UnsafeRawBufferPointer(rebasing: $0[..<2])) }
                }
            }
            frame.add(buffer, start..<buffer.byteCount, records: records.count)
            model += records
            for _ in 0..<6 {
                let alternatives = Self.alternatives(&random)
                let after = RecordID(UInt64.random(in: 98...100 + UInt64(model.count), using: &random))
                let expected = model.indices.last { number in
                    RecordID(100).advanced(by: number) > after && Self.matches(model[number], alternatives)
                }
                let last = try index.last(
                    of: frame,
                    matching: KeyExpression(alternatives: alternatives),
                    after: after,
                    for: Work()
                )
                #expect(last == expected.map { RecordID(100).advanced(by: $0) })
                found += expected == nil ? 0 : 1
            }
        }
        #expect(found > 50 && found < 360)
    }

    @Test func `A search of a frame ends when the work does, and goes on from there`() throws {
        let records = (0..<1000).map { TestRecord(keys: ["k\($0)", "all"]) }
        let buffer = RecordBuffer(records)
        var frame = CommitFrame(firstID: RecordID(1), recordedAt: RecordTime(1))
        frame.add(buffer, 0..<buffer.byteCount, records: records.count)
        var index = FrameIndex()
        var ends = 0
        // Each has time for one look at the clock.
        while ends < 100 {
            let looks = Mutex(0)
            let work = Work(endingWhen: {
                looks.withLock { looks in
                    looks += 1
                    return looks > 1 ? .timeUp : nil
                }
            })
            do throws(LogError) {
                let keys = KeyExpression(alternatives: [[[Self.key("k3")]]])
                #expect(try index.last(of: frame, matching: keys, after: .zero, for: work) == RecordID(4))
                break
            } catch {
                #expect(error == .ended(.timeUp))
                ends += 1
            }
        }
        #expect((5...20).contains(ends))
    }

    @Test func `A raw segment is indexed a block at a time, and what has been indexed stays so`() throws {
        let (log, writer, _) = try openLog(SimulatedDisk())
        try writer.commit((0..<12).map { TestRecord(keys: ["k"], payload: noise(4000, seed: $0)) }, at: 1)
        let segment = log.view.segments[0]
        #expect(try segment.blockCount() == 2)
        let ended = Work()
        ended.end(.cancelled)
        func ask() throws(LogError) -> BlockList { try segment.blocks(holding: Self.key("k"), for: ended) }
        #expect(throws: LogError.ended(.cancelled)) { try ask() }
        #expect(throws: LogError.ended(.cancelled)) { try ask() }
        #expect(try ask() == .some([0, 1]))
    }

    @Test(arguments: [false, true]) func `A step leaves one segment, and a scan has its place then`(reversed: Bool)
        throws
    {
        let (log, writer, _) = try openLog(SimulatedDisk())
        for number in 0..<20 {
            try writer.commit([TestRecord(keys: ["k\(number)"])], at: Int64(number + 1))
            try writer.roll()
        }
        let keys = KeyExpression(alternatives: [[[Self.key("none")]]])
        var scan = LogScan(log.view, LogQuery(keys: keys, reversed: reversed))
        var steps = 0
        while let found = try scan.step() {
            #expect(found.isEmpty)
            steps += 1
            let passed = UInt64(min(steps, 20))
            if !reversed { #expect(scan.position == RecordID(passed)) }
        }
        #expect((20...21).contains(steps) && scan.blockCount == 0)
    }
}
