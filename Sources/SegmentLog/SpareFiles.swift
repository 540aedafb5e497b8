// Owns: raw files ready for use: full of written bytes, so that overwriting them costs no allocation at sync. New ones
// are filled with zeros; the files of sealed segments are taken back.

internal import Disk
import Synchronization

/// The raw files that wait to become active. May be used from any thread.
final class SpareFiles: Sendable {
    private struct State {
        var ready: [String]
        /// Files whose segment has been sealed and whose last reader has gone.
        var retired: [String] = []
        var nextNumber: Int
    }

    private let disk: any Disk
    private let directory: LogDirectory
    private let fileBytes: Int
    /// Files to have ready at all times, and files to keep of those that come back.
    private let wanted: Int
    private let kept: Int
    private let state: Mutex<State>

    init(_ disk: any Disk, _ directory: LogDirectory, fileBytes: Int, wanted: Int, kept: Int, existing: [String]) {
        self.disk = disk
        self.directory = directory
        self.fileBytes = fileBytes
        self.wanted = wanted
        self.kept = kept
        let numbers = existing.compactMap { LogDirectory.base(of: $0, suffix: LogDirectory.spareSuffix) }
        state = Mutex(
            State(
                ready: existing.map { "\(directory.log)/\($0)" },
                nextNumber: Int(numbers.map(\.rawValue).max() ?? 0) + 1
            )
        )
    }

    /// Takes a ready file out, or reserves one now: filling it would keep the writer waiting for as long as a whole segment
    /// takes to write.
    func take() throws(LogError) -> String {
        if let path = state.withLock({ $0.ready.popLast() }) { return path }
        return try make { file throws(DiskError) in try file.reserve(UInt64(fileBytes)) }
    }

    /// Hands in the file of a segment that nobody reads any more.
    func retire(_ path: String) {
        state.withLock { $0.retired.append(path) }
    }

    /// Takes retired files back, and fills new ones until enough are ready; `pace` is called between pieces and may sleep.
    /// Returns whether anything was done.
    func replenish(pace: () -> Bool) throws(LogError) -> Bool {
        var worked = false
        while let path = state.withLock({ $0.retired.popLast() }) {
            worked = true
            let size = try onDisk { () throws(DiskError) in try disk.open(path, .read).size() }
            // A file of another size comes from a time when another size was configured.
            if size == fileBytes, state.withLock({ $0.ready.count }) < max(wanted, kept) {
                let spare = nextPath()
                try onDisk { () throws(DiskError) in try disk.rename(path, to: spare) }
                state.withLock { $0.ready.append(spare) }
            } else {
                try onDisk { () throws(DiskError) in try disk.remove(path) }
            }
        }
        if worked { try onDisk { () throws(DiskError) in try disk.syncDirectory(directory.log) } }
        while state.withLock({ $0.ready.count }) < wanted, pace() {
            worked = true
            let path = try make { file throws(DiskError) in
                let zeros = [UInt8](repeating: 0, count: min(1 << 20, fileBytes))
                for start in stride(from: 0, to: fileBytes, by: zeros.count) {
                    try file.write(Array(zeros[..<min(zeros.count, fileBytes - start)]), at: FileOffset(start))
                    _ = pace()
                }
            }
            state.withLock { $0.ready.append(path) }
        }
        return worked
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
