// Owns: what recovery writes.
//
//  * Nothing at first but the names themselves: where the process died and the machine did not, a name that is seen may
//    be in memory alone, and must be durable before a record is acknowledged, or a file removed, on the strength of it.
//  * Files that cannot be read, and the bytes of a torn write, go to the quarantine; leftovers go.
//  * Only the newest segment is ever cut, and only above what is known to have been durable.
//  * A last frame that no later one proves durable is moved to a new segment before it is trusted: after a failed sync the
//    page cache may show what the disk does not hold, and sectors that have failed are not asked again. The old segment
//    ends before the base of the new one, whatever stands there.
//  * Appends go on in the newest segment, unless it is closed, has damage, ids lost behind it, another size than is
//    configured, or is for a later version to write: then it is left as it is, and a new one is begun behind it.
//  * Before a new segment may take the place of another, the manifest names both.
//  * On a full disk all this works as far as it needs no room; without a segment to go on in the log can be read.

internal import Disk
import Glibc

struct LogRepair {
    /// Where appends go on.
    struct Place {
        let segment: RawSegment
        let tail: FileOffset
        /// Whether a marker proves the last frame durable, or there is none.
        let isMarked: Bool
    }

    private let maker: ActiveSegmentMaker
    private let inventory: LogInventory
    private let register: DamageRegister
    private let manifest: ManifestWriter
    /// When segments are made, for their headers.
    private let now: RecordTime
    private(set) var notes: [String] = []
    private(set) var tornBytes = 0
    /// All segments as they are now, in the order of their ids.
    private(set) var segments: [any Segment]
    /// Nil where there was no room to begin a segment.
    private(set) var place: Place?
    /// Whether a segment may have been given its name, and has not been opened under it.
    private var isNameInDoubt = false

    private var disk: any Disk { maker.disk }
    private var directory: LogDirectory { maker.directory }

    init(
        _ inventory: LogInventory,
        maker: ActiveSegmentMaker,
        register: DamageRegister,
        manifest: ManifestWriter,
        now: RecordTime
    ) {
        self.inventory = inventory
        self.maker = maker
        self.register = register
        self.manifest = manifest
        self.now = now
        segments = inventory.segments
    }

    mutating func run() throws(LogError) {
        try onDisk { () throws(DiskError) in
            // `store.json` before anything that may be found without it: no store would be made beside that.
            try disk.syncDirectory(directory.data)
            try disk.createDirectory(directory.snapshots)
            try disk.createDirectory(directory.quarantine)
            try disk.syncDirectory(directory.data)
            try disk.syncDirectory(directory.log)
        }
        for path in inventory.unreadable { try setAside(path) }
        try onDisk { () throws(DiskError) in
            for path in inventory.leftovers { try remove(leftover: path) }
            if !(inventory.leftovers + inventory.unreadable).isEmpty { try disk.syncDirectory(directory.log) }
        }
        for path in inventory.sealedRaw { maker.spares.retire(path) }
        place = try findPlace()
        do throws(LogError) {
            if place == nil { try beginBehindAll() }
            if inventory.isManifestOlder || !inventory.manifest.problems.isEmpty { try announce(restingEntry()) }
        } catch {
            // Under a name that may have been given nobody knows which file a reader would find.
            guard error.isNoSpace, !isNameInDoubt else { throw error }
            notes.append("the log can only be read: \(error)")
        }
    }

    /// A folder, or whatever else somebody has put there, is noted and left.
    private mutating func remove(leftover path: String) throws(DiskError) {
        do throws(DiskError) {
            try disk.remove(path)
        } catch {
            guard error.errno == EISDIR || error.errno == EPERM else { throw error }
            notes.append("\(error)")
        }
    }

    /// What the manifest says of a log that has been opened and not been appended to.
    private func restingEntry() -> ManifestEntry {
        ManifestEntry(
            state: .atRest,
            tail: inventory.tail,
            recordedAt: inventory.lastRecordedAt,
            segment: place?.segment.id ?? .zero,
            base: place?.segment.base ?? inventory.tail.next,
            fileBytes: place?.segment.header.fileBytes ?? 0,
            durableOffset: place?.tail ?? FrameHeader.firstOffset,
            controlSequence: inventory.controls.lastSequence
        )
    }

    /// The newest segment, where it is a raw one that the next record follows on: a segment holds consecutive ids, and behind
    /// lost ones another begins.
    private var newest: FoundRaw? {
        inventory.raw.last.flatMap { ($0.segment.lastID?.next ?? $0.segment.base) == inventory.tail.next ? $0 : nil }
    }

