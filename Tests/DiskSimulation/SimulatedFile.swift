// Owns: an open file and a held lock of the simulated disk. They outlive rename and removal, but not the machine.

internal import Disk
import Glibc
import Synchronization

final class SimulatedFile: DiskFile {
    private let disk: SimulatedDisk
    private let file: Int
    private let life: Int
    private let isWritable: Bool
    let path: String

    init(_ disk: SimulatedDisk, file: Int, path: String, life: Int, isWritable: Bool) {
        self.disk = disk
        self.file = file
        self.path = path
        self.life = life
        self.isWritable = isWritable
    }

    deinit {
        disk.state.withLock { state in
            guard state.life == life else { return }
            state.handles[file, default: 1] -= 1
            if state.handles[file] == 0 { state.handles[file] = nil }
        }
    }

    func size() throws(DiskError) -> UInt64 {
        try disk.perform(.status, path, life: life) { UInt64($0.files[file]?.current.count ?? 0) }
    }

    func isInPlace() throws(DiskError) -> Bool {
        try disk.perform(.status, path, life: life) { $0.names.current[path] == .file(file) }
    }

    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: FileOffset) throws(DiskError) -> Int {
        try disk.perform(.read, path, life: life) { state throws(DiskError) in
            let start = Int(clamping: offset.rawValue)
            guard let file = state.files[file] else { return 0 }
            guard let readable = file.readable(buffer.count, at: start) else {
                throw DiskError(.read, path: path, errno: EIO)
            }
            let count = state.shortened(readable)
            guard count > 0 else { return 0 }
            file.current.withUnsafeBytes {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<start + count]))
            }
            return count
        }
    }

    func writeSome(_ pieces: [UnsafeRawBufferPointer], at offset: FileOffset) throws(DiskError) -> Int {
        let asked = pieces.reduce(0) { $0 + $1.count }
        let start = Int(offset.rawValue)
        /// What a write that fails, or is cut off, has written: some of it.
        func writePart(_ state: inout SimulatedDisk.State) {
            let room = state.room(for: asked, at: start, of: file)
            let part = Bool.random(using: &state.random) ? asked : Int.random(in: 0...asked, using: &state.random)
            state.files[file]?.write(pieces, count: min(part, room), at: start)
        }
        return try disk.perform(.write, path, life: life, onCrash: writePart, onFailure: writePart) {
            state throws(DiskError) in
            guard isWritable else { throw DiskError(.write, path: path, errno: EBADF) }
            let room = state.room(for: asked, at: start, of: file)
            guard room > 0 || asked == 0 else { throw DiskError(.write, path: path, errno: ENOSPC) }
            let count = state.shortened(room)
            guard state.files[file]?.isWritable(start..<start + count) ?? true else {
                throw DiskError(.write, path: path, errno: EIO)
            }
            if let astray = state.takeMisdirection() {
                state.files[astray.file]?.write(pieces, count: count, at: astray.offset)
            } else {
                state.files[file]?.write(pieces, count: count, at: start)
            }
            return count
        }
    }

    func reserve(_ bytes: UInt64) throws(DiskError) {
        try disk.perform(.reserve, path, life: life) { state throws(DiskError) in
            guard isWritable else { throw DiskError(.reserve, path: path, errno: EBADF) }
            let size = state.files[file]?.current.count ?? 0
            guard bytes > size else { return }
            let zeros = [UInt8](repeating: 0, count: Int(bytes) - size)
            guard state.room(for: zeros.count, at: size, of: file) == zeros.count else {
                throw DiskError(.reserve, path: path, errno: ENOSPC)
            }
            zeros.withUnsafeBytes { state.files[file]?.write([$0], count: $0.count, at: size) }
        }
    }

    func sync() throws(DiskError) {
        try disk.perform(
            .sync,
            path,
            life: life,
            onCrash: { _ in },
            onFailure: {
                let isCacheKept = $0.faults.isCacheKeptAfterFailedSync
                $0.files[file]?.failSync(isCacheKept: isCacheKept, &$0.random)
            },
            {
                $0.nanoseconds += $0.faults.syncNanoseconds
                $0.files[file]?.sync()
            }
        )
    }
}

final class SimulatedLock: DiskLock {
    /// A file, by what it is and not by its name; a directory, which no test renames or removes, by its name.
    enum Holding: Hashable, Sendable {
        case file(Int)
        case directory(String)
    }

    private let disk: SimulatedDisk
    private let holding: Holding
    private let life: Int

    init(_ disk: SimulatedDisk, _ holding: Holding, life: Int) {
        self.disk = disk
        self.holding = holding
        self.life = life
    }

    deinit {
        disk.state.withLock { state in
            if state.life == life { state.locks.remove(holding) }
        }
    }
}
