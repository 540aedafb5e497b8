// Owns: turning a closed raw segment into a sealed one, in the background.
//
// The sealed file is written under a temporary name, synced, read back and compared with its source record by record,
// and only then renamed. A crash at any point leaves either the raw segment, or both, of which recovery takes the sealed
// one. The raw file is used anew when its last reader has gone; its key file goes with it.

internal import Disk
import Synchronization

extension SegmentLog {
    /// Seals the oldest closed raw segment that can be sealed; hurriedly at the fastest level, which compaction makes up for. `pace`
    /// is called between blocks and may sleep; where it returns false the work is abandoned. Returns whether a segment was sealed.
    package func sealOldest(hurriedly: Bool = false, pace: () -> Bool = { true }) throws(LogError) -> Bool {
        try maintenance.withLock { _ throws(LogError) in try sealNext(hurriedly: hurriedly, pace: pace) }
    }

    /// The same for who has the lock.
    func sealNext(hurriedly: Bool, pace: () -> Bool) throws(LogError) -> Bool {
        for segment in view.segments.dropLast() {
            guard let raw = segment as? RawSegment, let last = raw.lastID, canSeal(raw) else { continue }
            // One that turns out damaged is in the register from then on, and does not keep those behind it waiting.
            return try seal(raw, through: last, level: hurriedly ? 1 : options.sealingLevel, pace: pace)
        }
        return false
    }

    /// A segment with damage stays raw: its file is the evidence, and may hold more than was read. So does one that only a later
    /// version may write anew.
    func canSeal(_ raw: RawSegment) -> Bool {
        raw.damage.isEmpty && !isSpoiled(raw.header) && raw.header.features.canWrite
    }

    /// The sealed segment answers for no id beyond `last`: between it and the next segment may stand a file that the disk
    /// would not give back when the log was opened, and whoever answers for its ids sentences it to be removed.
    private func seal(
        _ raw: RawSegment,
        through last: RecordID,
        level: Int,
        pace: () -> Bool
    ) throws(LogError) -> Bool {
        let covering = raw.base...last
        let source = raw.latest
        let sealed = try spares.withReserve { () throws(LogError) in
            try writeSealed([source], covering: covering, level: level, pace: pace)
        }
        guard let sealed else { return false }
        replace([raw], with: sealed)
        let (spares, path) = (spares, raw.path)
        raw.retire { spares.retire(path) }
        return true
    }

    /// Writes the records of `sources` into one sealed segment, verifies it, and puts it in place under the name of the
    /// first. Nil where `pace` said to stop. Blocks that are packed already go as they are where `asPacked` says so, and each source
    /// has an index.
    func writeSealed(
        _ sources: [any Segment],
        covering: ClosedRange<RecordID>,
        level: Int,
        asPacked: Bool = false,
        pace: () -> Bool
    ) throws(LogError) -> SealedSegment? {
        let packed = asPacked ? try packed(sources) : nil
        let path = directory.sealed(covering.lowerBound)
        let identity = SegmentIdentity(store: store.store, segment: .random())
        var isComplete = false
        let (file, written) = try createTemporary(for: path, of: identity.segment)
        defer { if !isComplete { try? disk.remove(written) } }
        let header = FileHeader(
            kind: .sealed,
            identity: identity,
            base: covering.lowerBound,
            createdAt: sources[0].header.createdAt,
            origin: sources[sources.count - 1].header.origin,
            predecessor: sources[0].header.predecessor
        )
        let controls = try current(of: sources)
        var writer = try SealedWriter(
            file,
            header: header,
            covering: covering,
            level: level,
            blockBytes: options.blockBytes,
            crew: options.crew
        )
        var keys: [KeyCursor] = []
        if let packed {
            for (source, cursor) in packed {
                guard try move(source, cursor, to: &writer, pace: pace) else { return nil }
                keys.append(cursor)
            }
        } else {
            for source in sources {
                guard let cursor = try move(source, to: &writer, pace: pace) else { return nil }
                keys.append(cursor)
            }
        }
        do throws(LogError) {
            guard try writer.finish(KeyMerge(keys), controls: controls, pace: pace) else { return nil }
        } catch {
            guard keys.contains(where: \.isDamaged) else { throw error }
            for (source, keys) in zip(sources, keys) where keys.isDamaged { source.letGoOfKeys() }
            // Once more, and without those.
            return try writeSealed(sources, covering: covering, level: level, asPacked: asPacked, pace: pace)
        }
        guard try isFaithful(file, to: sources, asPacked: packed != nil, controls, pace: pace) else { return nil }
        let sealed = try onDisk { () throws(DiskError) in
            try disk.rename(written, to: path)
            isComplete = true
            try disk.syncDirectory(directory.log)
            return try disk.open(path, .read)
        }
        return try SealedSegment(sealed, store: store.store, cache: cache, register: register)
    }

