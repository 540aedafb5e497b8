// Owns: taking a directory for this process: the lock, and `store.json`, which is read or, for a new store, written.

internal import Disk

/// A directory that is ours, and the store in it.
struct StoreClaim {
    let lock: any DiskLock
    let store: StoreFile
    /// Whether the store was made just now.
    let isNew: Bool

    /// Claims a directory; a store is made where there is none and `createdAt` is given.
    init(_ disk: any Disk, _ directory: LogDirectory, createdAt: RecordTime?) throws(LogError) {
        if createdAt != nil {
            try onDisk { () throws(DiskError) in
                try disk.createDirectory(directory.data)
                try disk.syncDirectory(directory.parent)
            }
        }
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
            isNew = false
        } else {
            guard let createdAt else { throw .missing(path: directory.data) }
            store = try Self.make(disk, directory, now: createdAt)
            isNew = true
        }
    }

    /// `store.json` comes last: where it is, all else is. Where it is lost, nobody may put an empty store in the place of
    /// a full one.
    private static func make(
        _ disk: any Disk,
        _ directory: LogDirectory,
        now: RecordTime
    ) throws(LogError) -> StoreFile {
        try onDisk { () throws(DiskError) in
            try disk.createDirectory(directory.log)
            try disk.syncDirectory(directory.data)
        }
        let names = try onDisk { () throws(DiskError) in try disk.names(in: directory.log) }
        let suffixes = [LogDirectory.activeSuffix, LogDirectory.sealedSuffix]
        guard !names.contains(where: { name in suffixes.contains { name.hasSuffix($0) } }) else {
            throw .unreadable(path: directory.data, reason: "there are segments, but no \(StoreFile.name)")
        }
        let store = StoreFile(store: .random(), created: now)
        try onDisk { () throws(DiskError) in
            try disk.replaceFile(StoreFile.name, in: directory.data, with: store.encoded())
        }
        return store
    }
}
