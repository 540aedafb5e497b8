// Owns: opening a log: from what a crash left in the directory to a log that can be read and appended to.
//
//  1. `StoreClaim`: lock the directory; read `store.json`, or make the store where there is none.
//  2. `LogInventory`: read the manifest, header and footer of every sealed segment, the trailer of every closed raw one, scan
//     the others, and tell what each file is to the log. Nothing is written, so a directory that this version does not know
//     is refused untouched.
//  3. `LogRepair`: put damaged files and torn bytes into the quarantine, remove leftovers, and find or make the active
//     segment.
//
// Recovery that is itself cut off by a crash is run again from the beginning; every step leaves a state that it accepts.

package import Disk

/// What opening found and did, for the log of the daemon.
package struct RecoveryReport: Sendable {
    package var created = false
    /// Whether something was appended before, and no stop in good order came after it. Nothing acknowledged is lost by that.
    package var followsUncleanStop = false
    /// What was found damaged, lacking, or left over, in words.
    package var notes: [String] = []
    /// Bytes of a torn write that were moved to the quarantine.
    package var tornBytes = 0
    package var damage: [ClosedRange<RecordID>] = []
    /// Ids at the end of the damage of which nobody knows whether they were given at all; nil for none.
    package var doubtful: ClosedRange<RecordID>?
    /// Files that cannot be used, and go to the quarantine, by their paths within the data directory.
    package var unusable: [String] = []
    /// Files that the disk does not give back, likewise; they stay where they are.
    package var passedOver: [String] = []
}

extension SegmentLog {
    /// Opens the log in a data directory for appending. `now` is the time of creation where the store is made; `progress`
    /// is told how much of the recovery has been done, 0 to 1.
    package static func open(
        _ disk: any Disk,
        directory: LogDirectory,
        options: LogOptions = LogOptions(),
        register: DamageRegister = DamageRegister(),
        now: RecordTime,
        progress: (Double) -> Void = { _ in }
    ) throws(LogError) -> (log: SegmentLog, writer: LogWriter, report: RecoveryReport) {
        let claim = try StoreClaim(disk, directory, createdAt: options.create ? now : nil)
        let disk = claim.disk
        let cache = BlockCache(budgetBytes: options.cacheBytes, tableBytes: options.tableBytes)
        let inventory = try LogInventory(
            disk,
            directory,
            store: claim.store.store,
            cache: cache,
            register: register,
            options: options,
            isNew: claim.isNew,
            progress: progress
        )
        let maker = ActiveSegmentMaker(
            disk: disk,
            directory: directory,
            store: claim.store.store,
            spares: SpareFiles(disk, directory, options: options, existing: inventory.spares),
            fileBytes: UInt64(options.segmentBytes)
        )
        try inventory.manifest.features.requireWritable(path: directory.manifest)
        // A new segment would take the name of one that has no event yet.
        if let newest = inventory.raw.last?.segment, newest.base > inventory.tail {
            try newest.header.features.requireWritable(path: newest.path)
        }
        let manifest = ManifestWriter(disk, directory, store: claim.store.store, found: inventory.manifest)
        var repair = LogRepair(inventory, maker: maker, register: register, manifest: manifest, now: now)
        try repair.run()
        var opening = inventory.report
        // They are in the quarantine now.
        opening.unusable = []
        let log = SegmentLog(
            claim: claim,
            options: options,
            maker: maker,
            cache: cache,
            register: register,
            opening: opening,
            view: LogView(segments: repair.segments, damage: inventory.report.damage, tail: inventory.tail),
            lastRecordedAt: inventory.lastRecordedAt,
            controls: inventory.controls
        )
        var report = inventory.report
        report.created = claim.isNew
        report.notes += repair.notes
        report.tornBytes = repair.tornBytes
        return (log, LogWriter(log, place: repair.place, manifest: manifest), report)
    }

    /// Opens the log for reading alone and changes nothing at all, so that a file system which is mounted read-only will do;
    /// leftovers and torn bytes stay as they are.
    ///
    /// `guessing` has the segments say which store they are of where `store.json` cannot be read.
    package static func openReadOnly(
        _ disk: any Disk,
        directory: LogDirectory,
        options: LogOptions = LogOptions(),
        guessing: Bool = false
    ) throws(LogError) -> (log: SegmentLog, report: RecoveryReport) {
        let claim = try StoreClaim(readOnly: disk, directory, guessing: guessing)
        let disk = claim.disk
        let cache = BlockCache(budgetBytes: options.cacheBytes, tableBytes: options.tableBytes)
        let register = DamageRegister()
        let inventory = try LogInventory(
            disk,
            directory,
            store: claim.store.store,
            cache: cache,
            register: register,
            options: options,
            access: .read
        )
        let log = SegmentLog(
            claim: claim,
            options: options,
            maker: ActiveSegmentMaker(
                disk: disk,
                directory: directory,
                store: claim.store.store,
                spares: SpareFiles(disk, directory, options: options, existing: []),
                fileBytes: UInt64(options.segmentBytes)
            ),
            cache: cache,
            register: register,
            opening: inventory.report,
            view: LogView(segments: inventory.segments, damage: inventory.report.damage, tail: inventory.tail),
            lastRecordedAt: inventory.lastRecordedAt,
            controls: inventory.controls
        )
        var report = inventory.report
        report.tornBytes = inventory.raw.last?.outcome?.torn.map { $0.upperBound - $0.lowerBound } ?? 0
        return (log, report)
    }
}
