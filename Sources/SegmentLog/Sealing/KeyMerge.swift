// Owns: the index of a sealed segment that is made of others, merged from theirs: blocks are moved whole, so that a key's entry
// needs to be told only where they have gone. One page of each source is in memory at a time, however many keys there are.

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
        var heads: Heap<Head> = []
        for (order, source) in sources.enumerated() {
            if try source.advance() { heads.insert(Head(source: source, order: order)) }
        }
        var (group, blocks): ([Head], [UInt32]) = ([], [])
        while let first = heads.popMin() {
            group.append(first)
            while let next = heads.min, first.source.hasSameKey(as: next.source) {
                group.append(next)
                heads.removeMin()
            }
            blocks.removeAll(keepingCapacity: true)
            for head in group { head.source.appendPlaces(to: &blocks) }
            let records = group.reduce(0) { $0 + $1.source.records }
            var failure: LogError?
            first.source.withKey { key in
                do throws(LogError) {
                    try visit(KeyVisit(key: key, hash: KeyHash.hash(key), records: records, blocks: blocks))
                } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
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
    private let blockCount: Int
    /// Where each of its blocks has gone; nil where the keys name the new ones.
    private var places: [UInt32]?
    private var keys = KeyList()
    private var position = -1

    /// The keys of the index of a segment with so many blocks, which are to go somewhere yet; nil where any of it cannot be read.
    init?(_ index: KeyIndex, blockCount: Int) throws(LogError) {
        guard let directory = try index.passingDirectory() else { return nil }
        for number in 0..<directory.pageCount {
            guard try index.passingPage(directory.page(number), blockCount: blockCount) != nil else { return nil }
        }
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
            guard let found = try index.passingPage(directory.page(nextPage), blockCount: blockCount) else {
                throw .unreadable(path: index.file.path, reason: "a page of its keys cannot be read any more")
            }
            keys.removeAll()
            found.forEach { key, entry in
                let entry = entry()
                key.withUnsafeBytes { keys.append($0, records: entry.recordCount, blocks: entry.blocks) }
                return true
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

    /// Appends where the blocks of the key have gone. Two that have become one come but once.
    func appendPlaces(to blocks: inout [UInt32]) {
        for block in keys.blocks(at: position) {
            let place = places.map { $0[Int(block)] } ?? block
            if blocks.last != place { blocks.append(place) }
        }
    }
}

/// Keys in order, with what is known of each, in three arrays however many there are.
private struct KeyList {
    private struct Entry {
        let keyEnd: Int
        let blocksEnd: Int
        let records: Int
    }

    private var bytes: [UInt8] = []
    private var blocks: [UInt32] = []
    private var entries: [Entry] = []

    var count: Int { entries.count }

    mutating func append(_ key: UnsafeRawBufferPointer, records: Int, blocks: [UInt32]) {
        bytes.append(contentsOf: key)
        self.blocks.append(contentsOf: blocks)
        entries.append(Entry(keyEnd: bytes.count, blocksEnd: self.blocks.count, records: records))
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        blocks.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
    }

    func records(at index: Int) -> Int { entries[index].records }

    func withKey<Result>(at index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let start = index == 0 ? 0 : entries[index - 1].keyEnd
        return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<entries[index].keyEnd])) }
    }

    func blocks(at index: Int) -> ArraySlice<UInt32> {
        blocks[(index == 0 ? 0 : entries[index - 1].blocksEnd)..<entries[index].blocksEnd]
    }
}
