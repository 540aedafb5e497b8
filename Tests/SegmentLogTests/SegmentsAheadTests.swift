// Owns: that a question which goes through many segments has the disk fetch what it reads of the next ones, and one that does not
// leaves them alone.

import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct SegmentsAheadTests {
    private typealias Many = ManyRawSegments
    private static let count = 12

    private static func opened(isSealed: Bool) throws -> (disk: WatchedDisk, log: SegmentLog, paths: [String]) {
        let filled = try diskWithLog(Many.options) { log, writer in
            try Many.fill(writer, segments: count, seed: 7)
            if isSealed { while try log.sealOldest() {} } else { try Many.makeKeys(log) }
            try writer.rest()
        }
        filled.disk.restartProcess()
        let disk = WatchedDisk(filled.disk)
        let (log, _, _) = try openLog(disk, Many.options)
        let suffix = isSealed ? ".segment" : ".keys"
        let paths = filled.disk.logFiles.filter { $0.hasSuffix(suffix) }.map { "\(storeDirectory.log)/\($0)" }
        #expect(paths.count == count)
        return (disk, log, paths)
    }

    @Test(arguments: [true, false], [true, false])
    func `A key that is nowhere has the filters of the next segments fetched`(isSealed: Bool, reversed: Bool) throws {
        let (disk, log, paths) = try Self.opened(isSealed: isSealed)
        #expect(disk.expected.isEmpty)
        #expect(try log.view.records(Many.query("nobody", reversed: reversed)) == [])
        let fetched = disk.expected.map(\.path)
        // All but those that were come to first, each once, in the order in which they are come to.
        let order = reversed ? paths.reversed() : paths
        let first = try #require(fetched.first.flatMap { order.firstIndex(of: $0) })
        #expect(first == 5)
        #expect(fetched == Array(order[first...]))
        #expect(disk.expected.allSatisfy { $0.place.count <= 4_096 })
        // What is in memory needs no fetching.
        #expect(try log.view.records(Many.query("nobody", reversed: reversed)) == [])
        #expect(disk.expected.count == fetched.count)
    }

    @Test func `A count has them fetched as well`() throws {
        let (disk, log, _) = try Self.opened(isSealed: true)
        var scan = LogScan(log.view, Many.query("nobody"))
        let count = try scan.count()
        #expect(count == 0 && disk.expected.count == Self.count - 5)
    }

    @Test func `What is answered out of each segment has nothing fetched ahead`() throws {
        let (disk, log, _) = try Self.opened(isSealed: true)
        #expect(try log.view.records(Many.query("all")).isEmpty == false)
        #expect(disk.expected.isEmpty)
    }

    @Test(arguments: [true, false]) func `What lies beyond the bounds of the question is not fetched`(reversed: Bool)
        throws
    {
        let (disk, log, paths) = try Self.opened(isSealed: true)
        let segments = log.view.segments
        var query = Many.query("nobody", reversed: reversed)
        if reversed { query.after = segments[3].base } else { query.through = segments[8].base }
        #expect(try log.view.records(query) == [])
        let within = reversed ? paths[3...] : paths[...8]
        #expect(!disk.expected.isEmpty && disk.expected.allSatisfy { within.contains($0.path) })
    }

    @Test func `Of many names none is fetched ahead`() throws {
        let (disk, log, _) = try Self.opened(isSealed: true)
        let names = (0..<9).map { Array("nobody-\($0)".utf8) }
        let query = LogQuery(keys: KeyExpression(alternatives: [[names]]))
        #expect(try log.view.records(query) == [])
        #expect(disk.expected.isEmpty)
    }
}
