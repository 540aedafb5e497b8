// Owns: opening a log: from what a crash left in the directory to a log that can be read and appended to.
//
//  1. Lock the directory. Read `store.json`, or make the store where there is none.
//  2. Read the header and footer of every sealed segment, and scan every raw one. Nothing has been written so far, so a
//     directory of a format that this version does not know is refused untouched.
//  3. Of two files that answer for the same ids, one is a leftover: a sealed segment inside a wider one is an input of a
//     compaction, a raw one beside its intact sealed one has been sealed. A sealed file that cannot be read while its
//     raw one can goes to the quarantine.
//  4. Ids that no segment answers for are damage, and are reported.
//  5. The last raw segment is the active one. Bytes of a torn write are saved to the quarantine and cut; frames that no
//     later frame proves durable are written again before they are trusted, since after a failed sync the page cache may
//     show what the disk does not hold. A segment with damage is left as it is, and a new one is begun behind it.
//
// Recovery that is itself cut off by a crash is run again from the beginning; every step leaves a state that it accepts.

package import Disk

/// What opening found and did, for the log of the daemon.
package struct RecoveryReport: Sendable {
    package var created = false
    /// What was found damaged, lacking, or left over, in words.
    package var notes: [String] = []
    /// Bytes of a torn write that were moved to the quarantine.
    package var tornBytes = 0
    package var damage: [ClosedRange<RecordID>] = []
}

extension SegmentLog {
    /// Opens the log in a data directory for appending. `now` is the time of creation where the store is made.
    package static func open(
        _ disk: any Disk, directory: LogDirectory, options: LogOptions = LogOptions(), now: RecordTime
    ) throws(LogError) -> (log: SegmentLog, writer: LogWriter, report: RecoveryReport) {
        var recovery = try LogRecovery(disk, directory, options, now: now)
        try recovery.inspect()
        return try recovery.repair()
    }

    /// Opens the log for reading alone and writes nothing; leftovers and torn bytes stay as they are.
    package static func openReadOnly(
        _ disk: any Disk, directory: LogDirectory, options: LogOptions = LogOptions()
    ) throws(LogError) -> (log: SegmentLog, report: RecoveryReport) {
        var options = options
        options.create = false
        var recovery = try LogRecovery(disk, directory, options, now: .minimum)
        try recovery.inspect()
        return (recovery.log(), recovery.report)
    }
}

private struct LogRecovery {
    /// A raw segment as its file was found.
    private struct Raw {
        let segment: RawSegment
        let outcome: TailScanner.Outcome
    }

    private let disk: any Disk
    private let directory: LogDirectory
    private let options: LogOptions
    private let lock: any DiskLock
    private let store: StoreFile
    private let cache: BlockCache
    private(set) var report = RecoveryReport()

    private var sealed: [SealedSegment] = []
    private var raw: [Raw] = []
    /// Files that hold nothing the log needs.
    private var leftovers: [String] = []
    /// Raw files whose sealed segment is intact.
    private var sealedRaw: [String] = []
    /// Files that cannot be read although they should be.
    private var unreadable: [String] = []
    private var spares: [String] = []

    init(
        _ disk: any Disk, _ directory: LogDirectory, _ options: LogOptions, now: RecordTime
    ) throws(LogError) {
        self.disk = disk
        self.directory = directory
        self.options = options
        cache = BlockCache(budgetBytes: options.cacheBytes)
        if options.create { try Self.createDirectories(disk, directory) }
        let held: (any DiskLock)?
        do {
            held = try disk.lock(directory.lock)
        } catch {
            throw error.isMissing ? .missing(path: directory.data) : .disk(error)
        }
        guard let held else { throw .inUse(path: directory.data) }
        lock = held
        if let store = try StoreFile.read(disk, directory) {
            self.store = store
        } else {
            let present = (try? disk.names(in: directory.log)) ?? []
            guard options.create else { throw .missing(path: directory.data) }
            guard !present.contains(where: { $0.hasSuffix(LogDirectory.sealedSuffix) }),
                !present.contains(where: { $0.hasSuffix(LogDirectory.activeSuffix) })
            else { throw .unreadable(path: directory.data, reason: "there are segments, but no \(StoreFile.name)") }
            store = StoreFile(store: .random(), created: now)
            let contents = store.encoded()
            try onDisk { () throws(DiskError) in
                try disk.replaceFile(StoreFile.name, in: directory.data, with: contents)
            }
            report.created = true
        }
    }

