// Owns: carrying everything that can still be read of a log into a new directory. The old one is only read: it is the
// evidence, and whoever can do better later may want it.
//
//  * Ids, times and bodies stay as they are. Ids that are lost are gaps in the new log, which no reader stumbles over; the
//    new log answers for every id up to the last that was ever given, so none is given twice.
//  * The new log is another store, with a unique id of its own: it holds other contents, and a file of the one must never
//    pass for a file of the other. What was derived from the whole log, snapshots above all, is not taken along.
//  * `store.json` comes last. Until then no daemon opens the directory, or makes a store in it: it holds what no store
//    holds, `repair.unfinished` first of all.

package import Disk
import Glibc

/// What a salvage brought over, and what not.
package struct SalvageReport: Equatable, Sendable {
    package static let name = "repair.json"

    /// The damaged store.
    package let source: UniqueID
    /// The new one.
    package let store: UniqueID
    /// Nanoseconds since the Unix epoch.
    package let salvagedAt: RecordTime
    package var records: UInt64 = 0
    /// Ids that could not be read, in order. Where the newest file was lost as a whole, as many as it can have held.
    package var lost: [ClosedRange<RecordID>] = []
    /// Bytes of a write that a crash had cut off, which was never acknowledged.
    package var tornBytes = 0

    /// How many ids are lost.
    package var lostIDs: UInt64 { lost.reduce(0) { $0 + $1.upperBound.rawValue - $1.lowerBound.rawValue + 1 } }

    /// One JSON object, as it is kept in the new directory.
    package var json: String {
        let ranges = lost.map { "{\"first\":\($0.lowerBound),\"last\":\($0.upperBound)}" }.joined(separator: ",")
        return "{\"source_store_uuid\":\"\(source.digits)\",\"store_uuid\":\"\(store.digits)\","
            + "\"repaired_at\":\(salvagedAt.rawValue / 1_000_000_000),\"events\":\(records),"
            + "\"lost\":[\(ranges)],\"lost_ids\":\(lostIDs),\"torn_bytes\":\(tornBytes)}"
    }
}

extension SegmentLog {
    /// Copies what can be read of the log in `from` into a new log in `into`, which must be missing or empty. Memory does
    /// not grow with the log, only with its largest segment's index. `now` is the time of creation. `progress` is called
    /// with the fraction done, 0 to 1.
    ///
    /// Throws `inUse` while another process has the old directory, and what goes wrong with the new one, which may not lie
    /// in the old one; a directory that is left behind then is no store.
    package static func salvage(
        _ disk: any Disk,
        from: LogDirectory,
        into: LogDirectory,
        options: LogOptions = LogOptions(),
        now: RecordTime,
        progress: (Double) -> Void = { _ in }
    ) throws(LogError) -> SalvageReport {
        let (log, opening) = try openReadOnly(disk, directory: from, options: options, guessing: true)
        guard into.data != from.data, !into.data.hasPrefix(from.data + "/") else {
            throw .disk(DiskError(.createDirectory, path: into.data, errno: EINVAL))
        }
        let view = log.view
        var report = SalvageReport(source: log.store.store, store: .random(), salvagedAt: now)
        report.lost = view.damage
        report.tornBytes = opening.tornBytes
        var target = try SalvageTarget(disk, into, store: report.store, options: options)
        let plan = Self.plan(view)
        for (position, part) in plan.enumerated() {
            let controls = position == plan.count - 1 ? log.controls.current : []
            try target.write(part.segment, covering: part.covering, controls, &report) { share in
                progress((Double(position) + share) / Double(plan.count))
            }
        }
        report.lost = RecordRanges.merged(report.lost)
        try target.finish(report, nextID: view.tail.next, recordedAt: log.lastRecordedAt)
        progress(1)
        return report
    }

    /// Which segment of the new log takes the records of which old one. Together they answer for every id up to the tail.
    private static func plan(_ view: LogView) -> [(segment: (any Segment)?, covering: ClosedRange<RecordID>)] {
        var plan: [(segment: (any Segment)?, covering: ClosedRange<RecordID>)] = []
        var next = RecordID(1)
        for segment in view.segments {
            guard let last = segment.lastID.map({ min($0, view.tail) }), last >= next else { continue }
            plan.append((segment, next...last))
            next = last.next
        }
        if next <= view.tail { plan.append((nil, next...view.tail)) }
        return plan
    }
}

/// The directory that a salvage fills.
private struct SalvageTarget {
    private let disk: any Disk
    private let directory: LogDirectory
    private let store: UniqueID
    private let options: LogOptions
    /// So that no daemon takes the directory meanwhile.
    private let lock: any DiskLock
    /// The segment that was written last, as the next one names it.
    private var predecessor = Predecessor.none
    /// Of the last control record that was taken over.
    private var controlSequence: UInt64 = 0
    /// A name that no store has: whoever comes upon it knows that this is none yet.
    private var unfinished: String { "\(directory.data)/repair.unfinished" }

