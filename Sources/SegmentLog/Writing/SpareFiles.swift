// Owns: raw files ready for use: full of written bytes, so that overwriting them costs no allocation at sync. New ones
// are filled with zeros; the files of sealed segments are taken back. And room: how much of the disk is left free, and a
// reserve of files that appends do not get.
//
//   * Appends get a file only where another one could be made with the keep-free limit still kept, also one that is ready:
//     it takes no room now, but what is sealed from it will. Appends stop there, in good order; sealing and snapshots, which are
//     small beside it or give back more than they take, may go below it, and so may a compaction that somebody has asked for.
//   * Where the limit leaves appends no room, what waits for them is given back to the disk, but for one file; and that one
//     too where the limit is broken, as several at once may have done.
//   * The reserve is for recovery, which must move a doubtful tail even on a full disk, and, where not a byte is free,
//     it is given up so that upkeep can work and win back space.

internal import Disk
import Synchronization

/// The raw files that wait to become active. May be used from any thread.
final class SpareFiles: Sendable {
    /// Who wants a file.
    enum Purpose {
        case append
        /// May have the reserve.
        case recovery
    }

    private struct State {
        var ready: [String]
        /// Files whose segment has been sealed and whose last reader has gone.
        var retired: [String] = []
        var nextNumber: Int
        /// Why there was no room for another file, until there is one.
        var shortage: LogError?
    }

    private let disk: any Disk
    private let directory: LogDirectory
    private let fileBytes: Int
    /// Files to have ready at all times, and files to keep of those that come back; the reserve is on top of either.
    private let wanted: Int
    private let kept: Int
    private let reserved: Int
    private let keepFreeBytes: UInt64
    private let state: Mutex<State>

    init(_ disk: any Disk, _ directory: LogDirectory, options: LogOptions, existing: [String]) {
        self.disk = disk
        self.directory = directory
        fileBytes = options.segmentBytes
        wanted = options.spareFiles
        kept = options.recycledFiles
        reserved = options.reserveFiles
        keepFreeBytes = options.keepFreeBytes
        let numbers = existing.compactMap { LogDirectory.base(of: $0, suffix: LogDirectory.spareSuffix) }
        state = Mutex(
            State(
                ready: existing.map { "\(directory.log)/\($0)" },
                nextNumber: Int(numbers.map(\.rawValue).max() ?? 0) + 1
            )
        )
    }

    /// Why appends have no room; nil while they have, or nobody has asked.
    var shortage: LogError? {
        state.withLock { $0.shortage }
    }

    /// Bytes of all files that wait.
    var spareBytes: UInt64 {
        state.withLock { UInt64($0.ready.count + $0.retired.count) } * UInt64(fileBytes)
    }

    /// Bytes of the files that are held back.
    var reserveBytes: UInt64 {
        UInt64(min(reserved, state.withLock { $0.ready.count })) * UInt64(fileBytes)
    }

    /// Takes a ready file out, or reserves one now: filling it would keep the writer waiting for as long as a whole segment
    /// takes to write. Throws `noSpace` where the keep-free limit, or the disk, has no room for one.
    func take(for purpose: Purpose) throws(LogError) -> String {
        let held = purpose == .append ? reserved : 0
        do throws(LogError) {
            if purpose == .append || readyCount == 0 { try requireRoom() }
            let ready = state.withLock { state in
                state.shortage = nil
                return state.ready.count > held ? state.ready.popLast() : nil
            }
            if let ready { return ready }
            return try make { file throws(DiskError) in try file.reserve(UInt64(fileBytes)) }
        } catch {
            if error.isNoSpace { state.withLock { $0.shortage = error } }
            throw error
        }
    }

    /// Hands a file back that has been taken and not been used.
    func giveBack(_ path: String) {
        state.withLock { $0.ready.append(path) }
    }

    /// Hands in the file of a segment that nobody reads any more.
    func retire(_ path: String) {
        state.withLock { $0.retired.append(path) }
    }

    /// Runs an operation that leaves the disk as full as it was, or emptier; on a full disk once more, after a file of the
    /// reserve has been given up for it.
    func withReserve<Result>(_ operation: () throws(LogError) -> Result) throws(LogError) -> Result {
        do throws(LogError) {
            return try operation()
        } catch {
            guard error.isNoSpace, try removeReady(beyond: 0) else { throw error }
            return try operation()
        }
    }

