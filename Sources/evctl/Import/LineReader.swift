// Owns: a file or pipe cut into lines, read piece by piece so that memory stays small whatever the size of the file and
// of a line in it.
// Refuses to know: what the lines say.

import Glibc

/// How far an input has been read: whole lines only.
struct InputPosition: Equatable {
    var lines: UInt64 = 0
    /// Of all these lines; another input has another one, but for an accident.
    var fingerprint = Fingerprint()
}

struct LineReader {
    enum Piece {
        /// Without its line break.
        case line([UInt8])
        /// The next line is longer than any may be. It is passed over by the next call, and counts from then on.
        case overlong
        /// Nothing more is there for now: the moment to settle what is under way. The next call waits a little.
        case pause
        case end
    }

    /// What of a line goes into the fingerprint, so that a line has the same one whether it is too long or not.
    private static let fingerprintBytes = 4096
    private static let chunkBytes = 256 << 10
    private static let patienceMilliseconds: Int32 = 200

    private let descriptor: Descriptor
    let maximumLineBytes: Int
    private(set) var buffer: [UInt8] = []
    private var start = 0
    /// Behind what has been looked through for a line break.
    private var searched = 0
    private var isAtEnd = false
    private var isWaiting = false
    /// Behind the line that is being passed over.
    private var overlongEnd: InputPosition?
    private(set) var position = InputPosition()
    /// Bytes handed out or passed over so far.
    private(set) var bytes: UInt64 = 0

    /// `maximumLineBytes` is of a line without its break.
    init(_ descriptor: Descriptor, maximumLineBytes: Int) {
        self.descriptor = descriptor
        self.maximumLineBytes = maximumLineBytes
    }

    mutating func next() throws(Failure) -> Piece {
        while true {
            let lineBreak = lineBreak()
            let length = (lineBreak ?? buffer.count) - start
            if overlongEnd != nil {
                passOver(length, isWhole: lineBreak != nil)
                if lineBreak != nil { continue }
            } else if length > maximumLineBytes {
                overlongEnd = position(behind: buffer[start..<start + length])
                return .overlong
            } else if let lineBreak {
                return .line(take(through: lineBreak, andBreak: 1))
            }
            if isAtEnd {
                if overlongEnd != nil { passOver(0, isWhole: true) }
                return start == buffer.count ? .end : .line(take(through: buffer.count, andBreak: 0))
            }
            guard descriptor.isReadable(withinMilliseconds: isWaiting ? Self.patienceMilliseconds : 0) else {
                isWaiting = true
                return .pause
            }
            isWaiting = false
            buffer.removeFirst(start)
            (start, searched) = (0, searched - start)
            isAtEnd = try !descriptor.read(into: &buffer, limit: Self.chunkBytes)
        }
    }

    private mutating func take(through end: Int, andBreak breakBytes: Int) -> [UInt8] {
        let line = Array(buffer[start..<end])
        position = position(behind: line[...])
        bytes += UInt64(line.count + breakBytes)
        start = end + breakBytes
        searched = start
        return line
    }

    /// Drops bytes of the line that is too long; `isWhole` where its break, or the end, is behind them.
    private mutating func passOver(_ length: Int, isWhole: Bool) {
        let end = min(start + length + (isWhole ? 1 : 0), buffer.count)
        bytes += UInt64(end - start)
        start = end
        searched = end
        guard isWhole, let position = overlongEnd else { return }
        self.position = position
        overlongEnd = nil
    }

    private func position(behind line: ArraySlice<UInt8>) -> InputPosition {
        var position = position
        position.lines += 1
        position.fingerprint.add(line.prefix(Self.fingerprintBytes))
        return position
    }

    private mutating func lineBreak() -> Int? {
        let found = buffer.withUnsafeBytes { bytes -> Int? in
            guard let base = bytes.baseAddress, bytes.count > searched,
                let found = memchr(base + searched, 0x0A, bytes.count - searched)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
        searched = found ?? buffer.count
        return found
    }
}
