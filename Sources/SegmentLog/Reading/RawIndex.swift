// Owns: which blocks of a raw segment hold a key. A closed one has a key file that says so. Of the others an index in memory
// does, a block of records at a time: the thread that makes key files goes before, and a question does the little that is left.
//
// What no index covers yet is not ruled out: whoever asks looks at it. So no question waits for much to be indexed, nor takes
// the memory for it.

import Synchronization

/// What the keys of a segment's first records lead to.
struct RawIndex {
    /// Shared with whoever makes a key file of it.
    ///
    /// `@unchecked Sendable` because it is added to under the index's lock alone, and never again once it covers a closed segment.
    final class Shared: @unchecked Sendable {
        var postings = Postings()
    }

    let shared = Shared()
    /// Records below this ordinal are in the postings.
    var ordinal = 0
    /// Whether a key file is being made of it.
    var isKept = false
}

extension RawSegment {
    /// Blocks that a question indexes by itself: a megabyte of records.
    private static let soonIndexed = 48
    /// Records that are indexed in less than a millisecond.
    private static let fewRecords = 512

    package var hasIndexAtHand: Bool {
        if keys != nil { return true }
        let count = recordCount
        // Whoever has it is indexing.
        return index.withLockIfAvailable { count - $0.ordinal <= Self.fewRecords } ?? false
    }

    package var indexedBlocks: Int {
        guard keys == nil, let hasHoles = try? withTable({ $0.hasHoles }), !hasHoles else { return .max }
        let ordinal = index.withLockIfAvailable(\.ordinal) ?? 0
        return (try? withTable { $0.block(of: ordinal) }) ?? .max
    }

    package func expect(_ key: [UInt8]) -> Bool { keys?.index.expect(key) ?? false }

    package func blocks(holding key: [UInt8], for work: Work?) throws(LogError) -> BlockList {
        if let entry = try entry(of: key) {
            return if case .found(let found) = entry { .some(found.blocks) } else { .none }
        }
        return try withIndex(for: work) { index, rest in
            var blocks = key.withUnsafeBytes { index.shared.postings.blocks($0) }
            if blocks.last == rest.first { _ = blocks.popLast() }
            return .some(blocks + rest)
        } ?? .unknown
    }

    package func recordCount(holding key: [UInt8], for work: Work?) throws(LogError) -> Int? {
        if let entry = try entry(of: key) {
            return if case .found(let found) = entry { found.recordCount } else { 0 }
        }
        return try withIndex(for: work) { index, rest in
            rest.isEmpty ? key.withUnsafeBytes { index.shared.postings.recordCount($0) } : nil
        } ?? nil
    }

    /// What the key file says; nil where there is none, or it turns out damaged, and with that is none any more.
    private func entry(of key: [UInt8]) throws(LogError) -> KeyIndex.Lookup? {
        guard let keys else { return nil }
        do throws(LogError) {
            let entry = try keys.index.entry(of: key) { () throws(LogError) in
                // Where its table turns out damaged it is let go of, and the blocks have other numbers from then on.
                let count = try blockCount()
                return self.keys?.index.footer.checksum == keys.index.footer.checksum ? count : nil
            }
            if case .unknown = entry { letGoOfKeys() } else { return entry }
        } catch {
            guard error.isUnreadableMedium else { throw error }
            letGoOfKeys()
        }
        return nil
    }

    private enum Step<Result> {
        case over(Result?)
        case more
    }

    /// Runs `body` on the index and the blocks that it does not cover; nil where some of the segment is lost, which might have
    /// had the key. Throws `ended` where the work ends between two blocks.
    private func withIndex<Result>(
        for work: Work?,
        _ body: (borrowing RawIndex, _ rest: Range<UInt32>) -> Result
    ) throws(LogError) -> Result? {
        var left = Self.soonIndexed
        while true {
            let step = try index.withLock { index throws(LogError) -> Step<Result> in
                guard let missing = try missing(in: index) else { return .over(nil) }
                if missing.isEmpty || left == 0 || isClosed && missing.count > left {
                    return .over(body(index, UInt32(missing.lowerBound)..<UInt32(missing.upperBound)))
                }
                // A damaged block must not keep readers from the others: they look at every block and meet it there.
                return try extend(&index) ? .more : .over(nil)
            }
            if case .over(let result) = step { return result }
            left -= 1
            try work?.check()
        }
    }

    /// The blocks that an index does not cover, or not all of; nil where some cannot be read.
    private func missing(in index: borrowing RawIndex) throws(LogError) -> Range<Int>? {
        let ordinal = index.ordinal
        return try withTable { $0.hasHoles ? nil : $0.block(of: ordinal)..<$0.blocks.count }
    }

    /// Indexes what an index lacks of one block; false where it is damaged.
    private func extend(_ index: inout RawIndex) throws(LogError) -> Bool {
        let ordinal = index.ordinal
        let (number, block, ordinals) = try withTable { table in
            let number = table.block(of: ordinal)
            return (number, table.blocks[number], ordinal..<table.ordinals(of: number).upperBound)
        }
        let loaded: Block
        do throws(LogError) {
            loaded = try records(ordinals, of: block)
        } catch .corrupt {
            return false
        }
        let shared = index.shared
        loaded.bytes.withUnsafeBytes { bytes in
            for entry in loaded.entries {
                shared.postings.add(UnsafeRawBufferPointer(rebasing: bytes[entry.body]), block: UInt32(number))
            }
        }
        index.ordinal = ordinals.upperBound
        return true
    }

    // MARK: For the maker of key files

    /// Indexes another block, if there is one that can be read, and more than so many are missing; whether there was.
    func extendIndex(leaving few: Int = 0) throws(LogError) -> Bool {
        try index.withLock { index throws(LogError) in
            guard let missing = try missing(in: index), missing.count > few else { return false }
            return try extend(&index)
        }
    }

    /// The index, where it covers all that is durable.
    func wholeIndex() throws(LogError) -> RawIndex.Shared? {
        try index.withLock { index throws(LogError) in try missing(in: index)?.isEmpty == true ? index.shared : nil }
    }

    /// Has the index kept, or not.
    func keepIndex(_ isKept: Bool) {
        index.withLock { $0.isKept = isKept }
    }

    /// Lets go of the index, unless a key file is being made of it.
    func forgetIndex() {
        index.withLock { if !$0.isKept { $0 = RawIndex() } }
    }
}
