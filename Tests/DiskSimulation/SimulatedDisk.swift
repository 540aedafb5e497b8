// Owns: a disk in memory that does what a real one may do at its worst: it loses what was not synced, tears writes
// between sectors, forgets names, fails, fills up, flips bits. All of it by seed or by operation number, so that what
// happened once can be made to happen again.

package import Disk
import Glibc
import Synchronization

/// A deterministic disk for tests. Every call of `Disk` and `DiskFile` is one operation, counted from 1.
package final class SimulatedDisk: Disk {
    /// Written whole or not at all; the unit in which a crash tears a write.
    package static let sectorBytes = 512

    struct State: Sendable {
        var names = SimulatedNames()
        var files: [Int: SimulatedBytes] = [:]
        var nextFile = 1
        /// How often each file is open. What has no name but is open still takes space.
        var handles: [Int: Int] = [:]
        /// Bytes that all files together may take; nil where there is no end to them.
        var capacity: UInt64?
        /// The disk's own clock, which only its delays drive.
        var nanoseconds: UInt64 = 0
        /// The operations that were made to fail since the machine, or the process, last started.
        var failures: [DiskError.Operation] = []
        /// How many writes have gone astray.
        var misdirections = 0
        /// Decides how much of a transfer is done, in one call or before it fails.
        var random: SeededRandom
        /// What is locked, whatever its name has become since.
        var locks: Set<SimulatedLock.Holding> = []
        /// Grows at each crash: what was opened before belongs to a machine that is no more.
        var life = 0
        var isDown = false
        var operations = 0
        var changingOperations: [Int] = []
        var faults = DiskFaults()
    }

    let state: Mutex<State>

    /// A disk with nothing on it, or with one directory. `seed` decides how much of a transfer is done where not all of it
    /// is; what is left after a crash has seeds of its own.
    package init(directory: String? = nil, capacity: UInt64? = nil, seed: UInt64 = 0) {
        var state = State(capacity: capacity, random: SeededRandom(seed: seed))
        if let directory {
            state.names.change(adding: (directory, .directory))
            state.names.sync("/")
        }
        self.state = Mutex(state)
    }

    private init(_ state: State) {
        self.state = Mutex(state)
    }

    /// The same disk once more, in the same state.
    package func copy() -> SimulatedDisk {
        var copy = state.withLock { $0 }
        // Whoever has a file open has it on the other disk.
        copy.handles = [:]
        return SimulatedDisk(copy)
    }

    /// How many operations have been asked for so far.
    package var operations: Int {
        state.withLock { $0.operations }
    }

    /// The numbers of those that can have changed something. A crash in any other operation leaves what a crash in the next
    /// of these leaves.
    package var changingOperations: [Int] {
        state.withLock { $0.changingOperations }
    }

    /// What has passed on the disk's own clock, in nanoseconds.
    package var nanoseconds: UInt64 {
        state.withLock { $0.nanoseconds }
    }

    /// The operations that were made to fail since the last restart, of the machine or of the process.
    package var failures: [DiskError.Operation] {
        state.withLock { $0.failures }
    }

    /// Whether the machine, or the process, has stopped and has not been started again.
    package var isDown: Bool {
        state.withLock { $0.isDown }
    }

    /// How many writes have landed elsewhere.
    package var misdirections: Int {
        state.withLock { $0.misdirections }
    }

    /// Every file with its bytes as reads see them now, every directory without.
    package var image: [String: [UInt8]?] {
        state.withLock { state in
            state.names.current.mapValues { node in
                switch node {
                case .directory: nil
                case .file(let file): state.files[file]?.current
                }
            }
        }
    }

    /// Runs one operation: counts it, and lets the plan of faults have its say. `onCrash` is what an operation has done
    /// that the crash cuts off: all of it where nothing else is said; `onFailure` is what one has done that fails.
    func perform<Result: Sendable>(
        _ operation: DiskError.Operation,
        _ path: String,
        life: Int? = nil,
        onCrash: ((inout State) -> Void)? = nil,
        onFailure: (inout State) -> Void = { _ in },
        _ body: (inout State) throws(DiskError) -> Result
    ) throws(DiskError) -> Result {
        let outcome: Swift.Result<Result, DiskError> = state.withLock { state in
            guard !state.isDown, life ?? state.life == state.life else {
                return .failure(.crash(operation, path))
            }
            state.operations += 1
            if ![.list, .read, .status].contains(operation) { state.changingOperations.append(state.operations) }
            switch state.faults.fault(of: operation, number: state.operations) {
            case .crash:
                state.isDown = true
                if let onCrash { onCrash(&state) } else { _ = try? body(&state) }
                return .failure(.crash(operation, path))
            case .error(let errno):
                state.failures.append(operation)
                onFailure(&state)
                return .failure(DiskError(operation, path: path, errno: errno))
            case nil:
                do throws(DiskError) {
                    return .success(try body(&state))
                } catch {
                    return .failure(error)
                }
            }
        }
        return try outcome.get()
    }

    // MARK: Disk

    package func createDirectory(_ path: String) throws(DiskError) {
        try perform(.createDirectory, path) { state throws(DiskError) in
            switch state.names.current[path] {
            case .directory: return
            case .file: throw DiskError(.createDirectory, path: path, errno: ENOTDIR)
            case nil:
                try state.requireParent(of: path, .createDirectory)
                try state.requireSpace(path, .createDirectory)
                state.names.change(adding: (path, .directory))
            }
        }
    }

    package func names(in directory: String) throws(DiskError) -> [String] {
        try perform(.list, directory) { state throws(DiskError) in
            guard state.names.current[directory] == .directory else {
                throw DiskError(.list, path: directory, errno: ENOENT)
            }
            return state.names.current.keys.filter { $0 != "/" && SimulatedNames.parent(of: $0) == directory }
                .map { String($0[$0.index(after: $0.lastIndex(of: "/")!)...]) }
        }
    }

    package func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        // The file itself is made outside: its end would wait for the very state that the operation holds.
        let opened = try perform(.open, path) { state throws(DiskError) in
            let file: Int
            switch (state.names.current[path], mode) {
            case (.directory, _): throw DiskError(.regularFile, path: path, errno: EISDIR)
            case (.file, .createNew): throw DiskError(.open, path: path, errno: EEXIST)
            case (.file(let found), _):
                file = found
                if mode == .createOrTruncate { state.files[file]?.truncate() }
            case (nil, .read), (nil, .readLinked), (nil, .readWrite): throw DiskError(.open, path: path, errno: ENOENT)
            case (nil, .createNew), (nil, .createOrTruncate): file = try state.createFile(path, .open)
            }
            state.handles[file, default: 0] += 1
            return (file: file, life: state.life)
        }
        return SimulatedFile(self, file: opened.file, path: path, life: opened.life, isWritable: !mode.isReadOnly)
    }

    package func rename(_ source: String, to destination: String) throws(DiskError) {
        try perform(.rename, source) { state throws(DiskError) in
            guard let node = state.names.current[source] else {
                throw DiskError(.rename, path: source, errno: ENOENT)
            }
            try state.requireParent(of: destination, .rename)
            state.names.change(removing: source, adding: (destination, node))
        }
    }

    package func remove(_ path: String) throws(DiskError) {
        try perform(.remove, path) { state throws(DiskError) in
            switch state.names.current[path] {
            case nil: throw DiskError(.remove, path: path, errno: ENOENT)
            case .directory: throw DiskError(.remove, path: path, errno: EISDIR)
            case .file: state.names.change(removing: path)
            }
        }
    }

    package func syncDirectory(_ path: String) throws(DiskError) {
        try perform(.syncDirectory, path, onCrash: { _ in }) { state throws(DiskError) in
            guard state.names.current[path] == .directory else {
                throw DiskError(.open, path: path, errno: ENOENT)
            }
            state.names.sync(path)
        }
    }

    package func lock(_ path: String) throws(DiskError) -> (any DiskLock)? {
        // The lock, too, is made outside.
        let taken = try perform(.lock, path) { state throws(DiskError) in
            switch state.names.current[path] {
            case .file(let file): state.lock(.file(file))
            case .directory: throw DiskError(.regularFile, path: path, errno: EISDIR)
            case nil: state.lock(.file(try state.createFile(path, .lock)))
            }
        }
        return taken.map { SimulatedLock(self, $0.holding, life: $0.life) }
    }

    package func lockDirectory(_ path: String) throws(DiskError) -> (any DiskLock)? {
        let taken = try perform(.lock, path) { state throws(DiskError) in
            switch state.names.current[path] {
            case .file: throw DiskError(.lock, path: path, errno: ENOTDIR)
            case .directory: state.lock(.directory(path))
            case nil: throw DiskError(.lock, path: path, errno: ENOENT)
            }
        }
        return taken.map { SimulatedLock(self, $0.holding, life: $0.life) }
    }

    package func freeBytes(at path: String) throws(DiskError) -> UInt64 {
        try perform(.status, path) { state in
            state.freeBytes
        }
    }
}

