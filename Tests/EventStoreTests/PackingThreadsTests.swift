// Owns: the threads that pack blocks: as many as are asked for, and none of them keeps a store from closing.

import DiskSimulation
import Testing

@testable import EventStore
@testable import SegmentLog

@Suite struct PackingThreadsTests {
    @Test func `There is a thread less than is asked for, since the one that asks packs as well`() {
        #expect(PackingThreads(threads: 1, niceness: 0).width == 0)
        #expect(PackingThreads(threads: 5, niceness: 0).width == 4)
        #expect(PackingThreads(threads: 0, niceness: 0).width == 0)
    }

    @Test func `The threads pack what they take, and what is left when they end is dropped`() {
        let crew = PackingThreads(threads: 3, niceness: 0)
        crew.start()
        let tasks = (0..<200).map { _ in PackingTask([], level: 1) }
        for task in tasks {
            crew.take(task)
            crew.wait(for: task)
        }
        #expect(tasks.filter(\.isDone).count == 200)
        let more = (0..<200).map { _ in PackingTask([], level: 1) }
        for task in more { crew.take(task) }
        crew.close()
        let late = PackingTask([], level: 1)
        crew.take(late)
        #expect(!late.isDone)
        for task in more + [late] { task.run { Compressor(level: $0) } }
        #expect(more.filter(\.isDone).count == 200 && late.isDone)
    }

    @Test(arguments: [1, 4]) func `A store is sealed and merged on so many threads, and says the same`(threads: Int)
        throws
    {
        let test = try TestStore {
            $0.log.blockBytes = 4 << 10
            $0.sealingThreads = threads
        }
        var random = SeededRandom(seed: 12)
        let events = (0..<1_200).map { random.event($0) }
        for part in 0..<4 {
            test.append(Array(events[part * 300..<(part + 1) * 300]))
            try test.roll()
        }
        let before = try test.all()
        #expect(before.count == 1_200)
        #expect(try test.store.compact().segmentsAfter == 1)
        #expect(try test.all() == before)
        test.close()
    }
}