    /// Writes the records of a source. Its blocks stay together, and its index goes on to say which of them have a key; where there
    /// is none, or its blocks are too large, they are cut anew and what they hold is looked for. Nil where `pace` said to stop.
    private func move(
        _ source: any Segment,
        to writer: inout SealedWriter,
        pace: () -> Bool
    ) throws(LogError) -> KeyCursor? {
        let count = try source.blockCount()
        if source.bodyBytes <= 2 * options.blockBytes * count, let index = try source.keyIndex(),
            let keys = try KeyCursor(index, blockCount: count)
        {
            for number in 0..<count {
                guard pace() else { return nil }
                keys.move(to: try writer.add(try source.passingBlock(number)))
            }
            return keys
        }
        var keys = Postings()
        for number in 0..<count {
            guard pace() else { return nil }
            let block = try source.passingBlock(number)
            for entry in block.entries.indices {
                let record = Record(block, entry)
                let place = try writer.add(record)
                record.withBody { keys.add($0, block: place) }
            }
        }
        return try KeyCursor(keys)
    }

    /// The sources with what their keys lead to; nil where one is not packed, or has no index.
    private func packed(_ sources: [any Segment]) throws(LogError) -> [(SealedSegment, KeyCursor)]? {
        var packed: [(SealedSegment, KeyCursor)] = []
        for source in sources {
            guard let source = source as? SealedSegment, let index = try source.keyIndex(),
                let keys = try KeyCursor(index, blockCount: try source.blockCount())
            else { return nil }
            packed.append((source, keys))
        }
        return packed
    }

    /// Writes the blocks of a source as they are. False where `pace` said to stop.
    private func move(
        _ source: SealedSegment,
        _ keys: KeyCursor,
        to writer: inout SealedWriter,
        pace: () -> Bool
    ) throws(LogError) -> Bool {
        for number in 0..<(try source.blockCount()) {
            guard pace() else { return false }
            keys.move(to: try writer.add(try source.packedBlock(number)))
        }
        writer.add(bodyBytes: source.footer.recordBytes)
        return true
    }

    /// Makes the file that will be given the name `path`.
    func createTemporary(for path: String, of segment: UniqueID) throws(LogError) -> (any DiskFile, path: String) {
        try onDisk { () throws(DiskError) in
            let temporary = path + LogDirectory.temporarySuffix
            do throws(DiskError) {
                return (try disk.open(temporary, .createOrTruncate), temporary)
            } catch {
                // Somebody has put something else there: then by a name that nobody can have taken.
                guard error.isNotRegularFile else { throw error }
                let unique = "\(path).\(segment.digits)\(LogDirectory.temporarySuffix)"
                return (try disk.open(unique, .createNew), unique)
            }
        }
    }

    /// What of the store's own records in these segments still counts, each once: a frame of them that was moved to another
    /// segment stands in both.
    private func current(of sources: [any Segment]) throws(LogError) -> [ControlRecord] {
        let state = controls
        var current: [UInt64: ControlRecord] = [:]
        for source in sources {
            for control in try source.controls() where state.isCurrent(control) { current[control.sequence] = control }
        }
        return current.values.sorted { $0.sequence < $1.sequence }
    }

