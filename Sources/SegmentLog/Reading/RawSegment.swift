// Owns: reading a raw segment: the active one, or one that waits to be sealed. Knows only what is durable: the writer
// publishes a frame here after its sync. How keys are looked up is told beside this file.
//
// Of a closed segment its trailer says enough until somebody wants a record; then its key file says where the blocks lie.
// Where it has none the file is walked, once, and what turns out damaged is a hole in its table, which whoever comes to it is
// told of.
//
// Where no more is known than the blocks, and one of them turns out damaged, the file is walked as well. What the walk finds
// has other blocks: it is another segment, which takes this one's place for whoever asks from then on.

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
    let register: DamageRegister
    private let contents: Mutex<RawContents>
    /// What its keys lead to, as long as no file says so.
    let index = Mutex(RawIndex())
    private let lease: FileLease
    /// Held while the table is read, or the file walked.
    private let walking = Mutex(())
    private let successor = Mutex<RawSegment?>(nil)

    private init(
        _ file: any DiskFile,
        _ header: FileHeader,
        _ register: DamageRegister,
        _ contents: consuming sending RawContents,
        damage: [ClosedRange<RecordID>] = [],
        trailer: RawTrailer? = nil,
        lease: FileLease = FileLease()
    ) {
        self.file = file
        self.header = header
        self.register = register
        self.damage = damage
        self.trailer = trailer
        self.lease = lease
        self.contents = Mutex(contents)
    }

    /// A new segment, which holds the records of some frames, or none.
    convenience init(file: any DiskFile, header: FileHeader, register: DamageRegister, found walks: [FrameWalk]) {
        var contents = RawContents()
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
        let contents = RawContents(table: found.table, controls: found.controls, isPlain: found.isPlain)
        self.init(file, header, register, contents, damage: found.damage)
    }

    /// A closed segment, of which only the trailer has been read; it has no control records.
    convenience init(file: any DiskFile, header: FileHeader, register: DamageRegister, trailer: RawTrailer) {
        precondition(trailer.controlCount == 0, "control records are known from the start")
        self.init(file, header, register, RawContents(hasTable: false, isClosed: true), trailer: trailer)
    }

    /// Has `action` run when the last reader has let go of the segment: its file can be written anew.
    func retire(_ action: @escaping @Sendable () -> Void) {
        lease.retirement.withLock { $0.action = action }
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
        trailer.map { Int($0.recordCount) } ?? contents.withLock { $0.table.recordCount }
    }

    /// How many records there are by the trailer; nil where there is none, or more is known.
    var unwalkedCount: Int? {
        guard let trailer, contents.withLock({ !$0.hasTable }) else { return nil }
        return Int(trailer.recordCount)
    }

    /// Whether the file has to be walked before anything can be asked.
    var isToBeWalked: Bool { contents.withLock { !$0.hasTable && $0.keys == nil } }

    /// Bytes of all records, headers included.
    var recordBytes: Int {
        trailer.map { Int($0.recordBytes) } ?? contents.withLock { $0.table.recordBytes }
    }

    package var bodyBytes: Int {
        // Both at one moment: it may be growing.
        let (bytes, count) =
            trailer.map { (Int($0.recordBytes), Int($0.recordCount)) }
            ?? contents.withLock { ($0.table.recordBytes, $0.table.recordCount) }
        return bytes - count * RecordFormat.headerBytes
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
                recordCount: UInt64(contents.table.recordCount),
                controlCount: UInt64(contents.controls.count),
                recordBytes: UInt64(contents.table.recordBytes),
                firstRecordedAt: first.summary.firstRecordedAt,
                lastRecordedAt: last.summary.lastRecordedAt,
                leastTime: blocks.lazy.map(\.summary.minimumTime).min() ?? .minimum,
                greatestTime: blocks.lazy.map(\.summary.maximumTime).max() ?? .maximum
            )
        }
    }

    /// What it says of itself, but for where its frames end; nil where it has no record, or some that could not be read.
    var account: RawTrailer? { trailer ?? trailer(end: FrameHeader.firstOffset) }

    // MARK: What is known of a closed one

    var isClosed: Bool { contents.withLock(\.isClosed) }

    /// Nothing is appended to it any more.
    func close() {
        contents.withLock { contents in
            contents.isClosed = true
            contents.forgetRecords()
        }
    }

    var keys: KeyFile? { contents.withLock(\.keys) }

    package func keyIndex() -> KeyIndex? { keys?.index }

    /// Takes the file that says what its keys lead to. False where that is of other blocks than are known.
    func attach(_ keys: KeyFile) throws(LogError) -> Bool {
        if contents.withLock(\.hasTable) {
            guard let table = try keys.table(), contents.withLock({ $0.table.listed.entries == table.entries }) else {
                return false
            }
        }
        contents.withLock { $0.keys = keys }
        index.withLock { $0 = RawIndex() }
        return true
    }

    /// Lets go of a key file that has turned out damaged; another can be made.
    package func letGoOfKeys() {
        contents.withLock { $0.keys = nil }
    }

    /// Its blocks, for a key file; nil where some of it cannot be read, so that it is to have none.
    func listedTable() throws(LogError) -> BlockTable? {
        try withTable { $0.hasHoles ? nil : $0.listed }
    }

    // MARK: Where its records lie

    /// Runs `body` on the table, which holds all that is durable.
    func withTable<Result>(_ body: (borrowing RawTable) -> Result) throws(LogError) -> Result {
        if !contents.withLock({ $0.hasTable }) { try findTable() }
        return contents.withLock { body($0.table) }
    }

    /// Reads the table of a closed segment from its key file, or walks its own.
    private func findTable() throws(LogError) {
        try walking.withLock { _ throws(LogError) in
            guard let trailer, !contents.withLock({ $0.hasTable }) else { return }
            if let keys {
                if let table = try keys.table() {
                    let listed = RawTable(table, recordBytes: Int(trailer.recordBytes))
                    return contents.withLock { ($0.table, $0.hasTable) = (listed, true) }
                }
                letGoOfKeys()
            }
            let found = try scan(upTo: trailer.lastID)
            let (table, isPlain) = (found.table, found.isPlain)
            contents.withLock { contents in
                (contents.table, contents.isPlain, contents.hasTable) = (table, isPlain, true)
                contents.forgetRecords()
            }
        }
    }

    /// Walks the file, and notes what is damaged. Where the disk will not give all of it back, all of it is a hole, until the
    /// log is opened again.
    private func scan(upTo last: RecordID) throws(LogError) -> TailScanner.Outcome {
        let found: TailScanner.Outcome
        do throws(LogError) {
            found = try TailScanner.scan(file, header: header, nextBase: last.next)
        } catch {
            guard error.isUnreadableMedium else { throw error }
            var hole = TailScanner.Outcome(nextID: last.next)
            hole.table.addHole(base...last)
            hole.damage = [base...last]
            found = hole
        }
        for ids in found.damage { _ = damaged(ids, at: Self.placeOfHole(ids), "damaged on disk") }
        return found
    }

    /// The segment as a walk of its file finds it now, where no more is known than its blocks; otherwise itself.
    func walked() throws(LogError) -> RawSegment {
        guard let last = lastID, contents.withLock({ !$0.hasTable || !$0.table.knowsRecords }) else { return self }
        let found = try scan(upTo: last)
        let contents = RawContents(table: found.table, controls: controls(), isClosed: true, isPlain: false)
        return RawSegment(file, header, register, contents, damage: damage, trailer: trailer, lease: lease)
    }

    package var latest: any Segment { successor.withLock(\.self) ?? self }

    /// Has the file walked once more, since a block of it is not what it should be.
    private func succeed() throws(LogError) {
        try walking.withLock { _ throws(LogError) in
            guard successor.withLock({ $0 == nil }) else { return }
            let walked = try walked()
            successor.withLock { $0 = walked }
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
        do throws(LogError) {
            return try records(place.ordinals, of: place.block).record(id)
        } catch {
            guard let successor = successor.withLock(\.self) else { throw error }
            return try successor.record(id)
        }
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

    /// Reads records of one block by ordinal. Each record's checksum is verified.
    func records(_ ordinals: Range<Int>, of block: RawTable.RawBlock) throws(LogError) -> Block {
        if block.summary.isUnreadable { throw hole(block) }
        if let reason = register.reason(against: place(at: UInt64(block.start))) { throw damaged(block, reason) }
        return try load(ordinals, of: block)
    }

    /// Reads records from the disk. Where they are damaged that is noted and thrown, for the whole block; or, where only the
    /// block is known, a walk tells which of them are.
    private func load(_ ordinals: Range<Int>, of block: RawTable.RawBlock) throws(LogError) -> Block {
        // Copied, or the writer would have to copy all of them to add one.
        let places = contents.withLock { contents in
            contents.table.knowsRecords
                ? (Array(contents.table.offsets[ordinals]), contents.table.end(of: ordinals, in: block)) : nil
        }
        let reason: String
        do throws(LogError) {
            switch try read(ordinals, of: block, places) {
            case .success(let block): return block
            case .failure(let flaw): reason = "\(flaw.rawValue) in \(path)"
            }
        } catch {
            guard error.isUnreadableMedium else { throw error }
            reason = "\(error)"
        }
        guard places == nil else { throw damaged(block, reason) }
        try succeed()
        throw .corrupt(block.summary.firstID...block.summary.lastID, reason: reason)
    }

    private func read(
        _ ordinals: Range<Int>,
        of block: RawTable.RawBlock,
        _ places: (offsets: [UInt32], end: UInt32)?
    ) throws(LogError) -> Result<Block, RawRecords.Flaw> {
        let first = ordinals.lowerBound - block.firstOrdinal
        guard let places else {
            let seed = header.identity.seed
            return try RawRecords.read(file, block, seed: seed).map { whole in
                guard ordinals.count < whole.count else { return whole }
                return Block(bytes: whole.bytes, entries: Array(whole.entries[first..<first + ordinals.count]))
            }
        }
        // The block of these ordinals has consecutive ids.
        let firstID = block.summary.firstID.advanced(by: first)
        return try RawRecords.read(file, places.offsets, end: places.end, from: firstID)
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
