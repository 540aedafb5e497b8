// Owns: what the log says of itself while it grows.

import DiskSimulation
import FaultSimulation
import Synchronization
import Testing

@testable import SegmentLog

@Suite struct StatisticsTests {
    private final class Watch: Sendable {
        let isOver = Atomic(false)
        let goesBack = Atomic(false)

        func run(_ log: SegmentLog) {
            var last: UInt64 = 0
            while !isOver.load(ordering: .relaxed) {
                let bytes = log.statistics.recordBytes
                if bytes < last { goesBack.store(true, ordering: .relaxed) }
                last = bytes
            }
        }
    }

    @Test func `The bytes of a segment that grows are those of one moment`() async throws {
        var options = LogOptions.small
        options.reserveFiles = 0
        let (log, writer, _) = try openLog(SimulatedDisk(), options)
        let watch = Watch()
        async let watching: Void = watch.run(log)
        // Records that are smaller than their headers, and many of them at once in a segment that is new.
        let frame = (0..<1_000).map { _ in TestRecord() }
        for number in 0..<300 {
            try writer.commit(frame, at: Int64(number))
            try writer.roll()
        }
        watch.isOver.store(true, ordering: .relaxed)
        await watching
        let goesBack = watch.goesBack.load(ordering: .relaxed)
        #expect(!goesBack)
    }
}
