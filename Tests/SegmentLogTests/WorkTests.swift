// Owns: the promise that a scan ends when the work does that it is for, whatever it is in the middle of.

import DiskSimulation
import FaultSimulation
import Testing

@testable import SegmentLog

@Suite struct WorkTests {
    /// A log of several segments and many blocks.
    private func log() throws -> SegmentLog {
        let (log, writer, _) = try openLog(SimulatedDisk())
        for segment in 0..<3 {
            for number in 0..<20 {
                let keys = [["even", "odd"][number % 2]]
                try writer.commit([TestRecord(keys: keys, payload: noise(3000, seed: number))], at: Int64(segment + 1))
            }
            if segment < 2 { try writer.roll() }
        }
        return log
    }

    private func error(_ body: () throws(LogError) -> Void) -> LogError? {
        do throws(LogError) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [Work.End.cancelled, .timeUp, .stopping])
    func `A scan ends between two blocks, and says why`(end: Work.End) throws {
        let log = try log()
        for reversed in [false, true] {
            let work = Work()
            var scan = LogScan(log.view, LogQuery(reversed: reversed), for: work)
            #expect(try scan.next()?.isEmpty == false)
            work.end(end)
            #expect(error { () throws(LogError) in _ = try scan.next() } == .ended(end))
            #expect(error { () throws(LogError) in _ = try scan.step() } == .ended(end))
        }
        let work = Work()
        work.end(end)
        var (counting, moving) = (LogScan(log.view, LogQuery(), for: work), LogScan(log.view, LogQuery(), for: work))
        #expect(error { () throws(LogError) in _ = try counting.count() } == .ended(end))
        var bytes: [UInt8] = []
        #expect(error { () throws(LogError) in _ = try moving.nextTransfer(to: &bytes) } == .ended(end))
    }

    @Test func `An index is asked for each alternative whether to go on`() throws {
        let log = try log()
        let work = Work()
        work.end(.cancelled)
        let keys = KeyExpression(alternatives: [[[Array("even".utf8)]], [[Array("odd".utf8)]]])
        #expect(
            error { () throws(LogError) in
                _ = try BlockSelection.blocks(matching: keys, in: log.view.segments[0], for: work)
            } == .ended(.cancelled)
        )
    }

    @Test func `Work has its time, and ends with the whole that it is a part of`() throws {
        #expect(Work(within: .seconds(3600)).ending == nil)
        #expect(Work(within: .zero).ending == .timeUp)
        let whole = Work()
        let part = Work(within: .seconds(3600), of: whole)
        whole.end(.stopping)
        whole.end(.cancelled)
        #expect(part.ending == .stopping)
        #expect(error { () throws(LogError) in try part.check() } == .ended(.stopping))
    }
}
