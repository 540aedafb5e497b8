// Owns: the index of a sealed segment that is made of others, merged from theirs: blocks are moved whole, so that a key's entry
// needs to be told only where they have gone. One page of each source is in memory at a time, however many keys there are, but of
// a source whose keys had to be gathered all of them.

internal import Disk
internal import HeapModule

/// The keys of the segments that one is made of, which come in the order of their ids.
struct KeyMerge: SortedKeys {
    private let sources: [KeyCursor]

    init(_ sources: [KeyCursor]) {
        self.sources = sources
    }

    /// A source by the key that it is at; of those at the same key the older first.
    private struct Head: Comparable {
        let source: KeyCursor
        let order: Int

        static func == (one: Self, other: Self) -> Bool { one.order == other.order }

        static func < (one: Self, other: Self) -> Bool {
            one.source.withKey { key in
                other.source.withKey {
                    KeyOrder.precedes(key, $0) || one.order < other.order && KeyOrder.equal(key, $0)
                }
            }
        }
    }

    func forEachSorted(_ visit: (borrowing KeyVisit) throws(LogError) -> Void) throws(LogError) {
        var blocks: [UInt32] = []
        if sources.count == 1 {
            while try sources[0].advance() {
                blocks.removeAll(keepingCapacity: true)
                sources[0].appendPlaces(to: &blocks)
                try sources[0].show(records: sources[0].records, blocks, to: visit)
            }
            return
        }
        var heads: Heap<Head> = []
        for (order, source) in sources.enumerated() {
            if try source.advance() { heads.insert(Head(source: source, order: order)) }
        }
        var group: [Head] = []
        while let first = heads.popMin() {
            group.append(first)
            while let next = heads.min, first.source.hasSameKey(as: next.source) {
                group.append(next)
                heads.removeMin()
            }
            blocks.removeAll(keepingCapacity: true)
            for head in group { head.source.appendPlaces(to: &blocks) }
            try first.source.show(records: group.reduce(0) { $0 + $1.source.records }, blocks, to: visit)
            for head in group where try head.source.advance() { heads.insert(head) }
            group.removeAll(keepingCapacity: true)
        }
    }
}

/// What a source has of its keys, and where it has got to in them.
final class KeyCursor {
    /// Where its pages are read from; nil where all keys are at hand.
    private let index: KeyIndex?
    private let directory: KeyDirectory
    private var nextPage = 0
    /// Whether a page has turned out damaged, so that the keys are to be gathered from the records.
    private(set) var isDamaged = false
    private let blockCount: Int
    /// Where each of its blocks has gone; nil where the keys name the new ones.
    private var places: [UInt32]?
    private var keys = KeyList()
    private var position = -1

    /// The keys of the index of a segment with so many blocks, which are to go somewhere yet; nil where it has no directory that
    /// can be read.
    init?(_ index: KeyIndex, blockCount: Int) throws(LogError) {
        guard let directory = try index.passingDirectory() else { return nil }
        (self.index, self.blockCount, self.directory, places) = (index, blockCount, directory, [])
    }

    /// The next block has gone there.
    func move(to place: UInt32) {
        places?.append(place)
    }

    /// Keys that have been gathered from records, by the blocks that those have gone to.
    init(_ gathered: borrowing Postings) throws(LogError) {
        (index, places, blockCount, directory) = (nil, nil, 0, KeyDirectory())
        var list = KeyList()
        try gathered.forEachSorted { list.append($0.key, records: $0.records, blocks: $0.blocks) }
        keys = list
    }

    /// Goes to the next key; false where there is none.
    func advance() throws(LogError) -> Bool {
        position += 1
        while position >= keys.count {
            guard let index, nextPage < directory.pageCount else { return false }
            defer { nextPage += 1 }
            let last = keys.count == 0 ? nil : keys.withKey(at: keys.count - 1) { Array($0) }
            let found = try index.passingPage(directory.page(nextPage), blockCount: blockCount)
            keys.removeAll()
            if let found { keys.append(found) }
            let ascends = last?.withUnsafeBytes { last in
                keys.count > 0 && keys.withKey(at: 0) { KeyOrder.precedes(last, $0) }
            }
            guard found != nil, ascends ?? true else {
                isDamaged = true
                throw .unreadable(path: index.file.path, reason: "a page of its keys is damaged")
            }
            position = 0
        }
        return true
    }

    /// Of the key that it is at.
    var records: Int { keys.records(at: position) }

    func withKey<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        keys.withKey(at: position, body)
    }

    func hasSameKey(as other: KeyCursor) -> Bool {
        withKey { key in other.withKey { KeyOrder.equal(key, $0) } }
    }

    /// Calls `visit` with the key that it is at, and what is known of it in all.
    func show(
        records: Int,
        _ blocks: [UInt32],
        to visit: (borrowing KeyVisit) throws(LogError) -> Void
    ) throws(LogError) {
        var failure: LogError?
        withKey { key in
            do throws(LogError) {
                try visit(KeyVisit(key: key, hash: KeyHash.hash(key), records: records, blocks: blocks))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    /// Appends where the blocks of the key have gone. Two that have become one come but once.
    func appendPlaces(to blocks: inout [UInt32]) {
        for block in keys.blocks(at: position) {
            let place = places?[Int(block)] ?? block
            if blocks.last != place { blocks.append(place) }
        }
    }
}
