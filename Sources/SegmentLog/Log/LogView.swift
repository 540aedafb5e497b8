// Owns: the log as it was at one moment: which segments there are, how far it is durable, which ids are known to be
// damaged. Immutable; a reader takes one and is disturbed by nothing.

/// The log at a moment. Cheap to take and to hold for a short while: a held view keeps replaced files readable.
package struct LogView: Sendable {
    /// In the order of their ids, without overlap.
    let segments: [any Segment]
    /// Ids below the tail that cannot be read, as far as opening has told; in order.
    package let damage: [ClosedRange<RecordID>]
    /// The last durable record.
    package let tail: RecordID

    package init(segments: [any Segment], damage: [ClosedRange<RecordID>], tail: RecordID) {
        self.segments = segments
        self.damage = damage
        self.tail = tail
    }

    /// The id of the first record that the log can hold.
    package var first: RecordID {
        segments.first?.base ?? RecordID(1)
    }

    /// The position in `segments` of the first that can hold `id` or something behind it.
    func firstSegment(reaching id: RecordID) -> Int {
        var low = 0
        var high = segments.count
        while low < high {
            let middle = (low + high) / 2
            if segments[middle].lastID ?? segments[middle].base < id { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The last record that was committed at or before `time`; zero where there is none.
    package func last(recordedBy time: RecordTime) throws(LogError) -> RecordID {
        for segment in segments.reversed() {
            let last = try segment.withLatest { segment throws(LogError) in try Self.last(in: segment, recordedBy: time)
            }
            if let last { return min(last, tail) }
        }
        return .zero
    }

    private static func last(in segment: any Segment, recordedBy time: RecordTime) throws(LogError) -> RecordID? {
        let blocks = try segment.blockCount()
        guard blocks > 0, try segment.summary(of: 0).firstRecordedAt <= time else { return nil }
        var low = 0
        var high = blocks
        while low < high {
            let middle = (low + high) / 2
            if try segment.summary(of: middle).firstRecordedAt <= time { low = middle + 1 } else { high = middle }
        }
        return try segment.block(low - 1).entries.last { $0.recordedAt <= time }?.id
    }

    /// Whether there is a raw segment at the end of the log that has to be walked before it can be asked anything, which takes a
    /// moment for each of its megabytes.
    package var hasUnwalkedSegment: Bool {
        for segment in segments.reversed() {
            guard let raw = segment as? RawSegment else { return false }
            if raw.isToBeWalked { return true }
        }
        return false
    }

    /// To ask so many segments takes no time to speak of, even where the disk has to be asked.
    private static let fewSegments = 32

    /// Whether the indexes say, without much ado, that at most `limit` records have one of the keys.
    package func hasFew(_ keys: [[UInt8]], limit: Int) throws(LogError) -> Bool {
        guard segments.count <= Self.fewSegments else { return false }
        var count = 0
        for segment in segments {
            guard segment.hasIndexAtHand else { return false }
            for key in keys {
                guard let holding = try segment.recordCount(holding: key, for: nil) else { return false }
                count += holding
            }
            guard count <= limit else { return false }
        }
        return true
    }

    /// The record of an id; nil where there is none.
    package func record(_ id: RecordID) throws(LogError) -> Record? {
        guard id > .zero, id <= tail else { return nil }
        if let hole = damage.first(where: { $0.contains(id) }) {
            throw .corrupt(hole, reason: "damaged on disk")
        }
        let position = firstSegment(reaching: id)
        return position < segments.count ? try segments[position].record(id) : nil
    }
}
