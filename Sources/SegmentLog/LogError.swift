// Owns: what can go wrong in the log, with unknown, torn and corrupt kept apart.

package import Disk

package enum LogError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The disk refused.
    case disk(DiskError)
    /// Records of this range are damaged or missing.
    case corrupt(ClosedRange<RecordID>, reason: String)
    /// A file that is not ours, or whose own description is damaged.
    case unreadable(path: String, reason: String)
    /// A file of a format this version does not know; nothing was written.
    case unknownFormat(path: String, found: String)
    /// The directory is in use by another process.
    case inUse(path: String)
    /// A record or frame beyond what a segment can hold.
    case tooBig(bytes: Int, limit: Int)
    /// There is no store here and none may be created.
    case missing(path: String)

    package var description: String {
        switch self {
        case .disk(let error): "\(error)"
        case .corrupt(let ids, let reason): "records \(ids.lowerBound) to \(ids.upperBound) are damaged: \(reason)"
        case .unreadable(let path, let reason): "\(path): \(reason)"
        case .unknownFormat(let path, let found): "\(path): unknown format \(found); this version reads version 1"
        case .inUse(let path): "\(path) is locked: another daemon uses this data directory"
        case .tooBig(let bytes, let limit): "\(bytes) bytes in one commit; the limit is \(limit)"
        case .missing(let path): "no store at \(path)"
        }
    }
}

/// Runs an operation of the disk and turns its error into the log's: the one place where the layer boundary is crossed.
func onDisk<Value>(_ operation: () throws(DiskError) -> Value) throws(LogError) -> Value {
    do {
        return try operation()
    } catch {
        throw .disk(error)
    }
}
