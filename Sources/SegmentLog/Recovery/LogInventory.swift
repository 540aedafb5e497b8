// Owns: taking stock of a directory: what each file is to the log, and which ids nobody can answer for. Writes nothing.
//
//  * Of two files that answer for the same ids, one is a leftover: a sealed segment inside a wider one is an input of a
//    compaction, a raw one beside its intact sealed one has been sealed. A sealed file without a footer gives way to its
//    raw one.
//  * A file that cannot be read is set aside. A whole file that does not belong here (another store's, a later version's,
//    one that was renamed) is somebody's mistake: the directory is refused as it is.
//  * Ids below the last that no segment can give are damage, and are reported.

internal import Disk

struct LogInventory {
    /// A raw segment as its file was found.
    struct Raw {
        let segment: RawSegment
        let outcome: TailScanner.Outcome
        let fileBytes: UInt64
    }

    private(set) var sealed: [SealedSegment] = []
    private(set) var raw: [Raw] = []
    /// Files that hold nothing the log needs.
    private(set) var leftovers: [String] = []
    /// Raw files whose sealed segment is intact.
    private(set) var sealedRaw: [String] = []
    /// Files that cannot be read although they should be.
    private(set) var unreadable: [String] = []
    /// Names of raw files that are ready for use.
    private(set) var spares: [String] = []
    private(set) var report = RecoveryReport()

    private let disk: any Disk
    private let directory: LogDirectory
    private let store: UniqueID
    private let cache: BlockCache
    private let register: DamageRegister
    /// How raw files are opened.
    private let access: OpenMode

    /// `progress` is told how much of the work has been done, 0 to 1.
    init(
        _ disk: any Disk,
        _ directory: LogDirectory,
        store: UniqueID,
        cache: BlockCache,
        register: DamageRegister,
        options: LogOptions,
        access: OpenMode = .readWrite,
        progress: (Double) -> Void = { _ in }
    ) throws(LogError) {
        self.disk = disk
        self.directory = directory
        self.store = store
        self.cache = cache
        self.register = register
        self.access = access
        let names = try onDisk { () throws(DiskError) in try disk.names(in: directory.log) }.sorted()
        let sealedBases = names.compactMap { LogDirectory.base(of: $0, suffix: LogDirectory.sealedSuffix) }
        let rawBases = names.compactMap { LogDirectory.base(of: $0, suffix: LogDirectory.activeSuffix) }
        let bases = Set(sealedBases + rawBases).sorted()
        for base in sealedBases {
            let next = bases.first { $0 > base }
            try passingOverBadMedium(isNewest: next == nil && !rawBases.contains(base)) { inventory throws(LogError) in
                try inventory.inspectSealed(base, nextBase: next, hasRaw: rawBases.contains(base))
            }
        }
        // Nobody knows how many ids a newest file that is gone has given away. It cannot have been more than this, and
        // none of them may be given again.
        func lostIDs(from base: RecordID, fileBytes: UInt64) -> ClosedRange<RecordID> {
            base...base.advanced(by: Int(fileBytes) / RecordFormat.headerBytes)
        }
        var lost: ClosedRange<RecordID>?
        for (position, base) in rawBases.enumerated() {
            let next = bases.first { $0 > base }
            try passingOverBadMedium(isNewest: next == nil) { inventory throws(LogError) in
                let unreadable = try inventory.inspectRaw(base, nextBase: next) { fraction in
                    progress((Double(position) + fraction) / Double(rawBases.count))
                }
                if let unreadable, next == nil { lost = lostIDs(from: base, fileBytes: unreadable) }
            }
        }
        // A segment is sealed only when another stands behind it.
        if let last = sealed.last, rawBases.last ?? .zero <= last.footer.lastCovered {
            report.notes.append("the active segment behind \(last.path) is missing")
            lost = lostIDs(from: last.footer.lastCovered.next, fileBytes: UInt64(options.segmentBytes))
        }
        for name in names where name.hasSuffix(LogDirectory.temporarySuffix) {
            leftovers.append("\(directory.log)/\(name)")
        }
        for name in names where name.hasSuffix(LogDirectory.spareSuffix) {
            let path = "\(directory.log)/\(name)"
            let size = try onDisk { () throws(DiskError) in try disk.open(path, .read).size() }
            if size == options.segmentBytes { spares.append(name) } else { leftovers.append(path) }
        }
        findDamage(lost: lost)
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
        (sealed.map(\.footer.lastRecordedAt) + raw.compactMap(\.outcome.lastRecordedAt)).max() ?? .minimum
    }

