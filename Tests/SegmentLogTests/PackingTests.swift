// Owns: blocks that a crew packs: whatever threads do, and whenever, a segment has the same bytes, in the same order.

import Disk
import DiskSimulation
import FaultSimulation
import Foundation
import Synchronization
import Testing

@testable import SegmentLog

/// A crew without threads: what it has taken it runs at once, or when more has come, or never.
private final class IdleCrew: PackingCrew {
    enum Habit: CaseIterable, Sendable {
        case never, atOnce, theLastFirst
    }

    let width: Int
    private let habit: Habit
    private let tasks = Mutex<[PackingTask]>([])
    let begun = Atomic(0)

    init(width: Int, _ habit: Habit) {
        self.width = width
        self.habit = habit
    }

    private func run(_ task: PackingTask) {
        task.run { level in
            begun.add(1, ordering: .relaxed)
            return Compressor(level: level)
        }
    }

    func take(_ task: PackingTask) {
        switch habit {
        case .never: break
        case .atOnce: run(task)
        case .theLastFirst:
            let waiting = tasks.withLock { tasks in
                tasks.append(task)
                defer { if tasks.count == width { tasks = [] } }
                return tasks.count == width ? tasks : []
            }
            for task in waiting.reversed() { run(task) }
        }
    }

    func wait(for task: PackingTask) { Issue.record("nothing is left begun") }
}

/// A crew whose only thread begins every third task, and does not go on with it before the writer waits for it.
private final class SlowCrew: PackingCrew {
    let width = 1
    let waits = Atomic(0)
    private let taken = Atomic(0)
    /// Tasks that were begun and have not been let go on.
    private let held = Atomic(0)
    private let goesOn = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    func take(_ task: PackingTask) {
        guard taken.add(1, ordering: .relaxed).newValue.isMultiple(of: 3) else { return }
        let hasBegun = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [self] in
            task.run { level in
                hasBegun.signal()
                goesOn.wait()
                return Compressor(level: level)
            }
            ended.signal()
        }
        hasBegun.wait()
        held.add(1, ordering: .relaxed)
    }

    func wait(for task: PackingTask) {
        waits.add(1, ordering: .relaxed)
        letOneGoOn()
        #expect(task.isDone)
    }

    private func letOneGoOn() {
        held.subtract(1, ordering: .relaxed)
        goesOn.signal()
        ended.wait()
    }

    /// Lets those go on that nobody waits for any more; how many they are.
    func letGo() -> Int {
        let count = held.load(ordering: .relaxed)
        for _ in 0..<count { letOneGoOn() }
        return count
    }
}

private final class Counter: Sendable {
    private let value = Atomic(0)

    func next() -> Int { value.add(1, ordering: .relaxed).newValue }
}

@Suite struct PackingTests {
    private static func log(_ crew: (any PackingCrew)?) throws -> (bytes: [UInt8], records: [TestRecord]) {
        var options = LogOptions.small
        options.segmentBytes = 1 << 20
        options.blockBytes = 4 << 10
        options.crew = crew
        let filled = try diskWithLog(options) { log, writer in
            var records: [TestRecord] = []
            for index in 0..<120 {
                let record = TestRecord(
                    keys: ["all", "k\(index % 7)"],
                    payload: noise(index * 131 % 5_000, seed: index)
                )
                records += try writer.commit([record], at: Int64(index))
            }
            try writer.roll()
            #expect(try log.sealOldest())
            #expect(try log.view.records() == records)
            #expect(try log.verify().isClean)
            return records
        }
        let path = storeDirectory.sealed(RecordID(1))
        return (filled.disk.bytes(path), filled.result)
    }

    /// What of a sealed file does not depend on its random id: how long it is, and where its sections lie.
    private static func shape(_ bytes: [UInt8]) throws -> [SealedFooter.Section] {
        let length = try #require(SealedFooter.length(bytes))
        let store = UniqueID(bytes: Array(bytes[16..<32]))
        let footer = try SealedFooter.decode(Array(bytes.suffix(length)), store: store, path: "")
        return try #require(footer).sections
    }

    @Test func `Whoever packs a block, and in whatever order, the file is the same`() throws {
        let alone = try Self.log(nil)
        for habit in IdleCrew.Habit.allCases {
            for width in [1, 3, 8] {
                let crew = IdleCrew(width: width, habit)
                let packed = try Self.log(crew)
                #expect(packed.bytes.count == alone.bytes.count, "\(habit) \(width)")
                #expect(try Self.shape(packed.bytes) == Self.shape(alone.bytes), "\(habit) \(width)")
                #expect((crew.begun.load(ordering: .relaxed) > 0) == (habit == .atOnce || habit == .theLastFirst))
            }
        }
    }

    @Test func `What a thread has begun is waited for, and nothing else`() throws {
        let (alone, crew) = (try Self.log(nil), SlowCrew())
        let packed = try Self.log(crew)
        #expect(packed.bytes.count == alone.bytes.count)
        #expect(try Self.shape(packed.bytes) == Self.shape(alone.bytes))
        let waits = crew.waits.load(ordering: .relaxed)
        #expect(waits > 5)
    }

    @Test func `Where sealing is abandoned, or fails, nobody waits for what is being packed`() throws {
        for isStopped in [true, false] {
            let crew = SlowCrew()
            var options = LogOptions.small
            (options.segmentBytes, options.blockBytes, options.crew) = (1 << 20, 4 << 10, crew)
            let disk = WatchedDisk(SimulatedDisk())
            let (log, writer, _) = try openLog(disk, options)
            var records: [TestRecord] = []
            for index in 0..<40 {
                records += try writer.commit([TestRecord(keys: ["all"], payload: noise(5_000, seed: index))], at: 1)
            }
            try writer.roll()
            if isStopped {
                var calls = 0
                let isSealed = try log.sealOldest {
                    calls += 1
                    return calls < 4
                }
                #expect(!isSealed)
            } else {
                let count = Counter()
                disk.watch { operation, path throws(DiskError) in
                    guard operation == .write, path.hasSuffix(".tmp"), count.next() == 3 else { return }
                    throw DiskError(.write, path: path, errno: ENOSPC)
                }
                #expect(throws: LogError.self) { try log.sealOldest() }
            }
            #expect(try log.view.records() == records)
            let held = crew.letGo()
            #expect(held == 1)
            #expect(try log.verify().isClean)
        }
    }

    @Test func `Blocks of large records are packed one at a time`() throws {
        let crew = IdleCrew(width: 8, .never)
        var options = LogOptions.small
        (options.segmentBytes, options.crew) = (64 << 20, crew)
        let filled = try diskWithLog(options) { log, writer in
            var records: [TestRecord] = []
            for index in 0..<6 {
                records += try writer.commit([TestRecord(keys: ["all"], payload: noise(7 << 20, seed: index))], at: 1)
            }
            try writer.roll()
            #expect(try log.sealOldest() && log.view.records() == records)
            return records
        }
        #expect(filled.result.count == 6)
    }

    @Test func `A task is done once`() {
        let task = PackingTask([], level: 1)
        var times = 0
        let ran = (0..<3).map { _ in
            task.run { level in
                times += 1
                return Compressor(level: level)
            }
        }
        #expect(ran == [true, false, false] && times == 1 && task.isDone)
        let content = task.finish(nil)
        #expect(content.rawBytes == 1 && content.codec == .stored && content.bytes == [9])
    }
}
