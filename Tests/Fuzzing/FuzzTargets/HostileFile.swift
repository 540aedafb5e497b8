// Owns: a file in memory, for a decoder that is given the file and no disk. Nothing may be written to it.

import Disk

final class HostileFile: DiskFile {
    let path = "/store/log/hostile"
    private let content: [UInt8]
    /// Where the content begins; whoever reads what lies before it is no decoder of the content.
    private let start: Int

    init(_ content: [UInt8], at start: Int = 0) {
        self.content = content
        self.start = start
    }

    func size() -> UInt64 { UInt64(start + content.count) }

    func isInPlace() -> Bool { true }

    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: FileOffset) -> Int {
        require(offset.rawValue >= UInt64(start), "a read before the content")
        let first = min(Int(clamping: offset.rawValue) - start, content.count)
        let count = min(buffer.count, content.count - first)
        content.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[first..<first + count])) }
        return count
    }

    func writeSome(_ pieces: [UnsafeRawBufferPointer], at offset: FileOffset) -> Int {
        fatalError("reading has written")
    }

    func reserve(_ bytes: UInt64) { fatalError("reading has written") }

    func sync() { fatalError("reading has written") }
}
