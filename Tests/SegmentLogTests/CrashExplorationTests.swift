// Owns: the exploration: the short life of a log, cut off at every operation of the disk, and each recovery from it cut
// off at every operation in turn.

import Disk
import DiskSimulation
import SegmentLog
import Testing

@Suite struct CrashExplorationTests {
    private static let seeds: Range<UInt64> = 0..<12

    /// The operations of the workload, where nothing goes wrong, after which the disk can be another than before.
    private static let operations: [Int] = {
        let disk = SimulatedDisk()
        _ = CrashWorkload.run(on: disk)
        return disk.changingOperations
    }()

    /// The disk and the history at a crash in the given operation.
    private static func crash(
        at operation: Int,
        wrap: (SimulatedDisk) -> any Disk = { $0 }
    ) -> (disk: SimulatedDisk, history: CrashHistory) {
        let disk = SimulatedDisk()
        disk.crash(atOperation: operation)
        return (disk, CrashWorkload.run(on: wrap(disk)))
    }

    /// Opens and closes the log; returns what the disk said against it.
    private static func recover(_ disk: SimulatedDisk) -> LogError? {
        do {
            _ = try SegmentLog.open(
                disk,
                directory: CrashWorkload.directory,
                options: .small,
                now: RecordTime(5_000)
            )
            return nil
        } catch {
            return error
        }
    }

    @Test func `The workload comes to its end`() {
        let disk = SimulatedDisk()
        let history = CrashWorkload.run(on: disk)
        #expect(history.submitted.count == 10 && history.acknowledged == 10)
        disk.restart(seed: 0)
        #expect(CrashOracle(history: history).violations(on: disk) == [])
    }

    @Test func `An acknowledged record survives a crash at every disk operation`() {
        for operation in Self.operations {
            let crashed = Self.crash(at: operation)
            for seed in Self.seeds {
                let disk = crashed.disk.copy()
                disk.restart(seed: seed)
                let violations = CrashOracle(history: crashed.history).violations(on: disk)
                #expect(violations == [], "crash at operation \(operation), seed \(seed)")
            }
        }
    }

    @Test func `What a killed process left in memory alone is durable before anything is built upon it`() throws {
        for operation in Self.operations {
            let (disk, history) = Self.crash(at: operation)
            disk.restartProcess()
            var known: [[TestRecord]] = []
            do {
                let opened = try SegmentLog.open(
                    disk,
                    directory: CrashWorkload.directory,
                    options: .small,
                    now: RecordTime(5_000)
                )
                known.append(try opened.log.view.records())
                #expect(history.allowed.contains(known[0]), "killed in operation \(operation)")
                known.append(try opened.writer.commit([TestRecord(payload: [1])], at: 6_000))
                // What is renamed here must not become durable before what it rests on.
                disk.failNext(.syncDirectory)
                _ = try? opened.log.replenishSpares()
            }
            for seed in Self.seeds {
                let copy = disk.copy()
                copy.restart(seed: seed)
                let violations = CrashOracle(history: CrashHistory(submitted: known, acknowledged: 2))
                    .violations(on: copy)
                #expect(violations == [], "killed in operation \(operation), then a power cut, seed \(seed)")
            }
        }
    }

    @Test func `A recovery that is cut off at any operation is made up for by the next`() {
        for operation in Self.operations {
            let crashed = Self.crash(at: operation)
            crashed.disk.restart(seed: UInt64(operation))
            let whole = crashed.disk.copy()
            #expect(Self.recover(whole) == nil)
            for step in whole.changingOperations where step > crashed.disk.operations {
                let disk = crashed.disk.copy()
                disk.crash(atOperation: step)
                #expect(Self.recover(disk) != nil)
                disk.restart(seed: UInt64(operation + step))
                let violations = CrashOracle(history: crashed.history).violations(on: disk)
                #expect(violations == [], "crash at operation \(operation), recovery at \(step)")
            }
        }
    }

    @Test(arguments: [BrokenPromiseDisk.Promise.sync, .syncDirectory])
    func `A disk that breaks a promise is found out`(promise: BrokenPromiseDisk.Promise) {
        let isFound = Self.operations.contains { operation in
            let crashed = Self.crash(at: operation) { BrokenPromiseDisk($0, breaks: promise) }
            return Self.seeds.contains { seed in
                let disk = crashed.disk.copy()
                disk.restart(seed: seed)
                return !CrashOracle(history: crashed.history).violations(on: disk).isEmpty
            }
        }
        #expect(isFound)
    }
}
