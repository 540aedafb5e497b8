// Owns: reading a file forward through a window, so that a scan costs few system calls and little memory.

internal import Disk
import Glibc

/// A file that is not growing, seen through a buffer of a megabyte.
struct FileWindow {
    static let bytes = 1 << 20

    /// Bytes that can be seen.
    let size: UInt64
    private let file: any DiskFile
    private var start = FileOffset(0)
    private var buffer: [UInt8] = []

    /// A window on a file up to `end`, where it is that long.
    init(_ file: any DiskFile, end: FileOffset = FileOffset(UInt64.max)) throws(LogError) {
        self.file = file
        size = min(end.rawValue, try onDisk { () throws(DiskError) in try file.size() })
    }

    /// Whether `count` bytes stand at `offset`.
    func holds(_ count: Int, at offset: FileOffset) -> Bool {
        offset.rawValue <= size && UInt64(count) <= size - offset.rawValue
    }

    /// Gives `body` exactly `count` bytes; all lie within the file.
    mutating func with<Result>(
        at offset: FileOffset,
        count: Int,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(LogError) -> Result {
        precondition(holds(count, at: offset), "a window shows what is in the file")
        if offset < start || offset + count > start + buffer.count {
            let wanted = min(Int(size - offset.rawValue), max(count, Self.bytes))
            buffer = try onDisk { () throws(DiskError) in
                guard let bytes = try file.bytes(at: offset, count: wanted) else {
                    throw DiskError(.read, path: file.path, errno: 0)
                }
                return bytes
            }
            start = offset
        }
        let first = offset - start
        return buffer.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[first..<first + count])) }
    }

    /// The CRC-32 of `count` bytes, which are read in pieces; all lie within the file.
    mutating func checksum(at offset: FileOffset, count: Int) throws(LogError) -> UInt32 {
        var crc: UInt32 = 0
        var done = 0
        while done < count {
            let piece = min(count - done, Self.bytes)
            crc = try with(at: offset + done, count: piece) { Checksum.crc32($0, from: crc) }
            done += piece
        }
        return crc
    }

    /// How many bytes from `offset` on can be looked at without a read; nil where that would be too few to find anything.
    private func shown(from offset: FileOffset) -> Int? {
        let end = start + buffer.count
        return offset >= start && offset + 4 <= end ? end - offset : nil
    }

    /// The first place from `offset` on, at a multiple of `alignment`, where the four bytes of `magic` stand.
    mutating func find(
        _ magic: UInt32,
        from offset: FileOffset,
        alignment: Int
    ) throws(LogError) -> FileOffset? {
        var position = offset
        while holds(4, at: position) {
            let count = min(shown(from: position) ?? Self.bytes, Int(size - position.rawValue))
            let match = try with(at: position, count: count) { bytes -> Int? in
                var start = 0
                while start + 4 <= bytes.count,
                    let found = memchr(bytes.baseAddress! + start, Int32(magic & 0xFF), bytes.count - start - 3)
                {
                    let index = UnsafeRawPointer(found) - bytes.baseAddress!
                    if bytes.littleEndian(at: index, as: UInt32.self) == magic,
                        (position + index).rawValue.isMultiple(of: UInt64(alignment))
                    {
                        return index
                    }
                    start = index + 1
                }
                return nil
            }
            if let match { return position + match }
            position = position + (count - 3)
        }
        return nil
    }
}
