// Owns: opening a log: from what a crash left in the directory to a log that can be read and appended to.
//
//  1. `StoreClaim`: lock the directory; read `store.json`, or make the store where there is none.
//  2. `LogInventory`: read the header and footer of every sealed segment, scan every raw one, and tell what each file is
//     to the log. Nothing is written, so a directory that this version does not know is refused untouched.
//  3. `LogRepair`: put damaged files and torn bytes into the quarantine, remove leftovers, and find or make the active
//     segment.
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
        _ disk: any Disk,
        directory: LogDirectory,
        options: LogOptions = LogOptions(),
        now: RecordTime
    ) throws(LogError) -> (log: SegmentLog, writer: LogWriter, report: RecoveryReport) {
        let claim = try StoreClaim(disk, directory, createdAt: options.create ? now : nil)
        let cache = BlockCache(budgetBytes: options.cacheBytes)
        let inventory = try LogInventory(disk, directory, store: claim.store.store, cache: cache, options: options)
        var repair = LogRepair(disk, directory, inventory: inventory)
        try repair.run()
        let spares = SpareFiles(
            disk,
            directory,
            fileBytes: options.segmentBytes,
            wanted: options.spareFiles,
            kept: options.recycledFiles,
            existing: inventory.spares
        )
        for path in inventory.sealedRaw { spares.retire(path) }
        let log = SegmentLog(disk, directory, options, claim: claim, inventory: inventory, cache: cache, spares: spares)
        let writer = try repair.writer(of: log)
        var report = inventory.report
        report.created = claim.isNew
        report.notes += repair.notes
        report.tornBytes = repair.tornBytes
        return (log, writer, report)
    }

    /// Opens the log for reading alone and writes nothing; leftovers and torn bytes stay as they are.
    package static func openReadOnly(
        _ disk: any Disk,
        directory: LogDirectory,
        options: LogOptions = LogOptions()
    ) throws(LogError) -> (log: SegmentLog, report: RecoveryReport) {
        let claim = try StoreClaim(disk, directory, createdAt: nil)
        let cache = BlockCache(budgetBytes: options.cacheBytes)
        let inventory = try LogInventory(disk, directory, store: claim.store.store, cache: cache, options: options)
        let spares = SpareFiles(disk, directory, fileBytes: options.segmentBytes, wanted: 0, kept: 0, existing: [])
        let log = SegmentLog(disk, directory, options, claim: claim, inventory: inventory, cache: cache, spares: spares)
        return (log, inventory.report)
    }

    private convenience init(
        _ disk: any Disk,
        _ directory: LogDirectory,
        _ options: LogOptions,
        claim: StoreClaim,
        inventory: LogInventory,
        cache: BlockCache,
        spares: SpareFiles
    ) {
        self.init(
            disk: disk,
            directory: directory,
            store: claim.store,
            options: options,
            spares: spares,
            cache: cache,
            lock: claim.lock,
            view: LogView(segments: inventory.segments, damage: inventory.report.damage, tail: inventory.tail),
            lastRecordedAt: inventory.lastRecordedAt
        )
    }
}
