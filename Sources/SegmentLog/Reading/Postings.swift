// Owns: the inverted index in memory: which blocks hold a key. The raw segment keeps one beside its file; the sealer
// fills one and writes it out.

/// Which blocks of a segment hold a key.
package enum BlockList: Sendable, Equatable {
    /// The index cannot say, so that every block must be looked at.
    case unknown
    case some([UInt32])

    static let none = BlockList.some([])
}

/// Keys with the blocks they occur in, in ascending order, and how many records have them. An open-addressed table over
/// one arena of key bytes: no allocation a key, no string hashing.
struct Postings {
    private struct Key {
        let offset: UInt32
        let length: UInt16
        /// The key's newest entry.
        var last: UInt32
        var recordCount: UInt32
        var blockCount: UInt32
        /// The newest record that has it, by ordinal: a key that a record names twice is counted once.
        var lastRecord: UInt32
    }

    private struct Entry {
        let block: UInt32
        /// The same key's entry before this one.
        let previous: UInt32
    }

    private static let empty = UInt32.max

    private var arena: [UInt8] = []
    private var keys: [Key] = []
    private var entries: [Entry] = []
    private var slots: [UInt32] = Array(repeating: empty, count: 1024)
    private var recordCount: UInt32 = 0

    var keyCount: Int { keys.count }

    /// Notes the keys of one more record of `block`. Blocks come in ascending order.
    mutating func add(_ body: UnsafeRawBufferPointer, block: UInt32) {
        RecordBody.forEachKey(of: body) { key in
            addKey(key, block: block)
            return true
        }
        recordCount += 1
    }

    private mutating func addKey(_ key: UnsafeRawBufferPointer, block: UInt32) {
        let slot = slot(of: key)
        var index = Int(slots[slot])
        if slots[slot] == Self.empty {
            index = keys.count
            slots[slot] = UInt32(index)
            keys.append(
                Key(
                    offset: UInt32(arena.count),
                    length: UInt16(key.count),
                    last: Self.empty,
                    recordCount: 0,
                    blockCount: 0,
                    lastRecord: Self.empty
                )
            )
            arena.append(contentsOf: key)
            if keys.count * 2 > slots.count { grow() }
        }
        guard keys[index].lastRecord != recordCount else { return }
        keys[index].lastRecord = recordCount
        keys[index].recordCount += 1
        let last = keys[index].last
        guard last == Self.empty || entries[Int(last)].block != block else { return }
        keys[index].last = UInt32(entries.count)
        keys[index].blockCount += 1
        entries.append(Entry(block: block, previous: last))
    }

    func blocks(_ key: UnsafeRawBufferPointer) -> [UInt32] {
        let slot = slot(of: key)
        return slots[slot] == Self.empty ? [] : blocks(ofKeyAt: Int(slots[slot]))
    }

    func recordCount(_ key: UnsafeRawBufferPointer) -> Int {
        let slot = slot(of: key)
        return slots[slot] == Self.empty ? 0 : Int(keys[Int(slots[slot])].recordCount)
    }

    /// Calls `visit` with every key in ascending bytewise order, its blocks and its number of records.
    func forEachSorted(_ visit: (_ key: UnsafeRawBufferPointer, _ blocks: [UInt32], _ records: Int) -> Void) {
        arena.withUnsafeBytes { arena in
            func bytes(_ index: Int) -> UnsafeRawBufferPointer {
                let start = Int(keys[index].offset)
                return UnsafeRawBufferPointer(rebasing: arena[start..<start + Int(keys[index].length)])
            }
            let order = keys.indices.sorted { KeyOrder.precedes(bytes($0), bytes($1)) }
            for index in order {
                visit(bytes(index), blocks(ofKeyAt: index), Int(keys[index].recordCount))
            }
        }
    }

    private func blocks(ofKeyAt index: Int) -> [UInt32] {
        let count = Int(keys[index].blockCount)
        return [UInt32](unsafeUninitializedCapacity: count) { buffer, initialized in
            var entry = keys[index].last
            for position in stride(from: count - 1, through: 0, by: -1) {
                buffer[position] = entries[Int(entry)].block
                entry = entries[Int(entry)].previous
            }
            initialized = count
        }
    }

    private func slot(of key: UnsafeRawBufferPointer) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: KeyHash.hash(key)) & mask
        while slots[slot] != Self.empty {
            let candidate = keys[Int(slots[slot])]
            let same = arena.withUnsafeBytes {
                KeyOrder.equal(
                    UnsafeRawBufferPointer(
                        rebasing: $0[Int(candidate.offset)..<Int(candidate.offset) + Int(candidate.length)]
                    ),
                    key
                )
            }
            if same { return slot }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private mutating func grow() {
        slots = Array(repeating: Self.empty, count: slots.count * 2)
        let mask = slots.count - 1
        arena.withUnsafeBytes { arena in
            for (index, key) in keys.enumerated() {
                let bytes = UnsafeRawBufferPointer(rebasing: arena[Int(key.offset)..<Int(key.offset) + Int(key.length)])
                var slot = Int(truncatingIfNeeded: KeyHash.hash(bytes)) & mask
                while slots[slot] != Self.empty { slot = (slot + 1) & mask }
                slots[slot] = UInt32(index)
            }
        }
    }
}
