// Owns: what speaks against a file before it is looked into. A file from another past of the store, put beside the newest one,
// would cut that off; one of a later version may not be ours to remove.

internal import Disk

extension Manifest {
    /// Places at which no segment can begin: the one that the manifest names held all ids from its own first to the last
    /// that the manifest has seen, and it is there.
    func disproved(
        among bases: [RecordID],
        _ disk: any Disk,
        _ directory: LogDirectory,
        store: UniqueID
    ) throws(LogError) -> [RecordID] {
        guard isWhole, let entry, entry.segment != .zero, entry.base < entry.tail else { return [] }
        let disproved = Set(bases.filter { $0 > entry.base && $0 <= entry.tail }).sorted()
        guard !disproved.isEmpty, bases.contains(entry.base) else { return [] }
        let file: any DiskFile
        do throws(DiskError) {
            file = try disk.open(directory.active(entry.base), .read)
        } catch {
            // What is there instead is for the inventory to refuse.
            guard error.isMissing || error.isNotRegularFile else { throw .disk(error) }
            return []
        }
        for offset in [FileOffset(0), FileHeader.copyOffset] {
            do throws(LogError) {
                let header = try FileHeader.read(file, at: offset, kind: .raw, store: store)
                if header?.identity.segment == entry.segment { return disproved }
            } catch {
                // Of another store, or a later version: that is told, too.
                guard error.isUnreadableMedium || !error.isDisk else { throw error }
            }
        }
        return []
    }

    /// The last id that a disproved file answers for; nil where its headers are damaged. Throws where it does not belong here at
    /// all: then it is somebody's mistake, as anywhere else.
    static func lastID(ofDisproved file: any DiskFile, _ base: RecordID, store: UniqueID) throws(LogError) -> RecordID?
    {
        if file.path.hasSuffix(LogDirectory.sealedSuffix) {
            let cache = BlockCache(budgetBytes: 0)
            let segment = try SealedSegment(file, store: store, cache: cache, register: DamageRegister())
            guard let segment else { return nil }
            try segment.header.requireName(base, path: file.path)
            return segment.lastID
        }
        for offset in [FileOffset(0), FileHeader.copyOffset] {
            guard let header = try FileHeader.read(file, at: offset, kind: .raw, store: store) else { continue }
            try header.requireName(base, path: file.path)
            return try RawInspection(file, DamageRegister(), nextBase: nil, witness: nil).run(header).segment.lastID
        }
        return nil
    }
}

extension FileHeader {
    /// Refuses a file that has another name than its own.
    func requireName(_ name: RecordID, path: String) throws(LogError) {
        guard name == base else {
            throw .unreadable(path: path, reason: "the file has been renamed: its first id is \(base)")
        }
    }
}

extension SealedSegment {
    /// Whether a sealed file has no section that only a later version may remove. What has no footer says nothing of such.
    static func canRemove(_ file: any DiskFile, store: UniqueID) throws(LogError) -> Bool {
        do throws(LogError) {
            let cache = BlockCache(budgetBytes: 0)
            let segment = try SealedSegment(file, store: store, cache: cache, register: DamageRegister())
            return segment?.footer.canWrite ?? true
        } catch {
            guard case .unknownFormat = error else { throw error }
            return false
        }
    }
}
