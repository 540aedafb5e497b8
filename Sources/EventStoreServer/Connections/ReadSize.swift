// Owns: how much one read of a socket may bring. It is decided at the moment of the read, so that a connection at rest
// keeps no room for what it may send some day.

import NIOCore

/// Most connections say little at a time, and there may be ten thousand of them: a read brings 4 KiB, into a buffer that
/// the channel keeps for the next. One that fills it may have four times as much, and so on up to 256 KiB, where the budget
/// has room for it; such a buffer is made for the one read, so that nobody keeps it.
enum ReadSize {
    static let smallest = 4 << 10
    private static let greatest = 256 << 10

    /// The size for a connection whose last read has brought so many bytes.
    static func following(_ bytes: Int) -> Int {
        var size = smallest
        while size <= bytes, size < greatest { size *= 4 }
        return size
    }
}

/// Asks a connection how much the next read may bring.
///
/// `@unchecked Sendable` because the channel uses it on its event loop alone.
final class ReadAllocator: RecvByteBufferAllocator, @unchecked Sendable {
    private var nextBytes: (() -> Int)?
    private var bytes = ReadSize.smallest

    init(nextBytes: @escaping () -> Int) {
        self.nextBytes = nextBytes
    }

    /// The channel asks for this first. Without a size it uses no buffer a second time.
    func nextBufferSize() -> Int? {
        bytes = nextBytes?() ?? ReadSize.smallest
        return bytes == ReadSize.smallest ? bytes : nil
    }

    /// Asks no more, and lets go of the connection.
    func close() { nextBytes = nil }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { allocator.buffer(capacity: bytes) }

    /// True, or the channel would use a buffer of another size again.
    func record(actualReadBytes: Int) -> Bool { true }
}