    init(_ disk: any Disk, _ directory: LogDirectory, store: UniqueID, options: LogOptions) throws(LogError) {
        self.disk = disk
        self.directory = directory
        self.store = store
        self.options = options
        lock = try OwnerLock(directory) { () throws(DiskError) in
            try disk.createDirectory(directory.data)
            guard let owned = try disk.lockDirectory(directory.data) else { return nil }
            guard try disk.names(in: directory.data).isEmpty else {
                throw DiskError(.createDirectory, path: directory.data, errno: ENOTEMPTY)
            }
            return try disk.lock(directory.lock).map { [owned, $0] }
        }
        try onDisk { () throws(DiskError) in
            _ = try disk.open(unfinished, .createNew)
            try disk.syncDirectory(directory.data)
            try disk.syncDirectory(directory.parent)
            try disk.createDirectory(directory.log)
            try disk.syncDirectory(directory.data)
        }
    }

    /// Writes one segment with all records of `source` that can be read, and reads it back.
    mutating func write(
        _ source: (any Segment)?,
        covering: ClosedRange<RecordID>,
        _ controls: [ControlRecord],
        _ report: inout SalvageReport,
        progress: (Double) -> Void
    ) throws(LogError) {
        let file = try onDisk { () throws(DiskError) in
            try disk.open(directory.sealed(covering.lowerBound), .createNew)
        }
        let header = FileHeader(
            kind: .sealed,
            identity: SegmentIdentity(store: store, segment: .random()),
            base: covering.lowerBound,
            createdAt: report.salvagedAt,
            predecessor: predecessor
        )
        controlSequence = controls.last?.sequence ?? controlSequence
        predecessor = Predecessor(segment: header.origin, lastID: covering.upperBound)
        var writer = try SealedWriter(
            file,
            header: header,
            covering: covering,
            level: options.sealingLevel,
            blockBytes: options.blockBytes
        )
        var written = RecordDigest()
        var keys = Postings()
        let count = try source?.blockCount() ?? 0
        for index in 0..<count {
            if let source, let block = try readable(source, index, covering, &report) {
                for entry in block.entries.indices {
                    let record = Record(block, entry)
                    // Blocks that were found without their table are held to what they must be.
                    guard covering.contains(record.id), record.id > written.last else { continue }
                    let place = try writer.add(record)
                    record.withBody { keys.add($0, block: place) }
                    written.add(record)
                }
            }
            progress(Double(index + 1) / Double(count))
        }
        _ = try writer.finish(keys, controls: controls)
        var readBack = RecordDigest()
        let cache = BlockCache(budgetBytes: 1 << 20)
        if let copy = try SealedSegment(file, store: store, cache: cache, register: DamageRegister()) {
            var records = RecordSequence(copy)
            while let record = try records.next() { readBack.add(record) }
        }
        guard readBack == written else {
            // Not the damage that was there before: this disk, now.
            throw .disk(DiskError(.read, path: file.path, errno: EIO))
        }
        report.records += written.count
    }

    /// A block of the old log; nil where it is damaged, which is taken down.
    private func readable(
        _ source: any Segment,
        _ index: Int,
        _ covering: ClosedRange<RecordID>,
        _ report: inout SalvageReport
    ) throws(LogError) -> Block? {
        do throws(LogError) {
            return try source.block(index)
        } catch {
            switch error {
            case .corrupt, .later: break
            case .disk(let cause) where cause.operation == .read || cause.isNotRegularFile: break
            default: throw error
            }
            let summary = try source.summary(of: index)
            let ids = summary.firstID...summary.lastID
            if ids.overlaps(covering) { report.lost.append(ids.clamped(to: covering)) }
            return nil
        }
    }

    /// Makes a store of what has been written, which goes on with `nextID`.
    func finish(_ report: SalvageReport, nextID: RecordID, recordedAt: RecordTime) throws(LogError) {
        // A log whose last segment is sealed has lost another behind it.
        let spares = SpareFiles(disk, directory, options: options, existing: [])
        let maker = ActiveSegmentMaker(
            disk: disk,
            directory: directory,
            store: store,
            spares: spares,
            fileBytes: UInt64(options.segmentBytes)
        )
        var prepared = try maker.prepare(
            ActiveSegmentMaker.Beginning(nextID, after: predecessor, createdAt: report.salvagedAt)
        )
        let entry = ManifestEntry.atRest(
            tail: RecordID(nextID.rawValue - 1),
            recordedAt: recordedAt,
            controlSequence: controlSequence,
            before: prepared
        )
        _ = try maker.activate(&prepared, register: DamageRegister())
        try onDisk { () throws(DiskError) in
            try disk.syncDirectory(directory.log)
            try disk.remove(unfinished)
            let manifest = Manifest.file(entry, store: store, sequence: 1)
            try disk.replaceFile(Manifest.name, in: directory.data, with: manifest)
            try disk.replaceFile(SalvageReport.name, in: directory.data, with: Array((report.json + "\n").utf8))
            let file = StoreFile(store: store, created: report.salvagedAt)
            try disk.replaceFile(StoreFile.name, in: directory.data, with: file.encoded())
        }
    }
}

/// A checksum over records in order, so that what was read back can be compared without holding it.
private struct RecordDigest: Equatable {
    private(set) var last = RecordID.zero
    private(set) var count: UInt64 = 0
    private var crc: UInt32 = 0

    mutating func add(_ record: Record) {
        last = record.id
        count += 1
        let head = (record.id.rawValue, record.time.rawValue, record.recordedAt.rawValue, record.bodyBytes)
        crc = withUnsafeBytes(of: head) { Checksum.crc32($0, from: crc) }
        crc = record.withBody { Checksum.crc32($0, from: crc) }
    }
}
