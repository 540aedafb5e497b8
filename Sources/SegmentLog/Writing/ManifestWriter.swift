// Owns: writing the manifest, slot by slot, so that a crash leaves the one that stood there before.

internal import Disk

/// The writer of a store's manifest. Not `Sendable`: recovery hands it to the log's writer.
final class ManifestWriter {
    private let disk: any Disk
    private let directory: LogDirectory
    private let store: UniqueID
    private var file: (any DiskFile)?
    private var sequence: UInt64
    private var slot: Int
    /// Whether the whole file is to be made anew: it is missing, or not what it should be.
    private var isToBeMade: Bool
    /// What was written last.
    private(set) var entry: ManifestEntry?

    init(_ disk: any Disk, _ directory: LogDirectory, store: UniqueID, found manifest: Manifest) {
        self.disk = disk
        self.directory = directory
        self.store = store
        sequence = manifest.sequence
        slot = manifest.slot
        entry = manifest.entry
        isToBeMade = !manifest.problems.isEmpty
    }

    /// Writes an entry and makes it durable. A throw leaves the one before in its place, and a later try may succeed: it
    /// writes everything anew.
    func write(_ entry: ManifestEntry) throws(LogError) {
        let next = sequence + 1
        // A write that has failed may have spoilt the slot.
        defer { if sequence < next { isToBeMade = true } }
        try onDisk { () throws(DiskError) in
            // Somebody may have removed it under us.
            if try file?.isInPlace() == false { isToBeMade = true }
            if isToBeMade || file == nil { try prepare(entry, next) }
            guard sequence < next, let file else { return }
            let slot = 1 - slot
            let bytes = Manifest.slot(entry, store: store, sequence: next)
            try file.write(bytes, at: FileOffset(slot * Manifest.slotBytes))
            try file.sync()
            self.slot = slot
            sequence = next
        }
        self.entry = entry
    }

    /// Opens the file; where it is not what it should be, one with this entry takes its place.
    private func prepare(_ entry: ManifestEntry, _ next: UInt64) throws(DiskError) {
        if !isToBeMade {
            do throws(DiskError) {
                file = try disk.open(directory.manifest, .readWrite)
                return
            } catch {
                guard error.isMissing else { throw error }
            }
        }
        let bytes = Manifest.file(entry, store: store, sequence: next)
        try disk.replaceFile(Manifest.name, in: directory.data, with: bytes)
        file = try disk.open(directory.manifest, .readWrite)
        (sequence, slot, isToBeMade) = (next, 0, false)
    }
}

extension ManifestEntry {
    /// What is said before a prepared segment is given its name, which may be that of another one: either is the right one after
    /// a crash. `tail` is what is durable without it.
    static func atRest(
        tail: RecordID,
        recordedAt: RecordTime,
        controlSequence: UInt64,
        before prepared: ActiveSegmentMaker.Prepared,
        replacing replaced: UniqueID? = nil
    ) -> ManifestEntry {
        ManifestEntry(
            state: .atRest,
            tail: tail,
            recordedAt: recordedAt,
            segment: prepared.header.identity.segment,
            base: prepared.header.base,
            fileBytes: prepared.header.fileBytes,
            replaces: replaced ?? .zero,
            controlSequence: controlSequence,
            limit: prepared.lastID ?? tail
        )
    }
}