    /// Makes the newest segment trustworthy; returns the place where appends go on in it, or in the one that its last
    /// frame has been moved to. Nil where a new one is to be begun.
    private mutating func findPlace() throws(LogError) -> Place? {
        guard let newest, newest.segment.header.features.canWrite else { return nil }
        guard newest.trailer == nil, let outcome = newest.outcome else {
            try proveTrailer(of: newest)
            return nil
        }
        var isClean = true
        if newest.hasTornTrailer, !outcome.isFollowed {
            try clearLastPage(of: newest)
            notes.append("the last page of \(newest.segment.path) held no whole trailer, and was cleared")
        } else if outcome.unprovenFrame != nil {
            // After a failed sync it may show zeros that the disk does not hold; where it cannot be written nothing is lost.
            try? clearLastPage(of: newest)
        }
        do throws(LogError) {
            try saveTornBytes(of: newest, outcome)
        } catch {
            // What cannot be saved is not cut: nothing is appended behind it then.
            guard error.isNoSpace else { throw error }
            notes.append("a torn write stays where it is: \(error)")
            isClean = false
        }
        if let frame = outcome.unprovenFrame, try move(frame, from: newest) { return place }
        let canGoOn = isClean && outcome.canGoOn
        let tail = try prove(newest, outcome, canGoOn: canGoOn)
        guard canGoOn, newest.size == maker.fileBytes, newest.segment.header.fileBytes == maker.fileBytes
        else { return nil }
        return Place(segment: newest.segment, tail: tail, isMarked: tail > outcome.end || outcome.unprovenFrame == nil)
    }

    /// Writes again, where it stands, what no later frame vouches for: a marker, which a failed sync may have left in the page
    /// cache alone; or the last frame, where there was no room to move it, with a marker behind it. Returns where the next
    /// frame goes.
    private func prove(
        _ raw: FoundRaw,
        _ outcome: TailScanner.Outcome,
        canGoOn: Bool
    ) throws(LogError) -> FileOffset {
        let (start, end) = (outcome.durableOffset, outcome.end)
        guard start < end else { return end }
        let file = raw.segment.file
        let bytes = try onDisk { () throws(DiskError) in try file.bytes(at: start, count: end - start) }
        let frame = outcome.unprovenFrame
        let isWhole = bytes.map { bytes in
            frame.map { $0.describes(Array(bytes[FrameHeader.bytes..<FrameHeader.bytes + Int($0.bodyBytes)])) } ?? true
        }
        guard let bytes, isWhole == true else { throw .disk(DiskError(.read, path: file.path, errno: EIO)) }
        try onDisk { () throws(DiskError) in
            try file.write(bytes, at: start)
            try file.sync()
        }
        let room = RawTrailer.offset(in: raw.segment.header.fileBytes)
        guard let frame, canGoOn, end + FrameHeader.bytes <= room else { return end }
        let marker = FrameHeader.marker(at: end, nextID: frame.nextID, recordedAt: frame.recordedAt)
        let clean = [UInt8](repeating: 0, count: min(FrameHeader.bytes, room - marker.end))
        try onDisk { () throws(DiskError) in
            try file.write(marker.encoded(raw.segment.header.identity) + clean, at: end)
            try file.sync()
        }
        return marker.end
    }

    /// Writes the trailer of a closed segment again: a failed sync may have left it in the page cache alone.
    private func proveTrailer(of raw: FoundRaw) throws(LogError) {
        guard let trailer = raw.trailer else { return }
        let header = raw.segment.header
        try onDisk { () throws(DiskError) in
            let bytes = trailer.encoded(header.identity, fileBytes: header.fileBytes)
            try raw.segment.file.write(bytes, at: RawTrailer.offset(in: header.fileBytes))
            try raw.segment.file.sync()
        }
    }

    /// A trailer that was cut off is no longer true: appends go on.
    private func clearLastPage(of raw: FoundRaw) throws(LogError) {
        let file = raw.segment.file
        try onDisk { () throws(DiskError) in
            let zeros = [UInt8](repeating: 0, count: RawTrailer.pageBytes)
            try file.write(zeros, at: RawTrailer.offset(in: raw.segment.header.fileBytes))
            try file.sync()
        }
    }

    private mutating func setAside(_ path: String) throws(LogError) {
        var name = path.split(separator: "/").last.map(String.init) ?? path
        try onDisk { () throws(DiskError) in
            // What has been put aside under this name before is evidence, too.
            let taken = Set(try disk.names(in: directory.quarantine))
            let free = (0...taken.count).lazy.map { $0 == 0 ? name : "\(name).\($0)" }.first { !taken.contains($0) }
            name = free ?? name
            try disk.rename(path, to: "\(directory.quarantine)/\(name)")
            try disk.syncDirectory(directory.quarantine)
        }
        notes.append("\(path) was moved to quarantine/\(name)")
    }

    /// Puts the bytes of a torn write aside, and cuts them where appends may go on in their place. Otherwise they stay:
    /// they may be what proves that damage was durable once, until a new segment proves it.
    private mutating func saveTornBytes(of raw: FoundRaw, _ outcome: TailScanner.Outcome) throws(LogError) {
        guard let torn = outcome.torn else { return }
        let file = raw.segment.file
        let bytes = try onDisk { () throws(DiskError) in
            try file.bytes(at: torn.lowerBound, count: torn.upperBound - torn.lowerBound)
        }
        guard let bytes else { return }
        // The checksum makes the name that of these very bytes: a recovery that was cut off and finds half of them zeroed
        // does not write over what the first one saved.
        let name = "\(raw.segment.base)-\(torn.lowerBound)-\(Checksum.crc32(bytes))\(LogDirectory.tornSuffix)"
        try maker.spares.withReserve { () throws(LogError) in
            try onDisk { () throws(DiskError) in
                try disk.replaceFile(name, in: directory.quarantine, with: bytes)
            }
        }
        if outcome.canGoOn {
            try onDisk { () throws(DiskError) in
                try file.write([UInt8](repeating: 0, count: bytes.count), at: torn.lowerBound)
                try file.sync()
            }
        }
        tornBytes = bytes.count
        notes.append("\(bytes.count) bytes of a torn write were saved to quarantine/\(name)")
    }

