// Owns: taking stock of a directory: what each file is to the log, and which ids nobody can answer for. Writes nothing.
//
//  * Of two files that answer for the same ids, one is a leftover: a sealed segment inside a wider one is an input of a
//    compaction, a raw one beside its sealed one has been sealed. It is given up only where every byte of the other can be
//    read: the one good copy never goes.
//  * A file that cannot be read is set aside. A whole file that does not belong here (another store's, a later version's,
//    one that was renamed) is somebody's mistake: the directory is refused as it is. One from another past of this store is
//    set aside, too.
//  * Ids below the last that no segment can give are damage, and are reported; so are those behind the last that was found,
//    where the manifest or a file that has been cut tell that there may have been some.

internal import Disk

struct LogInventory {
    private(set) var sealed: [SealedSegment] = []
    private(set) var raw: [FoundRaw] = []
    /// Files that hold nothing the log needs.
    private(set) var leftovers: [String] = []
    /// Raw files whose sealed segment is intact.
    private(set) var sealedRaw: [String] = []
    /// Files that cannot be read although they should be.
    private(set) var unreadable: [String] = []
    /// Names of raw files that are ready for use.
    private(set) var spares: [String] = []
    private(set) var report = RecoveryReport()
    let manifest: Manifest
    /// Whether the log has come further than the manifest can have seen.
    private(set) var isManifestOlder = false
    /// What the store has said of itself, the last word on each subject.
    private(set) var controls = ControlState()

    /// The last id that files answer for which the manifest disproves.
    private var lastOfDisproved = RecordID.zero
    /// Files that were given up in favour of a sealed segment.
    private var givenUp: [(path: String, header: FileHeader, made: SealedSegment)] = []
    private let disk: any Disk
    private let directory: LogDirectory
    private let store: UniqueID
    private let cache: BlockCache
    private let register: DamageRegister
    /// How raw files are opened.
    private let access: OpenMode

    /// `isNew` says that the store was made just now, so that no segment can have been lost. `progress` is told how much of the
    /// work has been done, 0 to 1.
    init(
        _ disk: any Disk,
        _ directory: LogDirectory,
        store: UniqueID,
        cache: BlockCache,
        register: DamageRegister,
        options: LogOptions,
        access: OpenMode = .readWrite,
        isNew: Bool = false,
        progress: (Double) -> Void = { _ in }
    ) throws(LogError) {
        self.disk = disk
        self.directory = directory
        self.store = store
        self.cache = cache
        self.register = register
        self.access = access
        manifest = try Manifest.read(disk, directory, store: store)
        report.notes += manifest.problems
        report.followsUncleanStop = manifest.entry?.state == .inUse
        let names = try directory.namesOfLog(disk)
        var sealedBases = names.compactMap { LogDirectory.base(of: $0, suffix: LogDirectory.sealedSuffix) }
        var rawBases = names.compactMap { LogDirectory.base(of: $0, suffix: LogDirectory.activeSuffix) }
        let disproved = try manifest.disproved(among: sealedBases + rawBases, disk, directory, store: store)
        sealedBases.removeAll(where: disproved.contains)
        rawBases.removeAll(where: disproved.contains)
        let bases = Set(sealedBases + rawBases).sorted()
        for base in sealedBases {
            let next = bases.first { $0 > base }
            let isNewest = next == nil && !rawBases.contains(base)
            try passingOverBadMedium(directory.sealed(base), isNewest: isNewest) { inventory throws(LogError) in
                try inventory.inspectSealed(base, nextBase: next)
            }
        }
        var newest = isNew ? LostTail.Newest.whole : .missing
        for (position, base) in rawBases.enumerated() {
            let next = bases.first { $0 > base }
            try passingOverBadMedium(directory.active(base), isNewest: next == nil) { inventory throws(LogError) in
                let found = try inventory.inspectRaw(base, nextBase: next) { fraction in
                    progress((Double(position) + fraction) / Double(rawBases.count))
                }
                if let found, next == nil { newest = found }
            }
        }
        let keys = KeyFileInspection(disk, directory, cache).run(names, raw.map(\.segment), access)
        leftovers += keys.leftovers
        report.notes += keys.notes
        for name in names where name.hasSuffix(LogDirectory.temporarySuffix) {
            leftovers.append("\(directory.log)/\(name)")
        }
        for name in names where name.hasSuffix(LogDirectory.spareSuffix) {
            try inspectSpare(name, wantedBytes: options.segmentBytes)
        }
        for base in disproved {
            for path in [directory.sealed(base), directory.active(base)] where names.contains(directory.nameInLog(path))
            {
                try passingOverBadMedium(path, isNewest: false) { inventory throws(LogError) in
                    let file = try inventory.open(path, .read)
                    let last = try Manifest.lastID(ofDisproved: file, base, store: store)
                    inventory.lastOfDisproved = max(inventory.lastOfDisproved, last ?? .zero)
                    inventory.setAsStranger(path)
                }
            }
        }
        leaveStrangers(&newest)
        try gatherControls()
        findDamage(newest)
        progress(1)
    }

