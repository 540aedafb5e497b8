// Owns: taking a directory for this process: the locks, and `store.json`, which is read or, for a new store, written.

internal import Disk

/// A directory that is ours, and the store in it.
struct StoreClaim {
    /// The disk, on which the directory stays ours whatever becomes of its name.
    let disk: any Disk
    /// Held for as long as the store is open.
    let lock: (any DiskLock)?
    let store: StoreFile
    /// Whether the store was made just now.
    let isNew: Bool

    /// Claims a directory; a store is made where there is none and `createdAt` is given.
    init(_ disk: any Disk, _ directory: LogDirectory, createdAt: RecordTime?) throws(LogError) {
        if createdAt != nil {
            try Self.requireStoreOrNothing(disk, directory)
            try onDisk { () throws(DiskError) in
                try disk.createDirectory(directory.data)
                try disk.syncDirectory(directory.parent)
            }
        } else if try StoreFile.read(disk, directory) == nil {
            // Before the lock, which is a file, and would be the first in a directory that is not ours.
            throw try Self.hasSegments(disk, directory) ? Self.lost(directory) : .missing(path: directory.data)
        }
        let disk = try Self.anchored(disk, directory)
        self.disk = disk
        lock = try OwnerLock(directory) { () throws(DiskError) in
            // The directory comes first: where it is refused, no file is made in it.
            guard let owned = try disk.lockDirectory(directory.data) else { return nil }
            return try disk.lock(directory.lock).map { [owned, $0] }
        }
        if let store = try StoreFile.read(disk, directory) {
            self.store = store
            isNew = false
        } else {
            guard let createdAt else { throw .missing(path: directory.data) }
            store = try Self.make(disk, directory, now: createdAt)
            isNew = true
        }
    }

    /// Claims a directory for reading: changes nothing in it, and is refused while a daemon has it. Where `store.json` cannot
    /// be read, `guessing` has the segments say which store they are of.
    init(readOnly disk: any Disk, _ directory: LogDirectory, guessing: Bool = false) throws(LogError) {
        let disk = try Self.anchored(disk, directory)
        self.disk = disk
        lock = try OwnerLock(directory) { () throws(DiskError) in
            guard let owned = try disk.lockDirectory(directory.data) else { return nil }
            do throws(DiskError) {
                return try disk.lockExisting(directory.lock).map { [owned, $0] }
            } catch {
                // A file that is not there is not made.
                guard error.isMissing else { throw error }
                return [owned]
            }
        }
        isNew = false
        do throws(LogError) {
            guard let store = try StoreFile.read(disk, directory) else {
                throw try Self.hasSegments(disk, directory)
                    ? Self.lost(directory) : .missing(path: directory.data)
            }
            self.store = store
        } catch {
            guard guessing, error.isAboutFile, let store = Self.guess(disk, directory) else { throw error }
            self.store = store
        }
    }

    private static func anchored(_ disk: any Disk, _ directory: LogDirectory) throws(LogError) -> any Disk {
        do throws(DiskError) {
            return try disk.anchored(at: directory.data)
        } catch {
            throw error.isMissing ? .missing(path: directory.data) : .disk(error)
        }
    }

    /// The store that the first segment which can say so is of; nil where none can. One of another store is refused then.
    private static func guess(_ disk: any Disk, _ directory: LogDirectory) -> StoreFile? {
        for name in ((try? disk.names(in: directory.log)) ?? []).sorted() {
            let isRaw = LogDirectory.base(of: name, suffix: LogDirectory.activeSuffix) != nil
            guard isRaw || LogDirectory.base(of: name, suffix: LogDirectory.sealedSuffix) != nil,
                let file = try? disk.open("\(directory.log)/\(name)", .read)
            else { continue }
            for offset in isRaw ? [FileOffset(0), FileHeader.copyOffset] : [FileOffset(0)] {
                guard let bytes = try? file.prefix(at: offset, count: FileHeader.bytes), bytes.count == FileHeader.bytes
                else { continue }
                let store = UniqueID(bytes: Array(bytes[16..<32]))
                let header = try? FileHeader.read(file, at: offset, kind: isRaw ? .raw : .sealed, store: store)
                if let header { return StoreFile(store: store, created: header.createdAt) }
            }
        }
        return nil
    }

    private static func hasSegments(_ disk: any Disk, _ directory: LogDirectory) throws(LogError) -> Bool {
        let suffixes = [LogDirectory.activeSuffix, LogDirectory.sealedSuffix]
        let names: [String]
        do {
            names = try disk.names(in: directory.log)
        } catch {
            if error.isMissing { return false }
            throw .disk(error)
        }
        return names.contains { name in suffixes.contains { name.hasSuffix($0) } }
    }

    private static func lost(_ directory: LogDirectory) -> LogError {
        .unreadable(
            path: directory.data,
            reason: "there are segments, but no \(StoreFile.name); `evctl repair` makes a new store of them"
        )
    }

    /// A store is made where there is nothing, or where the making of one was cut off. A directory with anything else in it
    /// is somebody's mistake, and is left as it is.
    private static func requireStoreOrNothing(_ disk: any Disk, _ directory: LogDirectory) throws(LogError) {
        let names: [String]
        do {
            names = try disk.names(in: directory.data)
        } catch {
            if error.isMissing { return }
            throw .disk(error)
        }
        let parts =
            [StoreFile.name, Manifest.name].flatMap { [$0, $0 + LogDirectory.temporarySuffix] }
            + [directory.lock, directory.log].map {
                directory.name(of: $0)
            }
        if !names.contains(StoreFile.name), try hasSegments(disk, directory) { throw lost(directory) }
        // The root of an ext4 file system has a folder of its own.
        guard !names.contains(StoreFile.name),
            let foreign = names.first(where: { !(parts + ["lost+found"]).contains($0) })
        else { return }
        throw .unreadable(path: directory.data, reason: "it holds no store, and is not empty: there is \(foreign)")
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
        if try hasSegments(disk, directory) { throw lost(directory) }
        if let tail = try Manifest.tail(disk, directory), tail > .zero {
            throw .unreadable(
                path: directory.data,
                reason: "there is no \(StoreFile.name), and the manifest is that of a store that has come to \(tail)"
            )
        }
        let store = StoreFile(store: .random(), created: now)
        try onDisk { () throws(DiskError) in
            try disk.replaceFile(Manifest.name, in: directory.data, with: Manifest.initial(store.store))
            try disk.replaceFile(StoreFile.name, in: directory.data, with: store.encoded())
        }
        return store
    }
}

extension LogError {
    /// Whether it says something of the file, and not of the machine: another may know what this one was to say.
    fileprivate var isAboutFile: Bool {
        switch self {
        case .unreadable, .unknownFormat: true
        case .disk(let error): error.isUnreadableMedium || error.isNotRegularFile
        default: false
        }
    }
}

/// What makes this process the owner of a directory: the directory itself, which no rename and no removal in it can take
/// away, and the file `LOCK`, which is what other programs ask for.
final class OwnerLock: DiskLock {
    private let held: [any DiskLock]

    /// `take` returns nil where somebody else has one of them.
    init(_ directory: LogDirectory, _ take: () throws(DiskError) -> [any DiskLock]?) throws(LogError) {
        let taken: [any DiskLock]?
        do {
            taken = try take()
        } catch {
            throw error.isMissing ? .missing(path: directory.data) : .disk(error)
        }
        guard let taken else { throw .inUse(path: directory.data) }
        held = taken
    }
}