    /// Moves the last frame to a new segment. False where there is no room for one, not even in the reserve, or none for a
    /// manifest that names it: nothing has changed then.
    private mutating func move(_ frame: FrameHeader, from raw: FoundRaw) throws(LogError) -> Bool {
        let moved: (segment: RawSegment, tail: FileOffset)
        do throws(LogError) {
            // Of the frame itself the manifest says nothing before it has its new place: it may be in memory alone until then.
            moved = try activate(try prepareMove(of: frame, from: raw), tail: RecordID(frame.firstID.rawValue - 1))
        } catch {
            guard error.isNoSpace, !isNameInDoubt else { throw error }
            return false
        }
        if raw.segment.base < frame.firstID {
            let rest = try TailScanner.scan(raw.segment.file, header: raw.segment.header, nextBase: frame.firstID)
            segments[segments.count - 1] = RawSegment(
                file: raw.segment.file,
                header: raw.segment.header,
                register: register,
                found: rest
            )
        }
        goOn(in: moved.segment, tail: moved.tail)
        do throws(LogError) {
            try announce(restingEntry())
        } catch {
            // The manifest names the segment by then, and what it may hold.
            guard error.isNoSpace else { throw error }
            notes.append("\(error)")
        }
        return true
    }

    /// Writes the last frame to a file that will be a new segment, which begins with it. A throw has changed nothing.
    private func prepareMove(
        of frame: FrameHeader,
        from raw: FoundRaw
    ) throws(LogError) -> ActiveSegmentMaker.Prepared {
        let file = raw.segment.file
        let body = try onDisk { () throws(DiskError) in
            try file.bytes(at: frame.offset + FrameHeader.bytes, count: Int(frame.bodyBytes))
        }
        // It was read once already, and need not come back the same: a page that a failed sync has left may have gone since.
        guard let body, frame.describes(body) else { throw .disk(DiskError(.read, path: file.path, errno: EIO)) }
        let walk = body.withUnsafeBytes { FrameWalk($0, of: frame, at: frame.offset + FrameHeader.bytes) }
        var beginning = ActiveSegmentMaker.Beginning(
            frame.firstID,
            after: segments,
            inventory.controls,
            createdAt: now,
            without: Set(walk.controls.compactMap { $0?.sequence })
        )
        beginning.frames.append(MovedFrame(frame, body: body))
        return try maker.prepare(beginning, for: .recovery)
    }

    private mutating func beginBehindAll() throws(LogError) {
        let beginning = ActiveSegmentMaker.Beginning(
            inventory.tail.next,
            after: segments,
            inventory.controls,
            createdAt: now
        )
        let begun = try activate(try maker.prepare(beginning, for: .recovery), tail: inventory.tail)
        goOn(in: begun.segment, tail: begun.tail)
    }

    /// Has the manifest say something. It takes the place of one that is not what it should be, so it may need room: that of the
    /// reserve, where there is no other.
    private func announce(_ entry: ManifestEntry) throws(LogError) {
        try maker.spares.withReserve { () throws(LogError) in try manifest.write(entry) }
    }

    /// Has the manifest name a prepared segment, and gives it its name. A throw has changed nothing, unless the name is in doubt.
    /// `tail` is what is durable without it.
    private mutating func activate(
        _ ready: ActiveSegmentMaker.Prepared,
        tail: RecordID
    ) throws(LogError) -> (segment: RawSegment, tail: FileOffset) {
        var prepared = ready
        do throws(LogError) {
            try announce(
                .atRest(
                    tail: tail,
                    recordedAt: inventory.lastRecordedAt,
                    controlSequence: inventory.controls.lastSequence,
                    before: prepared,
                    replacing: replaced(by: prepared.header)?.id
                )
            )
            return (try maker.activate(&prepared, register: register), prepared.tail)
        } catch {
            isNameInDoubt = prepared.mayHaveName
            if !isNameInDoubt { maker.discard(prepared) }
            throw error
        }
    }

    /// An empty segment, whose name another takes: opened with another size than is configured; or the one whose only frame has
    /// been moved.
    private func replaced(by header: FileHeader) -> (any Segment)? {
        segments.last.flatMap { $0.base == header.base ? $0 : nil }
    }

    private mutating func goOn(in segment: RawSegment, tail: FileOffset) {
        if replaced(by: segment.header) != nil { segments.removeLast() }
        segments.append(segment)
        place = Place(segment: segment, tail: tail, isMarked: true)
    }
}