    /// Reads a sealed file back, past the cache, and compares it with its sources. False where `pace` said to stop;
    /// throws where a single byte differs.
    private func isFaithful(
        _ file: any DiskFile,
        to sources: [any Segment],
        asPacked: Bool,
        _ controls: [ControlRecord],
        pace: () -> Bool
    ) throws(LogError) -> Bool {
        // From the medium, not from what the writing left in memory.
        file.forget(at: FileOffset(0), count: 0)
        let cache = BlockCache(budgetBytes: 1 << 20)
        guard let copy = try SealedSegment(file, store: store.store, cache: cache, register: DamageRegister()) else {
            throw .unreadable(path: file.path, reason: "what was written cannot be read back")
        }
        let goesOn = try asPacked ? holdsBlocks(copy, of: sources, pace) : holdsRecords(copy, of: sources, pace)
        guard goesOn else { return false }
        guard try copy.controls() == controls else {
            throw .unreadable(path: file.path, reason: "the store's own records in it differ from what was written")
        }
        // A damaged index would cost time for ever.
        guard copy.hasFooter else { throw .unreadable(path: file.path, reason: "its footer cannot be read back") }
        var offset = FileOffset(0)
        while let part = try copy.recheckIndex(from: offset) {
            if let problem = part.problem { throw .unreadable(path: file.path, reason: problem) }
            offset = part.end
        }
        return true
    }

    /// Whether a copy has the records of its sources, and no others. Returns and throws likewise.
    private func holdsRecords(
        _ copy: SealedSegment,
        of sources: [any Segment],
        _ pace: () -> Bool
    ) throws(LogError) -> Bool {
        var copies = RecordSequence(copy)
        for source in sources {
            var originals = RecordSequence(source)
            while let original = try originals.next() {
                let copied = try readBack(copy) { () throws(LogError) in try copies.next() }
                guard let copied, copied.isSame(as: original) else { throw differs(copy, at: original.id) }
                if original.id.rawValue.isMultiple(of: 256), !pace() { return false }
            }
        }
        guard try readBack(copy, { () throws(LogError) in try copies.next() }) == nil else { throw holdsMore(copy) }
        return true
    }

    /// The same of packed blocks: the same stream holds the same records.
    private func holdsBlocks(
        _ copy: SealedSegment,
        of sources: [any Segment],
        _ pace: () -> Bool
    ) throws(LogError) -> Bool {
        var next = 0
        let count = try copy.blockCount()
        for case let source as SealedSegment in sources {
            for number in 0..<(try source.blockCount()) {
                let original = try source.packedBlock(number)
                guard next < count,
                    try readBack(copy, { () throws(LogError) in try copy.packedBlock(next) }).isSame(as: original)
                else { throw differs(copy, at: original.summary.firstID) }
                next += 1
                if !pace() { return false }
            }
        }
        guard next == count else { throw holdsMore(copy) }
        return true
    }

    private func readBack<Value>(
        _ copy: SealedSegment,
        _ read: () throws(LogError) -> Value
    ) throws(LogError) -> Value {
        do throws(LogError) {
            return try read()
        } catch {
            guard case .corrupt = error else { throw error }
            throw .unreadable(path: copy.path, reason: "what was written cannot be read back: \(error)")
        }
    }

    private func differs(_ copy: SealedSegment, at id: RecordID) -> LogError {
        .unreadable(path: copy.path, reason: "what was written differs at record \(id)")
    }

    private func holdsMore(_ copy: SealedSegment) -> LogError {
        .unreadable(path: copy.path, reason: "it holds more than was written")
    }
}

/// All records of one segment, block by block.
struct RecordSequence {
    private let segment: any Segment
    private var nextBlock = 0
    private var block: Block?
    private var entry = 0

    init(_ segment: any Segment) {
        self.segment = segment
    }

    mutating func next() throws(LogError) -> Record? {
        while true {
            if let block, entry < block.entries.count {
                defer { entry += 1 }
                return Record(block, entry)
            }
            guard nextBlock < (try segment.blockCount()) else { return nil }
            block = try segment.passingBlock(nextBlock)
            nextBlock += 1
            entry = 0
        }
    }
}

extension Record {
    func isSame(as other: Record) -> Bool {
        id == other.id && time == other.time && recordedAt == other.recordedAt
            && withBody { body in other.withBody { KeyOrder.equal(body, $0) } }
    }
}
