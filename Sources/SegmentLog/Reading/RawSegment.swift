// Owns: reading a raw segment: the active one, or one that waits to be sealed. Knows only what is durable: the writer
// publishes a frame here after its sync.

package import Disk
import Synchronization

/// A raw segment as readers see it.
package final class RawSegment: Segment {
    let file: any DiskFile
    let header: FileHeader
    /// Ranges of ids below the durable tail that could not be read when the segment was opened.
    package let damage: [ClosedRange<RecordID>]
    private let register: DamageRegister
    private let table = Mutex(RawTable())
    private let index = Mutex(Index())
    private let onRetire = Mutex<(@Sendable () -> Void)?>(nil)

    private struct Index {
        var postings = Postings()
        /// Records below this ordinal are in the postings.
        var ordinal = 0
    }

    init(
        file: any DiskFile,
        header: FileHeader,
        register: DamageRegister,
        table: RawTable = RawTable(),
        damage: [ClosedRange<RecordID>] = []
    ) {
        self.file = file
        self.header = header
        self.register = register
        self.damage = damage
        self.table.withLock { $0 = table }
    }

    /// The segment as a scan of its file has found it.
    package convenience init(
        file: any DiskFile,
        header: FileHeader,
        register: DamageRegister,
        found: TailScanner.Outcome
    ) {
        self.init(file: file, header: header, register: register, table: found.table, damage: found.damage)
    }

    deinit {
        onRetire.withLock { $0 }?()
    }

    /// Has `action` run when the last reader has let go of the segment: its file can be written anew.
    func retire(_ action: @escaping @Sendable () -> Void) {
        onRetire.withLock { $0 = action }
    }

    package var path: String { file.path }
    package var id: UniqueID { header.identity.segment }
    package var base: RecordID { header.base }

    package var lastID: RecordID? {
        let last = table.withLock { $0.blocks.last?.summary.lastID }
        return [last, damage.last?.upperBound].compactMap(\.self).max()
    }

    var lastRecordedAt: RecordTime? {
        table.withLock { $0.blocks.last?.summary.lastRecordedAt }
    }

    var recordCount: Int {
        table.withLock { $0.offsets.count }
    }

    /// Bytes of all records, headers included.
    var recordBytes: Int {
        table.withLock { $0.recordBytes }
    }

    /// Bytes of all bodies: keys and payloads.
    var bodyBytes: Int {
        table.withLock { $0.recordBytes - $0.offsets.count * RecordFormat.headerBytes }
    }

    var firstRecordedAt: RecordTime? {
        table.withLock { $0.blocks.first?.summary.firstRecordedAt }
    }

    package func blockCount() -> Int {
        table.withLock { $0.blocks.count }
    }

    package func summary(of block: Int) -> BlockSummary {
        table.withLock { $0.blocks[block].summary }
    }

    package func block(_ index: Int) throws(LogError) -> Block {
        try records(table.withLock { $0.ordinals(of: index) })
    }

    package func passingBlock(_ index: Int) throws(LogError) -> Block {
        try block(index)
    }

    package func transferBlock(_ index: Int, to bytes: inout [UInt8]) throws(LogError) {
        TransferBlock.append(try block(index), to: &bytes)
    }

    package func recheck(_ index: Int) throws(LogError) -> Int {
        let (ordinals, start, end) = table.withLock { table in
            (table.ordinals(of: index), table.blocks[index].start, table.blocks[index].end)
        }
        file.forget(at: FileOffset(start), count: Int(end - start))
        _ = try load(ordinals)
        register.clear(place(of: start))
        return Int(end - start)
    }

    /// Records that are indexed in less than a millisecond.
    private static let soonIndexed = 512

    package var hasIndexAtHand: Bool {
        let count = recordCount
        // Whoever has it is indexing.
        return index.withLockIfAvailable { count - $0.ordinal <= Self.soonIndexed } ?? false
    }

    package func blocks(holding key: [UInt8]) throws(LogError) -> BlockList {
        try withIndex { .some(key.withUnsafeBytes($0.postings.blocks)) } ?? .unknown
    }

    package func recordCount(holding key: [UInt8]) throws(LogError) -> Int? {
        try withIndex { key.withUnsafeBytes($0.postings.recordCount) }
    }

    /// Makes the records of a durable frame visible. Called by the writer alone.
    func publish(_ frame: CommitFrame, at bodyOffset: FileOffset) {
        table.withLock { table in
            var offset = bodyOffset
            var id = frame.firstID
            for piece in frame.pieces {
                var rest = piece.buffer.bytes(piece.range)
                while !rest.isEmpty {
                    let bytes = Int(rest.littleEndian(at: RecordFormat.lengthOffset, as: UInt32.self))
                    table.add(
                        at: offset,
                        bytes: bytes,
                        id: id,
                        time: RecordTime(rest.littleEndian(at: RecordFormat.timeOffset)),
                        recordedAt: frame.recordedAt
                    )
                    offset = offset + bytes
                    id = id.next
                    rest = UnsafeRawBufferPointer(rebasing: rest[bytes...])
                }
            }
        }
    }

    /// Runs `body` on an index that covers everything published so far; nil where a record is damaged, so that there is
    /// none. Keys are indexed when somebody first asks, so that an append pays nothing for them.
    private func withIndex<Result>(_ body: (borrowing Index) -> Result) throws(LogError) -> Result? {
        try index.withLock { index throws(LogError) in
            while let next = unindexed(from: index.ordinal) {
                let loaded: Block
                do throws(LogError) {
                    loaded = try records(next.ordinals)
                } catch .corrupt {
                    // A damaged block must not keep readers from the others: they look at every block and meet it there.
                    return nil
                }
                loaded.bytes.withUnsafeBytes { bytes in
                    for entry in loaded.entries {
                        index.postings.add(
                            UnsafeRawBufferPointer(rebasing: bytes[entry.body]),
                            block: UInt32(next.block)
                        )
                    }
                }
                index.ordinal = next.ordinals.upperBound
            }
            return body(index)
        }
    }

    /// The next records that the index lacks: those of one block.
    private func unindexed(from ordinal: Int) -> (block: Int, ordinals: Range<Int>)? {
        table.withLock { table in
            guard ordinal < table.offsets.count else { return nil }
            var low = 0
            var high = table.blocks.count
            while low < high {
                let middle = (low + high) / 2
                if table.ordinals(of: middle).upperBound <= ordinal { low = middle + 1 } else { high = middle }
            }
            return (low, ordinal..<table.ordinals(of: low).upperBound)
        }
    }

    /// Reads records by ordinal; all must lie in one block. Each record's checksum is verified.
    private func records(_ ordinals: Range<Int>) throws(LogError) -> Block {
        guard !ordinals.isEmpty else { return Block(bytes: [], entries: []) }
        let block = table.withLock { $0.blocks[blockIndex(of: ordinals.lowerBound, in: $0)] }
        if let reason = register.reason(against: place(of: block.start)) { throw damaged(block, reason) }
        return try load(ordinals)
    }

    /// Reads records from the disk; where they are damaged, that is noted and thrown, for the whole block.
    private func load(_ ordinals: Range<Int>) throws(LogError) -> Block {
        let (offsets, block) = table.withLock { table in
            (Array(table.offsets[ordinals]), table.blocks[blockIndex(of: ordinals.lowerBound, in: table)])
        }
        // The block of these ordinals has consecutive ids.
        let firstID = block.summary.firstID.advanced(by: ordinals.lowerBound - block.firstOrdinal)
        let reason: String
        do throws(LogError) {
            switch try read(offsets, from: firstID) {
            case .success(let block): return block
            case .failure(let flaw): reason = "\(flaw.rawValue) in \(path)"
            }
        } catch {
            guard error.isUnreadableMedium else { throw error }
            reason = "\(error)"
        }
        throw damaged(block, reason)
    }

    private func damaged(_ block: RawTable.RawBlock, _ reason: String) -> LogError {
        register.note(place(of: block.start), block.summary.firstID...block.summary.lastID, reason: reason)
    }

    private enum Flaw: String, Error {
        case length = "a record's length is damaged"
        case end = "the file ends before its records"
        case checksum = "a record's checksum does not match"
    }

    private func read(_ offsets: [UInt32], from firstID: RecordID) throws(LogError) -> Result<Block, Flaw> {
        guard let first = offsets.first, let last = offsets.last else { return .success(Block(bytes: [], entries: [])) }
        func bytes(_ offset: UInt32, _ count: Int) throws(LogError) -> [UInt8]? {
            try onDisk { () throws(DiskError) in try file.bytes(at: FileOffset(offset), count: count) }
        }
        guard let tail = try bytes(last, RecordFormat.headerBytes) else { return .failure(.end) }
        let lastBytes = Int(tail.withUnsafeBytes { $0.littleEndian(at: RecordFormat.lengthOffset, as: UInt32.self) })
        guard (RecordFormat.headerBytes...(1 << 30)).contains(lastBytes) else { return .failure(.length) }
        guard let bytes = try bytes(first, Int(last - first) + lastBytes) else { return .failure(.end) }
        var entries: [Block.Entry] = []
        entries.reserveCapacity(offsets.count)
        let intact = bytes.withUnsafeBytes { bytes in
            for (index, offset) in offsets.enumerated() {
                let start = Int(offset - first)
                let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
                guard let record = RawRecord(rest), record.id == firstID.advanced(by: index) else { return false }
                entries.append(
                    Block.Entry(
                        id: record.id,
                        time: record.time,
                        recordedAt: record.recordedAt,
                        body: start + RecordFormat.headerBytes..<start + record.bytes
                    )
                )
            }
            return true
        }
        return intact ? .success(Block(bytes: bytes, entries: entries)) : .failure(.checksum)
    }

    private func place(of start: UInt32) -> DamageRegister.Place {
        DamageRegister.Place(segment: header.identity.segment, offset: UInt64(start))
    }

    private func blockIndex(of ordinal: Int, in table: borrowing RawTable) -> Int {
        var low = 0
        var high = table.blocks.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if table.blocks[middle].firstOrdinal <= ordinal { low = middle } else { high = middle - 1 }
        }
        return low
    }
}