    /// Takes retired files back, and fills new ones until enough are ready; `pace` is called between pieces and may sleep.
    /// Returns whether anything was done. Where the keep-free limit leaves no room for a new one, none is made, and of
    /// those that wait beyond the reserve one stays; none where the limit is broken.
    func replenish(pace: () -> Bool) throws(LogError) -> Bool {
        var worked = false
        var takenBack: [String] = []
        while state.withLock({ !$0.retired.isEmpty }) {
            let limit = reserved + (try room().kept(atMost: max(wanted, kept)))
            guard let path = state.withLock({ $0.retired.popLast() }) else { break }
            worked = true
            try removeKeys(besides: path)
            let size = try onDisk { () throws(DiskError) in try disk.open(path, .read).size() }
            // A file of another size comes from a time when another size was configured.
            if size == fileBytes, readyCount + takenBack.count < limit {
                let spare = nextPath()
                try onDisk { () throws(DiskError) in try disk.rename(path, to: spare) }
                takenBack.append(spare)
            } else {
                try onDisk { () throws(DiskError) in try disk.remove(path) }
            }
        }
        if worked { try onDisk { () throws(DiskError) in try disk.syncDirectory(directory.log) } }
        // One that is used again must not be found under its old name.
        state.withLock { $0.ready += takenBack }
        while try removeReady(beyond: room().kept(atMost: .max - reserved) + reserved) { worked = true }
        while readyCount < reserved + wanted {
            // A file beyond the first that waits must not take the room that appends need.
            guard try freeBytes() >= keepFreeBytes + UInt64(fileBytes) * (readyCount > reserved ? 2 : 1), pace() else {
                break
            }
            worked = true
            let path = try make { file throws(DiskError) in
                let zeros = [UInt8](repeating: 0, count: min(1 << 20, fileBytes))
                for start in stride(from: 0, to: fileBytes, by: zeros.count) {
                    try file.write(Array(zeros[..<min(zeros.count, fileBytes - start)]), at: FileOffset(start))
                    // An append's sync waits for what the disk has been given before: piece by piece, that is little.
                    try file.sync()
                    _ = pace()
                }
            }
            state.withLock { $0.ready.append(path) }
        }
        // Appends that were refused will be let in.
        if try room() == .forAppends { state.withLock { $0.shortage = nil } }
        return worked
    }

    /// The key file of a segment that nobody reads any more goes with it. What somebody else has put there stays.
    private func removeKeys(besides path: String) throws(LogError) {
        do throws(DiskError) {
            try disk.remove(LogDirectory.keys(besides: path))
        } catch {
            guard error.isMissing || error.isDirectory else { throw .disk(error) }
        }
    }

    /// Whether there is room for so many bytes that need not be written: appends would still get a file afterwards.
    func hasRoomToSpare(for bytes: UInt64 = 0) throws(LogError) -> Bool {
        try freeBytes() >= keepFreeBytes + 2 * UInt64(fileBytes) + bytes
    }

    /// How many files are ready.
    var readyCount: Int {
        state.withLock { $0.ready.count }
    }

    private func freeBytes() throws(LogError) -> UInt64 {
        try onDisk { () throws(DiskError) in try disk.freeBytes(at: directory.log) }
    }

    /// What the disk has beyond the keep-free limit.
    private enum Room {
        /// Less than nothing.
        case none
        /// Too little for appends to go on.
        case some
        case forAppends

        /// How many files may wait beyond the reserve.
        func kept(atMost limit: Int) -> Int {
            switch self {
            case .none: 0
            case .some: min(1, limit)
            case .forAppends: limit
            }
        }
    }

    private func room() throws(LogError) -> Room {
        let free = try freeBytes()
        return free < keepFreeBytes ? .none : free < keepFreeBytes + UInt64(fileBytes) ? .some : .forAppends
    }

    /// Removes a file that waits, where more do than `count`; one that is gone already is as good. Returns whether one is gone.
    private func removeReady(beyond count: Int) throws(LogError) -> Bool {
        guard let path = state.withLock({ $0.ready.count > count ? $0.ready.popLast() : nil }) else { return false }
        do throws(DiskError) {
            try disk.remove(path)
            try disk.syncDirectory(directory.log)
        } catch {
            guard error.isMissing || error.isDirectory else {
                giveBack(path)
                throw .disk(error)
            }
        }
        return true
    }

    private func requireRoom() throws(LogError) {
        let free = try freeBytes()
        guard free >= UInt64(fileBytes) + keepFreeBytes else {
            throw .noSpace(free: free, keepFree: keepFreeBytes, needed: UInt64(fileBytes))
        }
    }

    private func nextPath() -> String {
        let number = state.withLock { state in
            defer { state.nextNumber += 1 }
            return state.nextNumber
        }
        return directory.spare(number)
    }

    private func make(_ fill: (any DiskFile) throws(DiskError) -> Void) throws(LogError) -> String {
        let path = nextPath()
        let temporary = path + LogDirectory.temporarySuffix
        try onDisk { () throws(DiskError) in
            do throws(DiskError) {
                let file = try disk.open(temporary, .createOrTruncate)
                try fill(file)
                try file.sync()
                try disk.rename(temporary, to: path)
                try disk.syncDirectory(directory.log)
            } catch {
                // A full disk must not be kept full by the attempt.
                try? disk.remove(temporary)
                throw error
            }
        }
        return path
    }
}
