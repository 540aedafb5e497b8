// Owns: what can go wrong in the log, with unknown, torn and corrupt kept apart.

package import Disk

package enum LogError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The disk refused.
    case disk(DiskError)
    /// Records of this range are damaged or missing.
    case corrupt(ClosedRange<RecordID>, reason: String)
    /// Records of this range are in a form that a later version has made, and this one does not know.
    case later(ClosedRange<RecordID>, reason: String)
    /// A file that is not ours, or whose own description is damaged.
    case unreadable(path: String, reason: String)
    /// A file of a format this version does not know; nothing was written.
    case unknownFormat(path: String, found: String)
    /// The directory is in use by another process.
    case inUse(path: String)
    /// A new segment would take the disk below what is to be kept free, in bytes. Nothing has happened; a later try may
    /// succeed.
    case noSpace(free: UInt64, keepFree: UInt64, needed: UInt64)
    /// There is no store here and none may be created.
    case missing(path: String)
    /// The work was to end before it was done. Nothing is wrong with the log.
    case ended(Work.End)

    package var description: String {
        switch self {
        case .disk(let error): "\(error)"
        case .corrupt(let ids, let reason): "records \(ids.lowerBound) to \(ids.upperBound) are damaged: \(reason)"
        case .later(let ids, let reason):
            "records \(ids.lowerBound) to \(ids.upperBound) were written by a later version: \(reason)"
        case .unreadable(let path, let reason): "\(path): \(reason)"
        case .unknownFormat(let path, let found):
            "\(path): unknown format \(found); this version of evstore reads version \(FormatVersion.current)"
        case .inUse(let path): "\(path) is locked: another daemon uses this data directory"
        case .noSpace(let free, let keepFree, let needed):
            "the disk is full: \(free) bytes are free, \(keepFree) are to be kept free, a new segment takes \(needed)"
        case .missing(let path): "no store at \(path)"
        case .ended(.cancelled): "nobody waits for the answer any more"
        case .ended(.timeUp): "it took longer than it may"
        case .ended(.stopping): "the daemon stops"
        }
    }
}

extension LogError {
    /// Whether a later try may succeed, when somebody has made space.
    package var isNoSpace: Bool {
        switch self {
        case .noSpace: true
        case .disk(let error): error.isNoSpace
        default: false
        }
    }

    /// The records that cannot be read, where that is the error: what others can be read goes on.
    package var unreadableIDs: ClosedRange<RecordID>? {
        switch self {
        case .corrupt(let ids, _), .later(let ids, _): ids
        default: nil
        }
    }

    var isDisk: Bool {
        if case .disk = self { true } else { false }
    }

    /// Whether the medium could not give back what was written to it.
    var isUnreadableMedium: Bool {
        if case .disk(let error) = self { error.isUnreadableMedium } else { false }
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
