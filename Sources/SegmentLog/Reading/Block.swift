// Owns: some consecutive records in memory, as readers see them, whether they came from a raw or a sealed segment.

/// A few consecutive records, immutable and shared.
package final class Block: Sendable {
    struct Entry: Equatable {
        var id: RecordID
        var time: RecordTime
        var recordedAt: RecordTime
        /// Where the body lies in the block's bytes.
        var body: Range<Int>

        /// A place for an entry to come.
        static let none = Entry(id: .zero, time: .minimum, recordedAt: .minimum, body: 0..<0)
    }

    let bytes: [UInt8]
    let entries: [Entry]

    init(bytes: [UInt8], entries: [Entry]) {
        self.bytes = bytes
        self.entries = entries
    }

    package var count: Int { entries.count }

    /// The record at an index below `count`.
    package func record(at index: Int) -> Record { Record(self, index) }

    /// The record of an id; nil where it is not in here.
    func record(_ id: RecordID) -> Record? {
        let index = firstIndex(from: id)
        return index < entries.count && entries[index].id == id ? Record(self, index) : nil
    }

    /// Whether an index says of the block what is so.
    func isDescribed(by summary: BlockSummary) -> Bool {
        guard let first = entries.first, let last = entries.last else { return false }
        var (minimumTime, maximumTime) = (first.time, first.time)
        for entry in entries {
            minimumTime = min(minimumTime, entry.time)
            maximumTime = max(maximumTime, entry.time)
        }
        return entries.count == summary.recordCount && first.id == summary.firstID && last.id == summary.lastID
            && minimumTime == summary.minimumTime && maximumTime == summary.maximumTime
            && first.recordedAt == summary.firstRecordedAt && last.recordedAt == summary.lastRecordedAt
    }

    /// What the block costs in memory, for the cache's budget.
    var memoryBytes: Int {
        bytes.capacity + entries.capacity * MemoryLayout<Entry>.stride
    }

    /// The first entry whose id is not below `id`.
    package func firstIndex(from id: RecordID) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// One record, as a place in a block: cheap to hand about, holding the whole block alive.
package struct Record: Sendable {
    private let block: Block
    private let index: Int

    init(_ block: Block, _ index: Int) {
        self.block = block
        self.index = index
    }

    package var id: RecordID { block.entries[index].id }
    package var time: RecordTime { block.entries[index].time }
    package var recordedAt: RecordTime { block.entries[index].recordedAt }
    package var bodyBytes: Int { block.entries[index].body.count }

    /// Runs `body` on the bytes of the block that these records lie in, all of them in one; valid within the call.
    package static func withBlock<Result, Failure>(
        of records: ArraySlice<Record>,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard let block = records.first?.block else { return nil }
        precondition(records.allSatisfy { $0.block === block }, "records of one block")
        return try block.bytes.withUnsafeBytes { bytes in
            Swift.Result { () throws(Failure) in try body(bytes) }
        }.get()
    }

    /// The keys and the payload, as `RecordBody` reads them, among the bytes of its block.
    package func body(in block: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: block[self.block.entries[index].body])
    }

    /// The keys and the payload, as `RecordBody` reads them; valid within the call.
    package func withBody<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        let range = block.entries[index].body
        return try block.bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
}
