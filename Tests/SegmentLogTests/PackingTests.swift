// Owns: blocks that a crew packs: whatever threads do, and whenever, a segment has the same bytes, in the same order.

import Disk
import DiskSimulation
import FaultSimulation
import Synchronization
import Testing

@testable import SegmentLog

/// A crew without threads: what it has taken it runs when it is asked to wait, or when more has come, or never.
private final class IdleCrew: PackingCrew {
    enum Habit: CaseIterable, Sendable {
        case never, whenAsked, atOnce, theLastFirst
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
        case .whenAsked: tasks.withLock { $0.append(task) }
        case .theLastFirst:
            let waiting = tasks.withLock { tasks in
                tasks.append(task)
                defer { if tasks.count == width { tasks = [] } }
                return tasks.count == width ? tasks : []
            }
            for task in waiting.reversed() { run(task) }
        }
    }

    func wait(for task: PackingTask) {
        for task in tasks.withLock({ $0 }) { run(task) }
        #expect(task.isDone)
    }
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