extension SimulatedDisk.State {
    /// Nil where somebody else has it.
    mutating func lock(_ holding: SimulatedLock.Holding) -> (holding: SimulatedLock.Holding, life: Int)? {
        locks.insert(holding).inserted ? (holding, life) : nil
    }

    mutating func createFile(_ path: String, _ operation: DiskError.Operation) throws(DiskError) -> Int {
        try requireParent(of: path, operation)
        try requireSpace(path, operation)
        let file = nextFile
        nextFile += 1
        files[file] = SimulatedBytes()
        names.change(adding: (path, .file(file)))
        return file
    }

    func requireParent(of path: String, _ operation: DiskError.Operation) throws(DiskError) {
        guard names.current[SimulatedNames.parent(of: path)] == .directory else {
            throw DiskError(operation, path: path, errno: ENOENT)
        }
    }

    func requireSpace(_ path: String, _ operation: DiskError.Operation) throws(DiskError) {
        if freeBytes == 0 { throw DiskError(operation, path: path, errno: ENOSPC) }
    }

    var freeBytes: UInt64 {
        if faults.isFull(at: operations) { return 0 }
        guard let capacity else { return 1 << 40 }
        var taken = 0
        let named = Set(names.current.values)
        for (file, bytes) in files where handles[file] != nil || named.contains(.file(file)) {
            taken += bytes.current.count
        }
        return capacity - min(capacity, UInt64(taken))
    }

    /// How many of `count` bytes from `offset` on there is room for. Space is taken where a file grows; bytes that were
    /// written before can be written again on a full disk.
    func room(for count: Int, at offset: Int, of file: Int) -> Int {
        let size = files[file]?.current.count ?? 0
        guard offset + count > size else { return count }
        return min(count, max(0, size - offset + Int(min(freeBytes, 1 << 40))))
    }
}
