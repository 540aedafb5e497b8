// Owns: which ids behind the last one that was found may have been given, and are not to be given again: what the manifest
// has seen, and what the missing part of a file can have held.

internal import Disk

struct LostTail {
    /// What is known of the newest segment.
    enum Newest {
        /// A raw segment, which ends cleanly, or as a crash leaves it.
        case whole
        /// A raw segment of which bytes are missing, or which ends where the manifest has last seen it end, though something
        /// before that is gone.
        case doubtful(lastID: RecordID, end: FileOffset, fileBytes: UInt64)
        /// A file that does not tell which segment it is.
        case unreadable(base: RecordID, fileBytes: UInt64)
        /// A raw segment that was closed, so that another was to follow.
        case closed
        /// There is none behind the last sealed segment, or none at all.
        case missing
    }

    /// In order; nil where none can have been given.
    private(set) var ids: ClosedRange<RecordID>?
    /// Those of them of which nobody knows whether they were given at all.
    private(set) var doubtful: ClosedRange<RecordID>?
    private(set) var notes: [String] = []

    /// `isOlder` says that the manifest has not seen all that is there; `tail` is the last id that the segments answer for;
    /// `isNamedThere` says whether the segment that the manifest names is among them.
    init(_ manifest: Manifest, isOlder: Bool, tail: RecordID, newest: Newest, isNamedThere: Bool) {
        var last = tail
        let entry = manifest.entry
        // Only a newer entry, which may have been lost, could know more.
        let certain = manifest.isWhole && !isOlder ? entry : nil
        if let entry, entry.tail > tail {
            last = entry.greatestLaterID
            notes.append("the log ends at \(tail), and had come to \(entry.tail)")
        }
        let isGone = certain?.state == .inUse && !isNamedThere
        if let certain, isGone { last = max(last, certain.greatestLaterID) }
        /// Without anything that is certain, the largest file there can be may have been full.
        func count(after id: RecordID, _ found: UInt64 = 0) {
            let bytes = max(found, RawCapacity.fileBytes.upperBound)
            last = max(last, RawCapacity.greatestID(after: id, from: FrameHeader.firstOffset, in: bytes))
        }
        switch newest {
        case .whole: break
        case .doubtful(let lastID, let end, let fileBytes):
            if let certain, certain.state == .atRest {
                last = max(last, certain.greatestLaterID)
            } else {
                last = max(last, RawCapacity.greatestID(after: lastID, from: end, in: fileBytes))
            }
        case .unreadable(let base, let fileBytes):
            notes.append("nothing tells what the newest segment held, which begins with \(base)")
            // No record is acknowledged in a segment that the manifest does not name.
            if certain == nil { count(after: max(tail, RecordID(base.rawValue - 1)), fileBytes) }
        case .closed:
            // The next one takes no record before the manifest names it.
            if certain == nil { count(after: tail) }
        case .missing:
            // What the first entry of a store names is still to be made.
            guard certain?.segment != .zero else { break }
            notes.append("the newest segment is missing")
            if certain == nil { count(after: tail) }
        }
        if isGone, notes.isEmpty { notes.append("the newest segment is missing") }
        guard last > tail else { return }
        ids = tail.next...last
        let seen = max(tail, entry?.tail ?? .zero)
        guard last > seen else { return }
        doubtful = seen.next...last
        notes.append("of \(seen.next) to \(last) nobody knows whether they were ever given; they never will be again")
    }
}