    /// All segments, in the order of their ids.
    var segments: [any Segment] {
        let all: [any Segment] = sealed + raw.map(\.segment)
        return all.sorted { $0.base < $1.base }
    }

    /// The last id that was given, whether its record can be read or not.
    var tail: RecordID {
        (segments.compactMap(\.lastID) + report.damage.map(\.upperBound)).max() ?? .zero
    }

    var lastRecordedAt: RecordTime {
        let known = manifest.entry?.recordedAt ?? .minimum
        return (sealed.map(\.footer.lastRecordedAt) + raw.compactMap(\.lastRecordedAt) + [known]).max() ?? .minimum
    }

    /// A loose cable must not move files into the quarantine, nor keep a store with a thousand good segments from starting:
    /// a segment that the disk will not give back is left where it is, and its ids are a hole. Of the newest segment,
    /// though, nobody would know which ids have been given.
    private mutating func passingOverBadMedium(
        _ path: String,
        isNewest: Bool,
        _ body: (inout LogInventory) throws(LogError) -> Void
    ) throws(LogError) {
        do throws(LogError) {
            try body(&self)
        } catch {
            guard error.isUnreadableMedium, !isNewest else { throw error }
            report.notes.append("\(error)")
            report.passedOver.append(directory.name(of: path))
        }
    }

    private mutating func inspectSpare(_ name: String, wantedBytes: Int) throws(LogError) {
        let path = "\(directory.log)/\(name)"
        do throws(DiskError) {
            if try disk.open(path, .read).size() == wantedBytes { spares.append(name) } else { leftovers.append(path) }
        } catch {
            guard error.isNotRegularFile else { throw .disk(error) }
            report.notes.append("\(error)")
        }
    }

    /// Opens a file under the name of a segment. What is no file is somebody's mistake.
    private func open(_ path: String, _ mode: OpenMode) throws(LogError) -> any DiskFile {
        do throws(DiskError) {
            return try disk.open(path, mode)
        } catch {
            throw error.isNotRegularFile ? .unreadable(path: path, reason: "\(error)") : .disk(error)
        }
    }

    private mutating func inspectSealed(_ base: RecordID, nextBase: RecordID?) throws(LogError) {
        let path = directory.sealed(base)
        let file = try open(path, .read)
        if let wider = sealed.last, base <= wider.footer.lastCovered {
            guard wider.hasFooter else { return }
            let header = try FileHeader.read(file, kind: .sealed, store: store)
            try discard(
                path,
                base,
                [header],
                inFavourOf: wider,
                to: \.leftovers,
                isOurs: try SealedSegment.canRemove(file, store: store)
            )
            return
        }
        guard
            let segment = try SealedSegment(
                file,
                store: store,
                cache: cache,
                register: register,
                nextBase: nextBase
            )
        else {
            report.notes.append("header and footer of \(path) are damaged")
            unreadable.append(path)
            return
        }
        try segment.header.requireName(base, path: path)
        if !segment.hasFooter { report.notes.append("the footer of \(path) is damaged") }
        sealed.append(segment)
    }

