// Owns: the threads that pack blocks: as many as are asked for, and none of them keeps a store from closing.

import DiskSimulation
import SegmentLog
import Testing

@testable import EventStore

@Suite struct PackingThreadsTests {
    @Test func `There is a thread less than is asked for, since the one that asks packs as well`() {
        #expect(PackingThreads(threads: 1, niceness: 0).width == 0)
        #expect(PackingThreads(threads: 5, niceness: 0).width == 4)
        #expect((0..<8).contains(PackingThreads(threads: 0, niceness: 0).width))
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
