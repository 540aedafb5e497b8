// Owns: the chain of segments: each names the one before it, so that a file which has taken another's place, from an older
// copy of the same store, is known for a stranger although every checksum in it is right.

enum SegmentChain {
    /// Segments that do not belong where they stand. `newest` tells of the last one whether it is the right one, where that is
    /// known. Which of two that do not follow each other is the stranger, their other neighbours decide.
    static func strangers(among segments: [any Segment], isNewestKnown newest: Bool?) -> [any Segment] {
        var strangers: [any Segment] = []
        if newest == false, let last = segments.last { strangers.append(last) }
        for index in segments.indices.dropFirst() where isLink(segments, to: index) == false {
            let (before, after) = (segments[index - 1], segments[index])
            let isBeforeHeld = index > 1 ? isLink(segments, to: index - 1) : nil
            let isAfterHeld = index + 1 < segments.count ? isLink(segments, to: index + 1) : newest
            if isAfterHeld == true, isBeforeHeld != true {
                strangers.append(before)
            } else if isBeforeHeld == true, isAfterHeld != true {
                strangers.append(after)
            }
        }
        return strangers
    }

    /// Whether a segment follows on the one before it; nil where it does not say, because ids were lost between them.
    private static func isLink(_ segments: [any Segment], to index: Int) -> Bool? {
        let (before, after) = (segments[index - 1], segments[index])
        let named = after.header.predecessor
        guard named != .none, let last = before.lastID, last == named.lastID, last.next == after.base else {
            return nil
        }
        return named.segment == before.header.origin
    }
}