/// The header of a record; one that has been found whole where nothing else is said: its checksum matches.
struct RawRecord {
    let bytes: Int
    let id: RecordID
    let time: RecordTime
    let recordedAt: RecordTime
    let crc: UInt32

    /// The length that the record which begins `rest` claims for itself; nil where it cannot be true.
    static func length(_ rest: UnsafeRawBufferPointer) -> Int? {
        guard rest.count > RecordFormat.headerBytes else { return nil }
        let length = Int(rest.littleEndian(at: RecordFormat.lengthOffset, as: UInt32.self))
        return length > RecordFormat.headerBytes && length <= rest.count ? length : nil
    }

    /// Reads the record that begins `rest`; nil where it is damaged or does not end within.
    init?(_ rest: UnsafeRawBufferPointer) {
        guard let length = Self.length(rest) else { return nil }
        self.init(claimedBy: rest)
        guard Checksum.crc32(UnsafeRawBufferPointer(rebasing: rest[4..<length])) == crc else { return nil }
    }

    /// What the header that begins `rest` says, be it true or not.
    init(claimedBy rest: UnsafeRawBufferPointer) {
        crc = rest.littleEndian(at: RecordFormat.crcOffset)
        bytes = Int(rest.littleEndian(at: RecordFormat.lengthOffset, as: UInt32.self))
        id = RecordID(rest.littleEndian(at: RecordFormat.idOffset))
        time = RecordTime(rest.littleEndian(at: RecordFormat.timeOffset))
        recordedAt = RecordTime(rest.littleEndian(at: RecordFormat.recordedAtOffset))
    }
}