    /// A file whose name says that it is not needed any more is given up only if its header says the same, and if what it
    /// has become is whole. Returns whether it is.
    @discardableResult
    private mutating func discard(
        _ path: String,
        _ base: RecordID,
        _ headers: [FileHeader?],
        inFavourOf segment: SealedSegment,
        to list: WritableKeyPath<LogInventory, [String]>,
        isOurs: Bool = true
    ) throws(LogError) -> Bool {
        guard let header = headers.compactMap(\.self).first else {
            report.notes.append("the header of \(path) is damaged")
            unreadable.append(path)
            return true
        }
        try header.requireName(base, path: path)
        // Through another cache and register: what is not used is not counted as damage.
        let copy = try SealedSegment(
            segment.file,
            store: store,
            cache: BlockCache(budgetBytes: 1 << 20),
            register: DamageRegister()
        )
        var isWhole = false
        do throws(LogError) {
            isWhole = try copy?.isWhole() ?? false
        } catch {
            if case .later = error {
                report.notes.append("\(path) is kept: \(segment.path), which was made of it, is of a later version")
                return true
            }
            guard error.isUnreadableMedium else { throw error }
        }
        if isWhole {
            // What only a later version may write is not removed, either.
            if header.features.canWrite, isOurs { self[keyPath: list].append(path) }
            givenUp.append((path, header, segment))
        } else {
            report.notes.append("\(path) is kept: \(segment.path), which was made of it, is damaged")
        }
        return isWhole
    }

    /// Returns what there is to know of the newest segment, if it is this; nil where the file is not to be read.
    private mutating func inspectRaw(
        _ base: RecordID,
        nextBase: RecordID?,
        progress: (Double) -> Void
    ) throws(LogError) -> LostTail.Newest? {
        let path = directory.active(base)
        let file = try open(path, access)
        let headers = try rawHeaders(of: file, base)
        if let wider = sealed.firstIndex(where: { $0.footer.firstCovered <= base && base <= $0.footer.lastCovered }) {
            let segment = sealed[wider]
            let isGood = try discard(path, base, headers, inFavourOf: segment, to: \.sealedRaw)
            guard !isGood, nextBase != nil, let header = headers.first,
                try holdsAll(of: segment, file, header)
            else { return nil }
            unreadable.append(segment.path)
            sealed.remove(at: wider)
        }
        let size = try onDisk { () throws(DiskError) in try file.size() }
        guard let header = headers.first else {
            unreadable.append(path)
            return .unreadable(base: base, fileBytes: size)
        }
        let inspection = RawInspection(file, register, nextBase: nextBase, witness: manifest.entry)
        var found = try inspection.run(header, progress: progress)
        if headers.count == 2 {
            let other = try inspection.run(headers[1])
            if other.end > found.end { found = other }
        }
        report.notes += found.notes
        raw.append(found)
        return found.newest
    }

    /// Whether a raw file may take the place of the damaged sealed one that was made of it: all that this answers for is there,
    /// and whole. A sealed one that has been merged meanwhile answers for more.
    private func holdsAll(
        of segment: SealedSegment,
        _ file: any DiskFile,
        _ header: FileHeader
    ) throws(LogError) -> Bool {
        guard header.base == segment.footer.firstCovered, header.identity.segment == segment.header.origin
        else { return false }
        let next = segment.footer.lastCovered.next
        let found = try TailScanner.scan(file, header: header, nextBase: next)
        return found.isWhole && found.damage.isEmpty && found.nextID == next
    }

    /// The header of a raw file, and its copy where that is another: a write that went astray has left one of them as it
    /// was in a former life of the file, and only the frames can tell which. One that does not belong here at all is
    /// passed over where the other does.
    private mutating func rawHeaders(of file: any DiskFile, _ base: RecordID) throws(LogError) -> [FileHeader] {
        var headers: [FileHeader] = []
        var refusal: LogError?
        for offset in [FileOffset(0), FileHeader.copyOffset] {
            do throws(LogError) {
                guard let header = try FileHeader.read(file, at: offset, kind: .raw, store: store) else {
                    report.notes.append("the header of \(file.path) at offset \(offset) is damaged")
                    continue
                }
                try header.requireName(base, path: file.path)
                if headers != [header] { headers.append(header) }
            } catch {
                guard case .unreadable = error else { throw error }
                refusal = error
            }
        }
        if let refusal {
            guard !headers.isEmpty else { throw refusal }
            report.notes.append("\(refusal)")
        }
        if headers.count == 2 { report.notes.append("the headers of \(file.path) differ") }
        return headers
    }

