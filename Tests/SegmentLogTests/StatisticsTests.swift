// Owns: what the log says of itself while it grows.

import DiskSimulation
import FaultSimulation
import Foundation
import Synchronization
import Testing

@testable import SegmentLog

@Suite struct StatisticsTests {
    private final class Watch: Sendable {
        let hasBegun = Atomic(false)
        let isOver = Atomic(false)
        let goesBack = Atomic(false)

        func run(_ log: SegmentLog) {
            var last: UInt64 = 0
            hasBegun.store(true, ordering: .relaxed)
            while !isOver.load(ordering: .relaxed) {
                let bytes = log.statistics.recordBytes
                if bytes < last { goesBack.store(true, ordering: .relaxed) }
                last = bytes
            }
        }
    }

    @Test func `The bytes of a segment that grows are those of one moment`() throws {
        var options = LogOptions.small
        options.reserveFiles = 0
        let (log, writer, _) = try openLog(SimulatedDisk(), options)
        let watch = Watch()
        let ended = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            watch.run(log)
            ended.signal()
        }
        while !watch.hasBegun.load(ordering: .relaxed) { usleep(100) }
        defer {
            watch.isOver.store(true, ordering: .relaxed)
            ended.wait()
            let goesBack = watch.goesBack.load(ordering: .relaxed)
            #expect(!goesBack)
        }
        // Records that are smaller than their headers, and many of them at once in a segment that is new.
        let frame = (0..<1_000).map { _ in TestRecord() }
        for number in 0..<300 {
            try writer.commit(frame, at: Int64(number))
            try writer.roll()
        }
    }
}