    /// A loose cable must not move files into the quarantine, nor keep a store with a thousand good segments from starting:
    /// a segment that the disk will not give back is left where it is, and its ids are a hole. Of the newest segment,
    /// though, nobody would know which ids have been given.
    private mutating func passingOverBadMedium(
        isNewest: Bool,
        _ body: (inout LogInventory) throws(LogError) -> Void
    ) throws(LogError) {
        do throws(LogError) {
            try body(&self)
        } catch {
            guard error.isUnreadableMedium, !isNewest else { throw error }
            report.notes.append("\(error)")
        }
    }

    private mutating func inspectSealed(
        _ base: RecordID,
        nextBase: RecordID?,
        hasRaw: Bool
    ) throws(LogError) {
        let path = directory.sealed(base)
        if let wider = sealed.last, base <= wider.footer.lastCovered {
            guard wider.hasFooter else { return }
            let file = try onDisk { () throws(DiskError) in try disk.open(path, .read) }
            try discard(path, base, [try FileHeader.read(file, kind: .sealed, store: store)], to: \.leftovers)
            return
        }
        let file = try onDisk { () throws(DiskError) in try disk.open(path, .read) }
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
        try requireName(of: path, base, toBe: segment.header.base)
        if !segment.hasFooter { report.notes.append("the footer of \(path) is damaged") }
        if hasRaw && !segment.hasFooter { unreadable.append(path) } else { sealed.append(segment) }
    }

    /// A file whose name says that it is not needed any more is given up only if its header says the same.
    private mutating func discard(
        _ path: String,
        _ base: RecordID,
        _ headers: [FileHeader?],
        to list: WritableKeyPath<LogInventory, [String]>
    ) throws(LogError) {
        if let header = headers.compactMap(\.self).first {
            try requireName(of: path, base, toBe: header.base)
            self[keyPath: list].append(path)
        } else {
            report.notes.append("the header of \(path) is damaged")
            unreadable.append(path)
        }
    }

    /// Returns the size of a file that cannot be read.
    private mutating func inspectRaw(
        _ base: RecordID,
        nextBase: RecordID?,
        progress: (Double) -> Void
    ) throws(LogError) -> UInt64? {
        let path = directory.active(base)
        if sealed.contains(where: { $0.footer.firstCovered <= base && base <= $0.footer.lastCovered }) {
            let file = try onDisk { () throws(DiskError) in try disk.open(path, .read) }
            try discard(path, base, try rawHeaders(of: file, base), to: \.sealedRaw)
            return nil
        }
        let file = try onDisk { () throws(DiskError) in try disk.open(path, access) }
        let size = try onDisk { () throws(DiskError) in try file.size() }
        let headers = try rawHeaders(of: file, base)
        guard var header = headers.first else {
            unreadable.append(path)
            return size
        }
        var outcome = try TailScanner.scan(file, header: header, nextBase: nextBase, progress: progress)
        if headers.count == 2 {
            let other = try TailScanner.scan(file, header: headers[1], nextBase: nextBase)
            if other.end > outcome.end { (header, outcome) = (headers[1], other) }
        }
        for offset in outcome.damagedHeaders {
            report.notes.append("the header of the frame at offset \(offset) of \(path) is damaged")
        }
        let segment = RawSegment(file: file, header: header, register: register, found: outcome)
        raw.append(Raw(segment: segment, outcome: outcome, fileBytes: size))
        return nil
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
                try requireName(of: file.path, base, toBe: header.base)
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

    private func requireName(of path: String, _ name: RecordID, toBe base: RecordID) throws(LogError) {
        guard name == base else {
            throw .unreadable(path: path, reason: "the file has been renamed: its first id is \(base)")
        }
    }

    private mutating func findDamage(lost: ClosedRange<RecordID>?) {
        var expected = RecordID(1)
        for segment in segments {
            if segment.base > expected { report.damage.append(expected...RecordID(segment.base.rawValue - 1)) }
            report.damage += segment.damage
            expected = max(expected, segment.lastID?.next ?? segment.base)
        }
        if let lost { report.damage.append(min(expected, lost.lowerBound)...lost.upperBound) }
        for hole in report.damage {
            report.notes.append("records \(hole.lowerBound) to \(hole.upperBound) are damaged or missing")
        }
    }
}