    private static func createDirectories(_ disk: any Disk, _ directory: LogDirectory) throws(LogError) {
        try onDisk { () throws(DiskError) in
            for path in [directory.data, directory.log, directory.snapshots, directory.quarantine] {
                try disk.createDirectory(path)
            }
            try disk.syncDirectory(directory.data)
            if let slash = directory.data.lastIndex(of: "/"), slash != directory.data.startIndex {
                try disk.syncDirectory(String(directory.data[..<slash]))
            }
        }
    }

    // MARK: Reading

    /// Steps 2 to 4; writes nothing.
    mutating func inspect() throws(LogError) {
        let names = try onDisk { () throws(DiskError) in try disk.names(in: directory.log) }.sorted()
        let sealedBases = names.compactMap { LogDirectory.base(of: $0, suffix: LogDirectory.sealedSuffix) }
        let rawBases = names.compactMap { LogDirectory.base(of: $0, suffix: LogDirectory.activeSuffix) }
        let bases = Set(sealedBases + rawBases).sorted()
        for name in names where name.hasSuffix(LogDirectory.temporarySuffix) {
            leftovers.append("\(directory.log)/\(name)")
        }
        for base in sealedBases {
            try inspectSealed(base, nextBase: bases.first { $0 > base }, hasRaw: rawBases.contains(base))
        }
        for base in rawBases { try inspectRaw(base) }
        for name in names where name.hasSuffix(LogDirectory.spareSuffix) {
            let path = "\(directory.log)/\(name)"
            let size = try onDisk { () throws(DiskError) in try disk.open(path, .read).size() }
            if size == options.segmentBytes { spares.append(name) } else { leftovers.append(path) }
        }
        findGaps()
    }

    private mutating func inspectSealed(_ base: RecordID, nextBase: RecordID?, hasRaw: Bool) throws(LogError) {
        let path = directory.sealed(base)
        if let last = sealed.last?.footer.lastCovered, base <= last {
            leftovers.append(path)
            return
        }
        do {
            let file = try onDisk { () throws(DiskError) in try disk.open(path, .read) }
            let segment = try SealedSegment(file, store: store.store, cache: cache, nextBase: nextBase)
            if !segment.hasFooter {
                report.notes.append("the footer of \(path) is damaged")
                if hasRaw {
                    unreadable.append(path)
                    return
                }
            }
            sealed.append(segment)
        } catch {
            guard case .unreadable(_, let reason) = error else { throw error }
            report.notes.append("\(path): \(reason)")
            unreadable.append(path)
        }
    }

    private mutating func inspectRaw(_ base: RecordID) throws(LogError) {
        let path = directory.active(base)
        if sealed.contains(where: { $0.footer.firstCovered <= base && base <= $0.footer.lastCovered }) {
            sealedRaw.append(path)
            return
        }
        do {
            let file = try onDisk { () throws(DiskError) in try disk.open(path, .readWrite) }
            let header = try FileHeader.read(file, kind: .raw, store: store.store)
            let outcome = try TailScanner.scan(file, header: header)
            raw.append(
                Raw(
                    segment: RawSegment(file: file, header: header, table: outcome.table, damage: outcome.damage),
                    outcome: outcome))
        } catch {
            guard case .unreadable(_, let reason) = error else { throw error }
            report.notes.append("\(path): \(reason)")
            unreadable.append(path)
        }
    }

    private mutating func findGaps() {
        var expected = RecordID(1)
        for segment in segments {
            if segment.base > expected { report.damage.append(expected...RecordID(segment.base.rawValue - 1)) }
            if let raw = segment as? RawSegment { report.damage += raw.damage }
            expected = max(expected, segment.lastID?.next ?? segment.base)
        }
        for hole in report.damage {
            report.notes.append("records \(hole.lowerBound) to \(hole.upperBound) are damaged or missing")
        }
    }

    private var segments: [any Segment] {
        let all: [any Segment] = sealed + raw.map(\.segment)
        return all.sorted { $0.base < $1.base }
    }

