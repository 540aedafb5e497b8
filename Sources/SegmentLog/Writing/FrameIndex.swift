// Owns: searching a frame that is being gathered, whose records no segment has yet.

/// For each key that records of a frame have, which of them had it last. It follows the frame as that grows, and covers it when
/// somebody asks. Belongs to the writer's thread.
package struct FrameIndex {
    private struct Slot {
        var fingerprint: UInt64 = 0
        /// Counted from one; zero where the slot is free.
        var record: UInt32 = 0
    }

    /// Records between two looks at the clock, which takes longer than most of them.
    private static let stride = 64

    /// Keys are told apart by their fingerprints alone: two that share one cost a look at records without a match.
    private var slots = Array(repeating: Slot(), count: 64)
    private var keyCount = 0
    /// How far the frame is covered: its records, its pieces before the current one, and bytes of that.
    private var records = 0
    private var pieces = 0
    private var bytes = 0

    package init() {}

    /// The last record of a frame that matches and comes behind `after`; nil where there is none. Throws `ended` where the work
    /// does; what has been covered by then stays so.
    package mutating func last(
        of frame: CommitFrame,
        matching expression: KeyExpression,
        after: RecordID,
        for work: Work
    ) throws(LogError) -> RecordID? {
        guard frame.recordCount > 0 else { return nil }
        try cover(frame, for: work)
        // Most conditions name a key that no record of the frame has; then no record need be looked at.
        let bound = expression.isEmpty ? records : self.bound(of: expression)
        guard bound > 0, frame.firstID.advanced(by: bound - 1) > after else { return nil }
        var matcher = KeyMatcher(expression)
        var last: RecordID?
        var number = 0
        for piece in frame.pieces {
            var offset = piece.range.lowerBound
            while offset < piece.range.upperBound, number < bound {
                let id = frame.firstID.advanced(by: number)
                number += 1
                if number.isMultiple(of: Self.stride) { try work.check() }
                let (body, end) = piece.buffer.body(at: offset)
                if id > after, matcher.matches(body) { last = id }
                offset = end
            }
        }
        return last
    }

    /// Covers what has been added since.
    private mutating func cover(_ frame: CommitFrame, for work: Work) throws(LogError) {
        while records < frame.recordCount {
            let piece = frame.pieces[pieces]
            // The last piece may grow yet.
            guard bytes < piece.range.count else {
                pieces += 1
                bytes = 0
                continue
            }
            if records % Self.stride == Self.stride - 1 { try work.check() }
            let (body, end) = piece.buffer.body(at: piece.range.lowerBound + bytes)
            records += 1
            RecordBody.forEachKey(of: body) { key in
                note(KeyFingerprint.of(key, seed: KeyFingerprint.seed), UInt32(records))
                return true
            }
            bytes = end - piece.range.lowerBound
        }
    }

    private mutating func note(_ fingerprint: UInt64, _ record: UInt32) {
        let place = place(of: fingerprint)
        if slots[place].record == 0 {
            slots[place].fingerprint = fingerprint
            keyCount += 1
        }
        slots[place].record = record
        if keyCount * 2 > slots.count { grow() }
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: Slot(), count: old.count * 4)
        for slot in old where slot.record > 0 { slots[place(of: slot.fingerprint)] = slot }
    }

    private func place(of fingerprint: UInt64) -> Int {
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: fingerprint) & mask
        while slots[place].record > 0, slots[place].fingerprint != fingerprint { place = (place + 1) & mask }
        return place
    }

    /// No record behind this one matches, counted from one; zero where none does.
    private func bound(of expression: KeyExpression) -> Int {
        var bound: UInt32 = 0
        for clauses in expression.alternatives {
            var earliest = UInt32.max
            for clause in clauses where earliest > bound {
                var latest: UInt32 = 0
                for key in clause {
                    let fingerprint = key.withUnsafeBytes { KeyFingerprint.of($0, seed: KeyFingerprint.seed) }
                    latest = max(latest, slots[place(of: fingerprint)].record)
                }
                earliest = min(earliest, latest)
            }
            bound = max(bound, earliest)
        }
        return Int(bound)
    }
}