    private mutating func setAsStranger(_ path: String) {
        report.notes.append("\(path) is not the segment that stood there, and is not read")
        unreadable.append(path)
    }

    /// Puts segments from another past of the store aside; their ids are damage.
    private mutating func leaveStrangers(_ newest: inout LostTail.Newest) {
        var isKnown: Bool?
        if manifest.isWhole, let entry = manifest.entry, let last = raw.last?.segment, last.base == entry.base,
            segments.last?.base == last.base, entry.segment != .zero,
            !entry.isOlder(thanLogUpTo: last.lastID ?? .zero, newest: nil)
        {
            isKnown = [entry.segment, entry.replaces].contains(last.id)
        }
        for stranger in SegmentChain.strangers(among: segments, isNewestKnown: isKnown) {
            setAsStranger(stranger.path)
            if let last = stranger.lastID { report.damage.append(stranger.base...last) }
            if raw.last?.segment === stranger { newest = .missing }
            // What it was made of is of the same past; of another, it is for the next start to judge.
            for file in givenUp where file.made === stranger {
                sealedRaw.removeAll { $0 == file.path }
                leftovers.removeAll { $0 == file.path }
                if file.header.origin == stranger.header.origin { unreadable.append(file.path) }
            }
            sealed.removeAll { $0 === stranger }
            raw.removeAll { $0.segment === stranger }
        }
    }

    private mutating func gatherControls() throws(LogError) {
        for segment in segments {
            do throws(LogError) {
                for control in try segment.controls() { controls.apply(control) }
            } catch {
                report.notes.append("\(error)")
            }
        }
        // What cannot be read may hold more than the manifest has seen: as much as a segment does, which it names at its first.
        let unseen = report.notes.isEmpty ? 0 : RawCapacity.fileBytes.upperBound / UInt64(RecordFormat.headerBytes)
        controls.reserve(through: (manifest.entry?.controlSequence ?? 0) + unseen)
    }

    /// Whether the segment that the manifest names is there, or has become part of a sealed one, or another is behind it.
    private var isNamedThere: Bool {
        guard let entry = manifest.entry, entry.segment != .zero else { return true }
        return segments.contains { segment in
            [entry.segment, entry.replaces].contains(segment.id) || segment.header.origin == entry.segment
                || segment.base > entry.base
        } || sealed.contains { $0.footer.firstCovered <= entry.base && entry.base <= $0.footer.lastCovered }
    }

    /// The first id of the last segment that has a record.
    private var newestWithRecords: RecordID? { segments.last { $0.lastID != nil }?.base }

    private mutating func findDamage(_ newest: LostTail.Newest) {
        var expected = RecordID(1)
        for segment in segments {
            if segment.base > expected { report.damage.append(expected...RecordID(segment.base.rawValue - 1)) }
            report.damage += segment.damage
            expected = max(expected, segment.lastID?.next ?? segment.base)
        }
        // What they hold beyond the others may have been acknowledged here, too.
        if lastOfDisproved >= expected { report.damage.append(expected...lastOfDisproved) }
        let tail = max(RecordID(expected.rawValue - 1), report.damage.map(\.upperBound).max() ?? .zero)
        isManifestOlder = manifest.entry?.isOlder(thanLogUpTo: tail, newest: newestWithRecords) ?? false
        let lost = LostTail(manifest, isOlder: isManifestOlder, tail: tail, newest: newest, isNamedThere: isNamedThere)
        report.notes += lost.notes
        if isManifestOlder {
            report.notes.append("the manifest is older than the log, which has come to \(tail)")
        }
        if let ids = lost.ids { report.damage.append(ids) }
        report.doubtful = lost.doubtful
        report.unusable = unreadable.map(directory.name)
        report.damage = RecordRanges.merged(report.damage)
        for hole in report.damage {
            report.notes.append("records \(hole.lowerBound) to \(hole.upperBound) are damaged or missing")
        }
    }
}
