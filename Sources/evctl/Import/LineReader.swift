// Owns: a file or pipe cut into lines, read piece by piece so that memory stays small whatever the size of the file.
// Refuses to know: what the lines say.

import Glibc

struct LineReader {
    enum Piece {
        /// Without its line break.
        case line([UInt8])
        /// Nothing more is there for now: the moment to settle what is under way. The next call waits a little.
        case pause
        case end
    }

    /// The daemon's limit of a command; no line longer than this can be an event.
    static let maximumLineBytes = 16 << 20
    private static let chunkBytes = 256 << 10
    private static let patienceMilliseconds: Int32 = 200

    private let descriptor: Descriptor
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false
    private var isWaiting = false
    /// Lines handed out or skipped so far, which is also the number of the last one.
    private(set) var lines: UInt64 = 0
    /// Bytes of those lines.
    private(set) var bytes: UInt64 = 0

    init(_ descriptor: Descriptor) {
        self.descriptor = descriptor
    }

    mutating func next() throws(Failure) -> Piece {
        while true {
            if let length = lengthToLineBreak() {
                return .line(take(length, andBreak: 1))
            }
            if isAtEnd {
                let rest = buffer.count - start
                return rest == 0 ? .end : .line(take(rest, andBreak: 0))
            }
            guard descriptor.isReadable(withinMilliseconds: isWaiting ? Self.patienceMilliseconds : 0) else {
                isWaiting = true
                return .pause
            }
            isWaiting = false
            try fill()
        }
    }

    private mutating func take(_ length: Int, andBreak breakBytes: Int) -> [UInt8] {
        defer {
            start += length + breakBytes
            lines += 1
            bytes += UInt64(length + breakBytes)
        }
        return Array(buffer[start..<start + length])
    }

    private mutating func fill() throws(Failure) {
        buffer.removeFirst(start)
        start = 0
        guard buffer.count <= Self.maximumLineBytes else {
            throw Failure(.error, "line \(lines + 1) is longer than \(Self.maximumLineBytes) bytes")
        }
        isAtEnd = try !descriptor.read(into: &buffer, limit: Self.chunkBytes)
    }

    private func lengthToLineBreak() -> Int? {
        buffer.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, bytes.count > start,
                let found = memchr(base + start, 0x0A, bytes.count - start)
            else { return nil }
            return UnsafeRawPointer(found) - base - start
        }
    }
}