    // MARK: Writing

    /// Step 5, and the removal of leftovers.
    mutating func repair() throws(LogError) -> (SegmentLog, LogWriter, RecoveryReport) {
        for path in unreadable { try quarantine(path) }
        try onDisk { () throws(DiskError) in
            for path in leftovers { try disk.remove(path) }
            if !(leftovers + unreadable).isEmpty { try disk.syncDirectory(directory.log) }
        }
        let spareFiles = SpareFiles(
            disk, directory, fileBytes: options.segmentBytes, wanted: options.spareFiles, existing: spares)
        for path in sealedRaw { spareFiles.retire(path) }
        for raw in raw { try repairTail(of: raw) }

        var log = log(spares: spareFiles)
        let last = raw.last.flatMap { last in segments.last === last.segment ? last : nil }
        let size = try last.map { last throws(LogError) in
            try onDisk { () throws(DiskError) in try last.segment.file.size() }
        }
        // A segment of another size than is configured is closed too, so that the writer has one size to think of.
        if let last, last.outcome.damage.isEmpty, size == UInt64(options.segmentBytes) {
            let isMarked = last.outcome.durableOffset > last.outcome.lastFrameOffset ?? FrameHeader.firstOffset
            let writer = LogWriter(log, segment: last.segment, tail: last.outcome.end, isMarked: isMarked)
            return (log, writer, report)
        }
        if let last, last.segment.recordCount == 0, last.outcome.damage.isEmpty {
            // Nothing in it, and its name is wanted.
            try onDisk { () throws(DiskError) in try disk.remove(last.segment.path) }
            raw.removeLast()
            log = self.log(spares: spareFiles)
        }
        let fresh = try log.createActive(base: log.view.tail.next)
        log.append(fresh)
        return (log, LogWriter(log, segment: fresh, tail: FrameHeader.firstOffset, isMarked: false), report)
    }

    private mutating func repairTail(of raw: Raw) throws(LogError) {
        let file = raw.segment.file
        if let torn = raw.outcome.torn {
            let bytes = try onDisk { () throws(DiskError) in
                try file.bytes(at: torn.lowerBound, count: torn.upperBound - torn.lowerBound)
            }
            if let bytes {
                let name = "\(raw.segment.base)-\(torn.lowerBound).torn"
                try onDisk { () throws(DiskError) in
                    try disk.replaceFile(name, in: directory.quarantine, with: bytes)
                    try file.write([UInt8](repeating: 0, count: bytes.count), at: torn.lowerBound)
                    try file.sync()
                }
                report.tornBytes += bytes.count
                report.notes.append("\(bytes.count) bytes of a torn write were saved to quarantine/\(name)")
            }
        }
        let unproven = raw.outcome.durableOffset..<max(raw.outcome.end, raw.outcome.durableOffset)
        guard !unproven.isEmpty, raw.outcome.damage.isEmpty else { return }
        try onDisk { () throws(DiskError) in
            guard let bytes = try file.bytes(at: unproven.lowerBound, count: unproven.upperBound - unproven.lowerBound)
            else { return }
            try file.write(bytes, at: unproven.lowerBound)
            try file.sync()
        }
    }

    private func quarantine(_ path: String) throws(LogError) {
        let name = path.split(separator: "/").last.map(String.init) ?? "file"
        try onDisk { () throws(DiskError) in
            try disk.rename(path, to: "\(directory.quarantine)/\(name)")
            try disk.syncDirectory(directory.quarantine)
        }
    }

    func log(spares: SpareFiles? = nil) -> SegmentLog {
        let segments = segments
        let tail = segments.compactMap(\.lastID).max() ?? .zero
        let recordedAt = (sealed.map(\.footer.lastRecordedAt) + raw.compactMap(\.outcome.lastRecordedAt)).max()
        return SegmentLog(
            disk: disk, directory: directory, store: store, options: options,
            spares: spares ?? SpareFiles(disk, directory, fileBytes: options.segmentBytes, wanted: 0, existing: []),
            cache: cache, lock: lock,
            view: LogView(segments: segments, damage: report.damage, tail: tail),
            lastRecordedAt: recordedAt ?? .minimum)
    }
}
