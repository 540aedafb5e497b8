// Owns: what is in memory of a raw segment, and what is to happen to its file when nobody reads it any more.

import Synchronization

struct RawContents {
    var table = RawTable()
    var controls: [ControlRecord] = []
    /// Whether the table holds what the file does.
    var hasTable = true
    /// Whether nothing is appended any more.
    var isClosed = false
    /// Whether every frame vouches for its records, so that their places need not be remembered.
    var isPlain = true
    var keys: KeyFile?

    /// Of a closed segment the blocks are enough.
    mutating func forgetRecords() {
        if isClosed, isPlain { table.forgetRecords() }
    }
}

/// What happens when the last reader has let go of a file.
final class FileLease: Sendable {
    struct Retirement {
        var action: (@Sendable () -> Void)?
    }

    let retirement = Mutex(Retirement())

    deinit {
        retirement.withLock(\.action)?()
    }
}
