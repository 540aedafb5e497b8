// Owns: the inverted index in memory: which blocks hold a key. The raw segment that is written to keeps one until its key
// file is made of it; and who seals or merges a segment without one fills another.

internal import BasicContainers

/// Which blocks of a segment hold a key.
package enum BlockList: Sendable, Equatable {
    /// The index cannot say, so that every block must be looked at.
    case unknown
    case some([UInt32])

    static let none = BlockList.some([])
}

/// Keys with the blocks they occur in, in ascending order, and how many records have them. An open-addressed table over
/// one arena of key bytes: no allocation a key, and each is hashed once. Not to be copied, so that no reference is counted for
/// each key.
struct Postings: ~Copyable, SortedKeys {
    struct Key {
        let hash: UInt64
        let offset: UInt32
        let length: UInt16
        /// The key's newest entry.
        var last: UInt32
        var recordCount: UInt32
        var blockCount: UInt32
        /// The newest record that has it, by ordinal: a key that a record names twice is counted once.
        var lastRecord: UInt32
    }

    struct Entry {
        let block: UInt32
        /// The same key's entry before this one.
        let previous: UInt32
    }

    private static let empty = UInt32.max

    private var arena = UniqueArray<UInt8>()
    private var keys = UniqueArray<Key>()
    private var entries = UniqueArray<Entry>()
    /// The index of a key, and the upper half of its hash above that, so that most others are told from it without a look.
    private var slots = UniqueArray<UInt64>(repeating: .max, count: 1024)
    private var recordCount: UInt32 = 0
    /// The keys of the record before, by their places in it: names of a kind come again and again.
    private var before = UniqueArray<UInt32>(repeating: empty, count: 8)

    var keyCount: Int { keys.count }

    /// Notes the keys of one more record of `block`. Blocks come in ascending order.
    mutating func add(_ body: UnsafeRawBufferPointer, block: UInt32) {
        var place = 0
        RecordBody.forEachKey(of: body) { key in
            let index = index(of: key, at: place)
            place += 1
            note(index, block)
            return true
        }
        recordCount += 1
    }

    /// The key, which is new if it has to be.
    private mutating func index(of key: UnsafeRawBufferPointer, at place: Int) -> Int {
        if place < before.count, before[place] != Self.empty, isKey(Int(before[place]), key) {
            return Int(before[place])
        }
        let hash = KeyHash.hash(key)
        let slot = slot(of: key, hash)
        var index = UInt32(truncatingIfNeeded: slots[slot])
        if index == Self.empty {
            index = UInt32(keys.count)
            slots[slot] = (hash & ~0xFFFF_FFFF) | UInt64(index)
            keys.append(
                Key(
                    hash: hash,
                    offset: UInt32(arena.count),
                    length: UInt16(key.count),
                    last: Self.empty,
                    recordCount: 0,
                    blockCount: 0,
                    lastRecord: Self.empty
                )
            )
            arena.append(copying: key.bindMemory(to: UInt8.self))
            if keys.count * 2 > slots.count { grow() }
        }
        if place < before.count { before[place] = index }
        return Int(index)
    }

    private mutating func note(_ index: Int, _ block: UInt32) {
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
        var blocks: [UInt32] = []
        if let index = index(of: key) { readBlocks(ofKeyAt: index, into: &blocks) }
        return blocks
    }

    func recordCount(_ key: UnsafeRawBufferPointer) -> Int {
        index(of: key).map { Int(keys[$0].recordCount) } ?? 0
    }

    private func index(of key: UnsafeRawBufferPointer) -> Int? {
        let index = UInt32(truncatingIfNeeded: slots[slot(of: key, KeyHash.hash(key))])
        return index == Self.empty ? nil : Int(index)
    }

    func forEachSorted(_ visit: (borrowing KeyVisit) throws(LogError) -> Void) throws(LogError) {
        let order = sorted()
        var blocks: [UInt32] = []
        var failure: LogError?
        withArena { arena in
            for index in order {
                let key = keys[Int(index)]
                blocks.removeAll(keepingCapacity: true)
                readBlocks(ofKeyAt: Int(index), into: &blocks)
                let start = Int(key.offset)
                do throws(LogError) {
                    try visit(
                        KeyVisit(
                            key: UnsafeRawBufferPointer(rebasing: arena[start..<start + Int(key.length)]),
                            hash: key.hash,
                            records: Int(key.recordCount),
                            blocks: blocks
                        )
                    )
                } catch {
                    failure = error
                    return
                }
            }
        }
        if let failure { throw failure }
    }

    /// A key by its first sixteen bytes, which tell most from each other.
    private struct Rank {
        let high: UInt64
        let low: UInt64
        let index: UInt32
    }

    private func sorted() -> [UInt32] {
        withArena { arena in
            func bytes(_ index: UInt32) -> UnsafeRawBufferPointer {
                let start = Int(keys[Int(index)].offset)
                return UnsafeRawBufferPointer(rebasing: arena[start..<start + Int(keys[Int(index)].length)])
            }
            func word(_ key: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
                if key.count >= offset + 8 {
                    return key.loadUnaligned(fromByteOffset: offset, as: UInt64.self).bigEndian
                }
                var word: UInt64 = 0
                for place in offset..<offset + 8 { word = word << 8 | (place < key.count ? UInt64(key[place]) : 0) }
                return word
            }
            var ranks = (0..<keys.count).map { index in
                let key = bytes(UInt32(index))
                return Rank(high: word(key, at: 0), low: word(key, at: 8), index: UInt32(index))
            }
            ranks.sort { one, other in
                if one.high != other.high { return one.high < other.high }
                if one.low != other.low { return one.low < other.low }
                return KeyOrder.precedes(bytes(one.index), bytes(other.index))
            }
            return ranks.map(\.index)
        }
    }

    private func readBlocks(ofKeyAt index: Int, into blocks: inout [UInt32]) {
        var entry = keys[index].last
        while entry != Self.empty {
            blocks.append(entries[Int(entry)].block)
            entry = entries[Int(entry)].previous
        }
        blocks.reverse()
    }

    private func isKey(_ index: Int, _ key: UnsafeRawBufferPointer) -> Bool {
        let candidate = keys[index]
        guard Int(candidate.length) == key.count else { return false }
        return withArena {
            let start = Int(candidate.offset)
            return KeyOrder.equal(UnsafeRawBufferPointer(rebasing: $0[start..<start + key.count]), key)
        }
    }

    /// Calls `body` with the bytes of all keys, valid within the call.
    private func withArena<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        arena.span.bytes.withUnsafeBytes(body)
    }

    /// Where a key's index stands, or would.
    private func slot(of key: UnsafeRawBufferPointer, _ hash: UInt64) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != .max {
            if slots[slot] >> 32 == hash >> 32, isKey(Int(UInt32(truncatingIfNeeded: slots[slot])), key) { return slot }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private mutating func grow() {
        slots = UniqueArray(repeating: .max, count: slots.count * 2)
        let mask = slots.count - 1
        for index in 0..<keys.count {
            let hash = keys[index].hash
            var slot = Int(truncatingIfNeeded: hash) & mask
            while slots[slot] != .max { slot = (slot + 1) & mask }
            slots[slot] = (hash & ~0xFFFF_FFFF) | UInt64(index)
        }
    }
}
