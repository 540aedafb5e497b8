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

    func size() throws(DiskError) -> UInt64 {
        try disk.perform(.status, path, life: life) { UInt64($0.files[file]?.current.count ?? 0) }
    }

    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: FileOffset) throws(DiskError) -> Int {
        try disk.perform(.read, path, life: life) { state in
            let bytes = state.files[file]?.current ?? []
            let start = min(Int(clamping: offset.rawValue), bytes.count)
            let count = min(buffer.count, bytes.count - start)
            bytes.withUnsafeBytes {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<start + count]))
            }
            return count
        }
    }

    func writeSome(_ pieces: [UnsafeRawBufferPointer], at offset: FileOffset) throws(DiskError) -> Int {
        try disk.perform(.write, path, life: life) { state throws(DiskError) in
            guard isWritable else { throw DiskError(.write, path: path, errno: EBADF) }
            let count = pieces.reduce(0) { $0 + $1.count }
            // Space is taken where a file grows; bytes that were written before can be written again on a full disk.
            if Int(offset.rawValue) + count > state.files[file]?.current.count ?? 0 {
                try state.requireSpace(path, .write)
            }
            state.files[file]?.write(pieces, at: Int(offset.rawValue))
            return count
        }
    }

    func reserve(_ bytes: UInt64) throws(DiskError) {
        try disk.perform(.reserve, path, life: life) { state throws(DiskError) in
            guard isWritable else { throw DiskError(.reserve, path: path, errno: EBADF) }
            let size = state.files[file]?.current.count ?? 0
            guard bytes > size else { return }
            try state.requireSpace(path, .reserve)
            let zeros = [UInt8](repeating: 0, count: Int(bytes) - size)
            zeros.withUnsafeBytes { state.files[file]?.write([$0], at: size) }
        }
    }

    func sync() throws(DiskError) {
        try disk.perform(
            .sync,
            path,
            life: life,
            onFailure: { $0.files[file]?.failSync(isCacheKept: $0.faults.isCacheKeptAfterFailedSync) },
            { $0.files[file]?.sync() }
        )
    }
}

final class SimulatedLock: DiskLock {
    private let disk: SimulatedDisk
    private let path: String
    private let life: Int

    init(_ disk: SimulatedDisk, path: String, life: Int) {
        self.disk = disk
        self.path = path
        self.life = life
    }

    deinit {
        disk.state.withLock { state in
            if state.life == life { state.locks.remove(path) }
        }
    }
}
