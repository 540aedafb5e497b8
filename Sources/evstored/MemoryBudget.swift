// Owns: one budget for what the daemon holds in memory, and how it is shared out among the settings that nobody has given: the cache of
// blocks and index pages, the tables of segments, what is held for clients, and the states of projections.

import EventStore
import EventStoreServer
import Reducers
import SegmentLog

/// What `memory.bytes` comes to, and the shares of it.
struct MemoryBudget: Equatable {
    /// What the daemon takes beside what is set: code, stacks, the index of the segment that is written to, and
    /// the segment that is being sealed.
    static let own = 128 << 20
    /// Copies of a state that an answer takes: folded for a question, its text, and the copies of that on the way out.
    static let answerCopies = 5

    /// Where nothing is asked for, it is no more, and the shares are the defaults.
    private static let mostByDefault = 2560 << 20
    private static let mostStateByDefault = 256 << 20

    let bytes: Int
    private let isDefault: Bool

    /// `asked` bytes, or where that is 0 three fifths of what the process may hold.
    init(asked: Int, limit: MemoryLimit?) {
        isDefault = asked == 0
        bytes = isDefault ? min(Self.mostByDefault, (limit?.bytes ?? .max) / 5 * 3) : asked
    }

    var cacheBytes: Int { max(4 << 20, bytes / 160 * 3) }
    /// Of the tables of segments.
    var tableBytes: Int { max(4 << 20, bytes / 160 * 3) }
    var bufferBytes: Int { max(64 << 20, bytes / 10) }

    /// Of each of so many projections, where `others` bytes of the budget are taken by others. An answer is made of one as well.
    func stateBytes(projections: Int, beside others: Int) -> Int {
        let share = (bytes - Self.own - others) / (projections + Self.answerCopies)
        return max(16 << 20, isDefault ? min(share, Self.mostStateByDefault) : share)
    }
}

extension Configuration {
    /// Shares the budget out among what was not given, when everything that was given is known.
    mutating func shareMemory(under limit: MemoryLimit?) {
        let budget = MemoryBudget(asked: server.memoryBytes, limit: limit)
        if server.memoryBytes > 0 { memoryAsked = MemoryLimit(bytes: server.memoryBytes, name: "memory.bytes") }
        server.memoryBytes = budget.bytes
        store.log.tableBytes = budget.tableBytes
        if given["cache.bytes"] == nil { store.log.cacheBytes = budget.cacheBytes }
        if given["limits.buffer_bytes"] == nil { server.bufferBytes = budget.bufferBytes }
        if given["reducers.memory_bytes"] == nil {
            store.reducerLimits.memoryBytes = budget.stateBytes(
                projections: store.projections.count,
                beside: store.log.cacheBytes + store.log.tableBytes + server.bufferBytes
            )
        }
    }
}
