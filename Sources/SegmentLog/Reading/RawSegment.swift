// Owns: reading a raw segment: the active one, or one that waits to be sealed. Knows only what is durable: the writer
// publishes a frame here after its sync.
//
// Of a closed segment its trailer says enough until somebody wants a record: only then is it walked, and what turns out
// damaged is a hole in its table, which whoever comes to it is told of.

package import Disk
import Synchronization

/// A raw segment as readers see it.
package final class RawSegment: Segment {
    let file: any DiskFile
    package let header: FileHeader
    /// Ranges of ids below the durable tail that could not be read when the segment was opened.
    package let damage: [ClosedRange<RecordID>]
    /// What the segment says of itself, where it was opened closed and nobody has walked it then.
    private let trailer: RawTrailer?
    private let register: DamageRegister
    private let contents: Mutex<Contents>
    private let index = Mutex(Index())
    private let retirement = Mutex(Retirement())
    /// Held while the file is walked.
    private let walking = Mutex(())

    private struct Contents {
        var table = RawTable()
        var controls: [ControlRecord] = []
        /// Whether the table holds what the file does.
        var isWalked = true
    }

    /// What happens when the last reader has let go of the segment.
    private struct Retirement {
        var action: (@Sendable () -> Void)?
    }

    private struct Index {
        var postings = Postings()
        /// Records below this ordinal are in the postings.
        var ordinal = 0
    }

    private init(
        _ file: any DiskFile,
        _ header: FileHeader,
        _ register: DamageRegister,
        _ contents: consuming sending Contents,
        damage: [ClosedRange<RecordID>] = [],
        trailer: RawTrailer? = nil
    ) {
        self.file = file
        self.header = header
        self.register = register
        self.damage = damage
        self.trailer = trailer
        self.contents = Mutex(contents)
    }

    /// A new segment, which holds the records of some frames, or none.
    convenience init(file: any DiskFile, header: FileHeader, register: DamageRegister, found walks: [FrameWalk]) {
        var contents = Contents()
        for walk in walks {
            contents.table.add(walk)
            contents.controls += walk.controls.compactMap(\.self)
        }
        self.init(file, header, register, contents)
    }

    /// The segment as a scan of its file has found it.
    package convenience init(
        file: any DiskFile,
        header: FileHeader,
        register: DamageRegister,
        found: TailScanner.Outcome
    ) {
        let contents = Contents(table: found.table, controls: found.controls)
        self.init(file, header, register, contents, damage: found.damage)
    }

    /// A closed segment, of which only the trailer has been read; it has no control records.
    convenience init(file: any DiskFile, header: FileHeader, register: DamageRegister, trailer: RawTrailer) {
        precondition(trailer.controlCount == 0, "control records are known from the start")
        self.init(file, header, register, Contents(isWalked: false), trailer: trailer)
    }

    deinit {
        retirement.withLock(\.action)?()
    }

    /// Has `action` run when the last reader has let go of the segment: its file can be written anew.
    func retire(_ action: @escaping @Sendable () -> Void) {
        retirement.withLock { $0.action = action }
    }

    package var path: String { file.path }
    package var id: UniqueID { header.identity.segment }
    package var base: RecordID { header.base }

    package var lastID: RecordID? {
        trailer?.lastID ?? contents.withLock { $0.table.blocks.last?.summary.lastID }
    }

    var lastRecordedAt: RecordTime? {
        trailer?.lastRecordedAt ?? contents.withLock { $0.table.lastRecordedAt }
    }

    var recordCount: Int {
        trailer.map { Int($0.recordCount) } ?? contents.withLock { $0.table.offsets.count }
    }

    /// How many records there are by the trailer; nil where there is none, or the file has been walked.
    var unwalkedCount: Int? {
        guard let trailer, contents.withLock({ !$0.isWalked }) else { return nil }
        return Int(trailer.recordCount)
    }

    /// Bytes of all records, headers included.
    var recordBytes: Int {
        trailer.map { Int($0.recordBytes) } ?? contents.withLock { $0.table.recordBytes }
    }

    /// Bytes of all bodies: keys and payloads.
    var bodyBytes: Int {
        recordBytes - recordCount * RecordFormat.headerBytes
    }

    var firstRecordedAt: RecordTime? {
        trailer?.firstRecordedAt ?? contents.withLock { $0.table.blocks.first?.summary.firstRecordedAt }
    }

    package func controls() -> [ControlRecord] {
        contents.withLock { $0.controls }
    }

    /// What the trailer of the segment is to say, if it were closed now, its frames ending at `end`; nil where it has no record,
    /// or some that could not be read.
    func trailer(end: FileOffset) -> RawTrailer? {
        contents.withLock { contents in
            let blocks = contents.table.blocks
            guard let first = blocks.first, let last = blocks.last, !contents.table.hasHoles else { return nil }
            return RawTrailer(
                end: end,
                firstID: first.summary.firstID,
                lastID: last.summary.lastID,
                recordCount: UInt64(contents.table.offsets.count),
                controlCount: UInt64(contents.controls.count),
                recordBytes: UInt64(contents.table.recordBytes),
                firstRecordedAt: first.summary.firstRecordedAt,
                lastRecordedAt: last.summary.lastRecordedAt,
                leastTime: blocks.lazy.map(\.summary.minimumTime).min() ?? .minimum,
                greatestTime: blocks.lazy.map(\.summary.maximumTime).max() ?? .maximum
            )
        }
    }

    /// Runs `body` on the table, which holds all that is durable.
    private func withTable<Result>(_ body: (borrowing RawTable) -> Result) throws(LogError) -> Result {
        if !contents.withLock({ $0.isWalked }) { try walk() }
        return contents.withLock { body($0.table) }
    }

    /// Walks the file of a closed segment, once.
    private func walk() throws(LogError) {
        try walking.withLock { _ throws(LogError) in
            guard let trailer, !contents.withLock({ $0.isWalked }) else { return }
            let found = try scan(upTo: trailer.lastID)
            let table = found.table
            contents.withLock { contents in
                contents.table = table
                contents.isWalked = true
            }
            for ids in found.damage { _ = damaged(ids, at: Self.placeOfHole(ids), "damaged on disk") }
        }
    }

    /// Where the disk will not give all of it back, all of it is a hole, until the log is opened again.
    private func scan(upTo last: RecordID) throws(LogError) -> TailScanner.Outcome {
        do throws(LogError) {
            return try TailScanner.scan(file, header: header, nextBase: last.next)
        } catch {
            guard error.isUnreadableMedium else { throw error }
            var hole = TailScanner.Outcome(nextID: last.next)
            hole.table.addHole(base...last)
            hole.damage = [base...last]
            return hole
        }
    }

    package func blockCount() throws(LogError) -> Int {
        try withTable { $0.blocks.count }
    }

    package func summary(of block: Int) throws(LogError) -> BlockSummary {
        try withTable { $0.blocks[block].summary }
    }

    package func block(_ index: Int) throws(LogError) -> Block {
        let (block, ordinals) = try withTable { ($0.blocks[index], $0.ordinals(of: index)) }
        return try records(ordinals, of: block)
    }

    /// Reads that record alone.
    package func record(_ id: RecordID) throws(LogError) -> Record? {
        let place = try withTable { table -> (block: RawTable.RawBlock, ordinals: Range<Int>)? in
            guard let index = table.block(holding: id) else { return nil }
            let block = table.blocks[index]
            // An id that cannot be read has no ordinal; what is thrown for its block is told from the block alone.
            let ordinal = block.summary.isUnreadable ? block.firstOrdinal : block.ordinal(of: id)
            return (block, ordinal..<ordinal + 1)
        }
        guard let place else { return nil }
        return try records(place.ordinals, of: place.block).record(id)
    }

    package func passingBlock(_ index: Int) throws(LogError) -> Block {
        try block(index)
    }

    package func transferBlock(_ index: Int, to bytes: inout [UInt8]) throws(LogError) {
        TransferBlock.append(try block(index), to: &bytes)
    }

    package func recheck(_ index: Int) throws(LogError) -> Int {
        let (block, ordinals) = try withTable { ($0.blocks[index], $0.ordinals(of: index)) }
        if ordinals.isEmpty { throw hole(block) }
        file.forget(at: FileOffset(block.start), count: Int(block.end - block.start))
        _ = try load(ordinals, of: block)
        register.clear(place(at: UInt64(block.start)))
        return Int(block.end - block.start)
    }

    /// Records that are indexed in less than a millisecond.
    private static let soonIndexed = 512

    package var hasIndexAtHand: Bool {
        let count = recordCount
        // Whoever has it is indexing.
        return index.withLockIfAvailable { count - $0.ordinal <= Self.soonIndexed } ?? false
    }

    package func blocks(holding key: [UInt8], for work: Work?) throws(LogError) -> BlockList {
        try withIndex(for: work) { .some(key.withUnsafeBytes($0.postings.blocks)) } ?? .unknown
    }

    package func recordCount(holding key: [UInt8], for work: Work?) throws(LogError) -> Int? {
        try withIndex(for: work) { key.withUnsafeBytes($0.postings.recordCount) }
    }

    /// Makes the records of a durable frame visible. Called by the writer alone.
    func publish(_ frame: CommitFrame, controls: [ControlRecord], at bodyOffset: FileOffset) {
        contents.withLock { contents in
            contents.controls += controls
            var offset = bodyOffset
            var id = frame.firstID
            for piece in frame.pieces {
                var rest = piece.buffer.bytes(piece.range)
                while !rest.isEmpty {
                    let bytes = Int(rest.littleEndian(at: RecordFormat.lengthOffset, as: UInt32.self))
                    contents.table.add(
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

    private enum IndexStep<Result> {
        case over(Result?)
        case more
    }

    /// Runs `body` on an index that covers everything published so far; nil where a record is damaged, so that there is
    /// none. Keys are indexed when somebody first asks, so that an append pays nothing for them: a block at a time, so that
    /// who has little time is not kept by who has much to index. Throws `ended` where the work ends between two.
    private func withIndex<Result>(
        for work: Work?,
        _ body: (borrowing Index) -> Result
    ) throws(LogError) -> Result? {
        while true {
            let step = try index.withLock { index throws(LogError) -> IndexStep<Result> in
                // What is lost might have had the key.
                guard try withTable({ !$0.hasHoles }) else { return .over(nil) }
                guard let next = try unindexed(from: index.ordinal) else { return .over(body(index)) }
                let loaded: Block
                do throws(LogError) {
                    loaded = try records(next.ordinals, of: next.block)
                } catch .corrupt {
                    // A damaged block must not keep readers from the others: they look at every block and meet it there.
                    return .over(nil)
                }
                loaded.bytes.withUnsafeBytes { bytes in
                    for entry in loaded.entries {
                        index.postings.add(
                            UnsafeRawBufferPointer(rebasing: bytes[entry.body]),
                            block: UInt32(next.index)
                        )
                    }
                }
                index.ordinal = next.ordinals.upperBound
                return .more
            }
            if case .over(let result) = step { return result }
            try work?.check()
        }
    }

    /// The next records that the index lacks: those of one block.
    private func unindexed(
        from ordinal: Int
    ) throws(LogError) -> (index: Int, block: RawTable.RawBlock, ordinals: Range<Int>)? {
        try withTable { table in
            guard ordinal < table.offsets.count else { return nil }
            var low = 0
            var high = table.blocks.count
            while low < high {
                let middle = (low + high) / 2
                if table.ordinals(of: middle).upperBound <= ordinal { low = middle + 1 } else { high = middle }
            }
            return (low, table.blocks[low], ordinal..<table.ordinals(of: low).upperBound)
        }
    }

    /// Reads records of one block by ordinal. Each record's checksum is verified.
    private func records(_ ordinals: Range<Int>, of block: RawTable.RawBlock) throws(LogError) -> Block {
        if block.summary.isUnreadable { throw hole(block) }
        if let reason = register.reason(against: place(at: UInt64(block.start))) { throw damaged(block, reason) }
        return try load(ordinals, of: block)
    }

    /// Reads records from the disk; where they are damaged, that is noted and thrown, for the whole block.
    private func load(_ ordinals: Range<Int>, of block: RawTable.RawBlock) throws(LogError) -> Block {
        // Copied, or the writer would have to copy all of them to add one.
        let (offsets, end) = contents.withLock {
            (Array($0.table.offsets[ordinals]), $0.table.end(of: ordinals, in: block))
        }
        // The block of these ordinals has consecutive ids.
        let firstID = block.summary.firstID.advanced(by: ordinals.lowerBound - block.firstOrdinal)
        let reason: String
        do throws(LogError) {
            switch try RawRecords.read(file, offsets, end: end, from: firstID) {
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
        damaged(block.summary.firstID...block.summary.lastID, at: UInt64(block.start), reason)
    }

    private func hole(_ block: RawTable.RawBlock) -> LogError {
        let ids = block.summary.firstID...block.summary.lastID
        return damaged(ids, at: Self.placeOfHole(ids), "damaged on disk")
    }

    private func damaged(_ ids: ClosedRange<RecordID>, at offset: UInt64, _ reason: String) -> LogError {
        register.note(place(at: offset), ids, reason: reason)
    }

    private func place(at offset: UInt64) -> DamageRegister.Place {
        DamageRegister.Place(segment: header.identity.segment, offset: offset)
    }

    /// Holes have no offset; their first id tells them apart.
    private static func placeOfHole(_ ids: ClosedRange<RecordID>) -> UInt64 {
        UInt64.max - ids.lowerBound.rawValue
    }
}
