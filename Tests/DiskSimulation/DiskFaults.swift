// Owns: what goes wrong on the simulated disk, and when; and the two ways a machine can come back.

package import Disk
import Glibc
import Synchronization

/// The plan of faults.
struct DiskFaults: Sendable {
    enum Fault: Equatable {
        case crash
        case error(Int32)
    }

    var crashAt: Int?
    var failAt: [Int: Int32] = [:]
    var failNext: [DiskError.Operation: Int32] = [:]
    var fullFrom: Int?
    var isCacheKeptAfterFailedSync = false
    var isMovingLess = false
    var syncNanoseconds: UInt64 = 0
    /// The first write from the given operation on goes to another place.
    var misdirection: (operation: Int, path: String, offset: Int)?

    mutating func fault(of operation: DiskError.Operation, number: Int) -> Fault? {
        if number == crashAt { return .crash }
        return (failAt.removeValue(forKey: number) ?? failNext.removeValue(forKey: operation)).map { .error($0) }
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
    /// The machine, or the process, stops in the given operation: of a write, some of it is as unsynced as the rest, a sync
    /// has no effect, and whatever follows fails until `restart` or `restartProcess` says which it was.
    package func crash(atOperation number: Int) {
        state.withLock { $0.faults.crashAt = number }
    }

    /// The given operation fails, whichever it is; with EIO where nothing else is said.
    package func fail(operation number: Int, errno: Int32 = EIO) {
        state.withLock { $0.faults.failAt[number] = errno }
    }

    /// The next operation of this kind fails; with EIO where nothing else is said.
    package func failNext(_ operation: DiskError.Operation, errno: Int32 = EIO) {
        state.withLock { $0.faults.failNext[operation] = errno }
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

    /// From now on many a read and write moves fewer bytes than it was asked to.
    package func moveLessThanAsked() {
        state.withLock { $0.faults.isMovingLess = true }
    }

    /// From now on every sync of a file takes so long, by the disk's own clock.
    package func slowDownSyncs(toNanoseconds nanoseconds: UInt64) {
        state.withLock { $0.faults.syncNanoseconds = nanoseconds }
    }

    /// The first write from the given operation on lands elsewhere, and its own place keeps what it had. Nobody is told.
    package func misdirectWrite(fromOperation number: Int, to path: String, at offset: Int) {
        state.withLock { $0.faults.misdirection = (number, path, offset) }
    }

    /// Lifts all faults that are still to come. Damage stays, and so does what has been lost.
    package func liftFaults() {
        state.withLock { $0.faults = DiskFaults() }
    }

    // MARK: Damage at rest

    package func flip(bit: Int, at offset: Int, of path: String) {
        damage(path) { $0.damage(at: offset, with: [$0.current[offset] ^ 1 << UInt8(bit)]) }
    }

    /// A write of long ago went to the wrong place: bytes of one file stand in another, or elsewhere in the same.
    package func misplace(_ range: Range<Int>, of source: String, to path: String, at offset: Int) {
        guard let bytes = image[source] ?? nil else { preconditionFailure("no file \(source)") }
        damage(path) { $0.damage(at: offset, with: bytes[range].prefix($0.current.count - offset)) }
    }

    /// The sectors of these bytes cannot be read any more: EIO, until they are written anew.
    package func makeUnreadable(_ range: Range<Int>, of path: String) {
        damage(path) { $0.makeUnreadable(range) }
    }

    /// The file loses its end.
    package func cut(_ path: String, to size: Int) {
        damage(path) { $0.cut(to: size) }
    }

    /// The file holds other bytes, as if it had been copied from elsewhere.
    package func replace(_ path: String, with bytes: [UInt8]) {
        damage(path) { $0.replace(with: bytes) }
    }

    private func damage(_ path: String, _ change: @Sendable (inout SimulatedBytes) -> Void) {
        state.withLock { state in
            guard case .file(let file) = state.names.current[path], var bytes = state.files.removeValue(forKey: file)
            else { preconditionFailure("no file \(path)") }
            change(&bytes)
            state.files[file] = bytes
        }
    }

    // MARK: Coming back

    /// The machine loses power and comes back: of what was not synced the seed decides what is left. All faults are
    /// lifted.
    package func restart(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        state.withLock { state in
            state.names.crash(&random)
            state.forgetUnreachableFiles()
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
        handles = [:]
        isDown = false
        failures = []
        faults = DiskFaults()
    }

    fileprivate mutating func forgetUnreachableFiles() {
        let reachable = Set(names.current.values)
        files = files.filter { reachable.contains(.file($0.key)) }
    }

    /// How many of `count` bytes a single call moves.
    mutating func shortened(_ count: Int) -> Int {
        guard faults.isMovingLess, count > 1, Bool.random(using: &random) else { return count }
        return Int.random(in: 1..<count, using: &random)
    }

    /// Where the write under way lands, if not in its place.
    mutating func takeMisdirection() -> (file: Int, offset: Int)? {
        guard let misdirection = faults.misdirection, operations >= misdirection.operation,
            case .file(let file) = names.current[misdirection.path]
        else { return nil }
        faults.misdirection = nil
        misdirections += 1
        return (file, misdirection.offset)
    }
}
