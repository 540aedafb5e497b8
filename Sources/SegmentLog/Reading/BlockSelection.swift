// Owns: the algebra of block lists: which blocks of a segment can hold a record that matches a key expression.

enum BlockSelection {
    /// Blocks that may hold a match, in ascending order. Matching the records themselves remains to be done. Throws `ended` where the
    /// work ends between two keys.
    static func blocks(
        matching keys: KeyExpression,
        in segment: any Segment,
        for work: Work? = nil
    ) throws(LogError) -> BlockList {
        guard let table = keys.table else {
            guard let key = keys.soleKey else { return .unknown }
            try work?.check()
            return try segment.blocks(holding: key, for: work)
        }
        var index = RememberedIndex(segment, table, work)
        var selected = BlockSet()
        for clauses in keys.alternatives {
            var remaining: [UInt32]?
            for clause in clauses where remaining != [] {
                // A clause that the index cannot answer rules nothing out.
                guard let holding = try index.blocks(holdingAnyOf: clause) else { continue }
                remaining = remaining.map { intersection($0, holding) } ?? holding
            }
            guard let remaining else { return .unknown }
            selected.insert(remaining)
        }
        return .some(selected.ascending)
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

    private let segment: any Segment
    private let table: KeyTable
    private let work: Work?
    private var lists: [Int: BlockList] = [:]
    private var blockCount = 0

    init(_ segment: any Segment, _ table: KeyTable, _ work: Work?) {
        self.segment = segment
        self.table = table
        self.work = work
    }

    /// In ascending order; nil where the index cannot say.
    mutating func blocks(holdingAnyOf clause: KeyExpression.Clause) throws(LogError) -> [UInt32]? {
        if clause.count == 1 {
            guard case .some(let blocks) = try blocks(holding: clause[0]) else { return nil }
            return blocks
        }
        var union = BlockSet()
        for key in clause {
            guard case .some(let blocks) = try blocks(holding: key) else { return nil }
            union.insert(blocks)
        }
        return union.ascending
    }

    private mutating func blocks(holding key: [UInt8]) throws(LogError) -> BlockList {
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
}

/// Blocks of a segment, a bit each.
struct BlockSet {
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
