// Owns: how much of the sealed segments is kept inflated in memory: one budget in bytes for blocks of records, key
// pages, directories, tables and filters alike. Least recently used goes first.

import Synchronization

/// A bounded cache of inflated blocks. May be used from any thread.
package final class BlockCache: Sendable {
    struct Key: Hashable {
        let segment: UniqueID
        let offset: UInt64
    }

    private struct State {
        var values: [Key: (value: any Sendable, bytes: Int, used: UInt64)] = [:]
        var bytes = 0
        var clock: UInt64 = 0
    }

    private let state = Mutex(State())
    private let budgetBytes: Int

    package init(budgetBytes: Int) {
        self.budgetBytes = budgetBytes
    }

    /// The value under `key`, made by `load` where it is missing; a value that cannot be made is not remembered. Two
    /// threads may load the same value at once; one of them is kept.
    func value<Value: Sendable>(
        _ key: Key,
        bytes: (Value) -> Int,
        load: () throws(LogError) -> Value?
    ) throws(LogError) -> Value? {
        let found = state.withLock { state -> (any Sendable)? in
            guard let place = state.values.index(forKey: key) else { return nil }
            state.clock += 1
            state.values.values[place].used = state.clock
            return state.values.values[place].value
        }
        if let found, let value = found as? Value { return value }
        guard let value = try load() else { return nil }
        let size = bytes(value)
        guard size <= budgetBytes / 4 else { return value }
        state.withLock { state in
            guard state.values[key] == nil else { return }
            state.clock += 1
            state.values[key] = (value, size, state.clock)
            state.bytes += size
            if state.bytes > budgetBytes { evict(&state) }
        }
        return value
    }

    /// Drops the least recently used quarter, so that the sort is paid once for many insertions.
    private func evict(_ state: inout State) {
        for (key, entry) in state.values.sorted(by: { $0.value.used < $1.value.used }) {
            guard state.bytes > budgetBytes * 3 / 4 else { return }
            state.values[key] = nil
            state.bytes -= entry.bytes
        }
    }
}
