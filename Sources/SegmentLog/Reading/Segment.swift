// Owns: what a reader needs of a segment, raw or sealed: blocks of records with summaries, and an index from keys to
// blocks. Both kinds answer alike, so that there is one way to read.

/// What is known of a block without reading it.
package struct BlockSummary: Hashable, Sendable {
    package internal(set) var firstID: RecordID
    package internal(set) var lastID: RecordID
    package internal(set) var recordCount: UInt32
    package internal(set) var minimumTime: RecordTime
    package internal(set) var maximumTime: RecordTime
    package internal(set) var firstRecordedAt: RecordTime
    package internal(set) var lastRecordedAt: RecordTime

    /// Whether it stands for a block that could not be found, or not be read: such a one has the widest bounds, so that
    /// every reader who might want it comes to it and is told.
    var isUnreadable: Bool { firstRecordedAt == .minimum && lastRecordedAt == .maximum }
}

extension BlockSummary {
    /// What stands for ids that cannot be read.
    init(unreadable ids: ClosedRange<RecordID>) {
        self.init(
            firstID: ids.lowerBound,
            lastID: ids.upperBound,
            recordCount: 0,
            minimumTime: .minimum,
            maximumTime: .maximum,
            firstRecordedAt: .minimum,
            lastRecordedAt: .maximum
        )
    }
}

/// A run of the log. May be read from any thread.
package protocol Segment: AnyObject, Sendable {
    var path: String { get }
    var id: UniqueID { get }
    /// The id of the first record that can stand here.
    var base: RecordID { get }
    /// The last id this segment answers for; nil while it holds nothing.
    var lastID: RecordID? { get }
    /// Ids up to the last that cannot be read, as far as opening has told.
    var damage: [ClosedRange<RecordID>] { get }
    /// Its file's first bytes, as they were found.
    var header: FileHeader { get }
    /// The store's own records in it, in order.
    func controls() throws(LogError) -> [ControlRecord]
    /// How many blocks there are now; a raw segment gains more.
    func blockCount() throws(LogError) -> Int
    func summary(of block: Int) throws(LogError) -> BlockSummary
    func block(_ index: Int) throws(LogError) -> Block
    /// The record of an id; nil where there is none.
    func record(_ id: RecordID) throws(LogError) -> Record?
    /// The same for who reads everything once and must not push what others read again and again out of the cache.
    func passingBlock(_ index: Int) throws(LogError) -> Block
    /// Appends a block in the form in which it leaves the store, checked as it lies on the disk.
    func transferBlock(_ index: Int, to bytes: inout [UInt8]) throws(LogError)
    /// Reads a block from the disk, past every cache, and checks it; one that was known to be damaged and is whole again
    /// is so from now on. Returns the bytes read.
    func recheck(_ index: Int) throws(LogError) -> Int
    /// The blocks that hold at least one record with the key, and those that no index covers yet, in ascending order. Throws `ended` where the work ends before the
    /// index is at hand.
    func blocks(holding key: [UInt8], for work: Work?) throws(LogError) -> BlockList
    /// The index is about to be asked for the key, of this segment after others: what it reads first is fetched meanwhile. False where
    /// there is nothing to be fetched: it is in memory, or there is no index.
    func expect(_ key: [UInt8]) -> Bool
    /// The segment as it is known best: another where this one has turned out damaged, and has other blocks since.
    var latest: any Segment { get }
    /// As long as it is the same, so are the numbers of the blocks.
    var numbering: Int { get }
    /// So many blocks are named by the index where they hold a key, and only then; the others always.
    var indexedBlocks: Int { get }
    /// Whether the index covers the segment's records, or all but so few that they are soon indexed.
    var hasIndexAtHand: Bool { get }
    /// The index of all its keys by its blocks, as a file has it; nil where none does.
    func keyIndex() throws(LogError) -> KeyIndex?
    /// From now on no file has it: a part of what it has turned out damaged.
    func letGoOfKeys()
    /// Bytes of all bodies: keys and payloads.
    var bodyBytes: Int { get }
    /// How many records have the key; nil where only a scan can tell. Throws `ended` likewise.
    func recordCount(holding key: [UInt8], for work: Work?) throws(LogError) -> Int?
}

extension Segment {
    package var latest: any Segment { self }
    package var indexedBlocks: Int { .max }
    package var numbering: Int { 0 }

    /// Runs `body` on what is known best, and once more where that has become another by it.
    func withLatest<Result>(_ body: (any Segment) throws(LogError) -> Result) throws(LogError) -> Result {
        let segment = latest
        do throws(LogError) {
            return try body(segment)
        } catch {
            let next = segment.latest
            guard next !== segment else { throw error }
            return try body(next)
        }
    }

    /// The first block whose last id is not below `id`; the block count where there is none.
    func firstBlock(reaching id: RecordID) throws(LogError) -> Int {
        var low = 0
        var high = try blockCount()
        while low < high {
            let middle = (low + high) / 2
            if try summary(of: middle).lastID < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
