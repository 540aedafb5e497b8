// Owns: the chain of segments: each names the one before it, so that a file which has taken another's place, from an older
// copy of the same store, is known for a stranger although every checksum in it is right.
//
// A link is what the later of two segments says of the earlier one. So the chain is followed from its end, where the manifest
// vouches for the newest segment: whatever that leads back to belongs here, and whatever stands in its way does not. Where
// nothing vouches for the later of two, their other neighbours decide, and who follows on a stranger is one.

struct SegmentChain {
    private let segments: [any Segment]
    /// Whether a segment belongs where it stands; nil where that is not known.
    private var belongs: [Bool?]

    /// Segments that do not belong where they stand. `newest` tells of the last one whether it is the right one, where that is
    /// known.
    static func strangers(among segments: [any Segment], isNewestKnown newest: Bool?) -> [any Segment] {
        guard !segments.isEmpty else { return [] }
        var chain = SegmentChain(segments: segments, belongs: segments.map { _ in nil })
        chain.belongs[segments.count - 1] = newest
        chain.followBack()
        chain.judgeRest()
        return segments.indices.filter { chain.belongs[$0] == false }.map { segments[$0] }
    }

    private mutating func followBack() {
        for index in segments.indices.dropFirst().reversed() where belongs[index] == true {
            belongs[index - 1] = isLink(to: index)
        }
    }

    private mutating func judgeRest() {
        for index in segments.indices.dropFirst() where belongs[index] == nil {
            switch isLink(to: index) {
            case nil: break
            case true?:
                if belongs[index - 1] == false { belongs[index] = false }
            case false?:
                guard belongs[index - 1] != false else { continue }
                let isBeforeHeld = belongs[index - 1] == true || index > 1 && isLink(to: index - 1) == true
                let isAfterHeld = isHeld(index)
                if isAfterHeld, !isBeforeHeld {
                    belongs[index - 1] = false
                } else if isBeforeHeld, !isAfterHeld {
                    belongs[index] = false
                }
            }
        }
    }

    /// Whether the segments behind one lead back to it, none of them known for a stranger.
    private func isHeld(_ index: Int) -> Bool {
        guard index + 1 < segments.count, isLink(to: index + 1) == true else { return false }
        for next in (index + 1)..<segments.count {
            guard isLink(to: next) == true else { break }
            if belongs[next] == false { return false }
        }
        return true
    }

    /// Whether a segment follows on the one before it; nil where it does not say, because ids were lost between them.
    private func isLink(to index: Int) -> Bool? {
        let (before, after) = (segments[index - 1], segments[index])
        let named = after.header.predecessor
        guard named != .none, let last = before.lastID, last == named.lastID, last.next == after.base else {
            return nil
        }
        if named.segment == before.header.origin { return true }
        // Without its footer nobody knows where a sealed one ended: another may be missing behind it.
        return (before as? SealedSegment)?.hasFooter == false ? nil : false
    }
}
