// Owns: what goes wrong on the simulated disk, and when; and the two ways a machine can come back.

package import Disk
import Glibc
import Synchronization

/// The plan of faults.
struct DiskFaults: Sendable {
    enum Fault {
        case crash
        case inputOutput
    }

    var crashAt: Int?
    var failAt: Set<Int> = []
    var failNext: Set<DiskError.Operation> = []
    var fullFrom: Int?
    var isCacheKeptAfterFailedSync = false

    mutating func fault(of operation: DiskError.Operation, number: Int) -> Fault? {
        if number == crashAt { return .crash }
        if failAt.remove(number) != nil || failNext.remove(operation) != nil { return .inputOutput }
        return nil
    }

    func isFull(at operation: Int) -> Bool {
        fullFrom.map { operation >= $0 } ?? false
    }
}

extension DiskError {
    /// No errno of any system: the machine is down.
    private static let crashed: Int32 = 9999

    static func crash(_ operation: Operation, _ path: String) -> DiskError {
        DiskError(operation, path: path, errno: crashed)
    }

    /// Whether the machine went down in, or before, the operation.
    package var isCrash: Bool { errno == Self.crashed }
}

extension SimulatedDisk {
    /// The machine, or the process, stops in the given operation: what it was to write is as unsynced as the rest, a sync
    /// has no effect, and whatever follows fails until `restart` or `restartProcess` says which it was.
    package func crash(atOperation number: Int) {
        state.withLock { $0.faults.crashAt = number }
    }

    /// The given operation fails with EIO, whichever it is.
    package func fail(operation number: Int) {
        state.withLock { _ = $0.faults.failAt.insert(number) }
    }

    /// The next operation of this kind fails with EIO.
    package func failNext(_ operation: DiskError.Operation) {
        state.withLock { _ = $0.faults.failNext.insert(operation) }
    }

    /// After a failed sync reads go on showing what never reached the disk.
    package func keepCacheAfterFailedSync() {
        state.withLock { $0.faults.isCacheKeptAfterFailedSync = true }
    }

    /// Nothing can be created and no file can grow from the given operation on, until `makeSpace`.
    package func fillUp(fromOperation number: Int = 0) {
        state.withLock { $0.faults.fullFrom = number }
    }

    package func makeSpace() {
        state.withLock { $0.faults.fullFrom = nil }
    }

    /// Damage at rest.
    package func flip(bit: Int, at offset: Int, of path: String) {
        state.withLock { state in
            guard case .file(let file) = state.names.current[path] else { preconditionFailure("no file \(path)") }
            state.files[file]?.flip(bit: bit, at: offset)
        }
    }

    /// The file loses its end.
    package func cut(_ path: String, to size: Int) {
        state.withLock { state in
            guard case .file(let file) = state.names.current[path] else { preconditionFailure("no file \(path)") }
            state.files[file]?.cut(to: size)
        }
    }

    /// The machine loses power and comes back: of what was not synced the seed decides what is left. All faults are
    /// lifted.
    package func restart(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        state.withLock { state in
            state.names.crash(&random)
            let reachable = Set(state.names.current.values)
            state.files = state.files.filter { reachable.contains(.file($0.key)) }
            for file in state.files.keys.sorted() { state.files[file]?.crash(&random) }
            state.comeBack()
        }
    }

    /// The process dies and is started again; the machine, with its page cache, goes on. All faults are lifted.
    package func restartProcess() {
        state.withLock { $0.comeBack() }
    }
}

extension SimulatedDisk.State {
    fileprivate mutating func comeBack() {
        life += 1
        locks = []
        isDown = false
        faults = DiskFaults()
    }
}
