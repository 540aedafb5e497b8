// Owns: the algebra of block lists: which blocks of a segment can hold a record that matches a key expression.

/// A question to the index of a segment. A value: where the work ends, it keeps what has been answered, and goes on from there.
struct BlockSelection: Sendable {
    private let keys: KeyExpression
    private var index: RememberedIndex
    private var selected = BlockSet()
    /// What is asked next: the alternative, the clause in it, the key in that.
    private var alternative = 0
    private var clause = 0
    private var key = 0
    /// What the clauses of the alternative have left so far; nil where none has been answered.
    private var remaining: [UInt32]?
    /// What the keys of the clause have so far.
    private var union = BlockSet()

    init(_ keys: KeyExpression, in segment: any Segment) {
        self.keys = keys
        index = RememberedIndex(segment)
    }

    /// Asks all at once.
    static func blocks(
        matching keys: KeyExpression,
        in segment: any Segment,
        for work: Work? = nil
    ) throws(LogError) -> BlockList {
        var selection = BlockSelection(keys, in: segment)
        return try selection.answer(for: work)
    }

    /// Blocks that may hold a match, in ascending order. Matching the records themselves remains to be done. Throws `ended` where the
    /// work ends between two keys; the next call asks on.
    mutating func answer(for work: Work?) throws(LogError) -> BlockList {
        guard let table = keys.table else {
            guard let key = keys.soleKey else { return .unknown }
            try work?.check()
            return try index.segment.blocks(holding: key, for: work)
        }
        do throws(LogError) {
            return try answer(table, work)
        } catch {
            index.forget()
            throw error
        }
    }

    private mutating func answer(_ table: KeyTable, _ work: Work?) throws(LogError) -> BlockList {
        while alternative < keys.alternatives.count {
            let clauses = keys.alternatives[alternative]
            while clause < clauses.count, remaining != [] {
                // A clause that the index cannot answer rules nothing out.
                if let holding = try blocks(holdingAnyOf: clauses[clause], table, work) {
                    remaining = remaining.map { Self.intersection($0, holding) } ?? holding
                }
                clause += 1
            }
            guard let remaining else { return .unknown }
            selected.insert(remaining)
            (alternative, clause, self.remaining) = (alternative + 1, 0, nil)
        }
        return .some(selected.ascending)
    }

    /// In ascending order; nil where the index cannot say.
    private mutating func blocks(
        holdingAnyOf keys: KeyExpression.Clause,
        _ table: KeyTable,
        _ work: Work?
    ) throws(LogError) -> [UInt32]? {
        if keys.count == 1 {
            guard case .some(let blocks) = try index.blocks(holding: keys[0], table, work) else { return nil }
            return blocks
        }
        var isAnswered = true
        while isAnswered, key < keys.count {
            if case .some(let blocks) = try index.blocks(holding: keys[key], table, work) {
                union.insert(blocks)
            } else {
                isAnswered = false
            }
            key += 1
        }
        defer { (key, union) = (0, BlockSet()) }
        return isAnswered ? union.ascending : nil
    }

    /// The blocks of both lists, which ascend. Where one is much the shorter, its blocks are looked up in the other.
    static func intersection(_ one: [UInt32], _ other: [UInt32]) -> [UInt32] {
        let (few, many) = one.count < other.count ? (one, other) : (other, one)
        var result: [UInt32] = []
        var next = 0
        for block in few {
            if few.count * 16 < many.count {
                var end = many.count
                while next < end {
                    let middle = (next + end) / 2
                    if many[middle] < block { next = middle + 1 } else { end = middle }
                }
            } else {
                while next < many.count, many[next] < block { next += 1 }
            }
            guard next < many.count else { break }
            if many[next] == block { result.append(block) }
        }
        return result
    }
}

/// The index of a segment, asked once for a key that several alternatives name.
private struct RememberedIndex {
    /// Blocks that are remembered, at most, of all keys: 4 MiB of them.
    private static let maximumBlocks = 1 << 20

    let segment: any Segment
    private var lists: [Int: BlockList] = [:]
    private var blockCount = 0

    init(_ segment: any Segment) {
        self.segment = segment
    }

    mutating func blocks(holding key: [UInt8], _ table: KeyTable, _ work: Work?) throws(LogError) -> BlockList {
        let number = table.repeatedNumber(of: key)
        if let number, let known = lists[number] { return known }
        try work?.check()
        let list = try segment.blocks(holding: key, for: work)
        if let number {
            var size = 1
            if case .some(let blocks) = list { size += blocks.count }
            if blockCount + size <= Self.maximumBlocks {
                blockCount += size
                lists[number] = list
            }
        }
        return list
    }

    /// Lets go of what is remembered: a question that waits is to hold little.
    mutating func forget() { (lists, blockCount) = ([:], 0) }
}

/// Blocks of a segment, a bit each.
struct BlockSet: Sendable {
    private var words: [UInt64] = []

    mutating func insert(_ blocks: [UInt32]) {
        guard let last = blocks.max() else { return }
        let needed = Int(last) / 64 + 1
        if words.count < needed { words.append(contentsOf: repeatElement(0, count: needed - words.count)) }
        for block in blocks { words[Int(block) / 64] |= 1 << UInt64(block % 64) }
    }

    var ascending: [UInt32] {
        var blocks: [UInt32] = []
        blocks.reserveCapacity(words.reduce(0) { $0 + $1.nonzeroBitCount })
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                blocks.append(UInt32(index * 64 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
        return blocks
    }
}
