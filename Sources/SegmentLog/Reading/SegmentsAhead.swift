// Owns: what a question about few keys has the disk fetch of the segments that it comes to next, so that it waits for many of
// them about as long as for one.

/// How far ahead the disk has been told of a scan. It is told the farther, the more segments in a row had nothing: a question that
/// is answered out of the first segment reads nothing of the others.
struct SegmentsAhead: Sendable {
    /// Of more names than that each has little to wait for beside the work that it is.
    private static let fewNames = 8
    private static let farthest = 32
    /// To wait for so few segments takes no time to speak of.
    private static let few = 3

    /// Segments that were entered, and how many of them in a row had nothing.
    private var entered = 0
    private var passed = 0
    /// So many segments, the first that was entered included, the disk has been told of, or need not be.
    private var told = 1
    /// So many more are taken for being in memory, because the last one was.
    private var pause = 0

    /// A segment is entered, with others of these behind it in the direction of the scan.
    mutating func enter(_ segment: Int, of segments: [any Segment], _ query: LogQuery) {
        entered += 1
        let end = entered + min(Self.farthest, 2 * max(0, passed - Self.few))
        guard told < end, !query.keys.isEmpty, query.keys.nameCount <= Self.fewNames else { return }
        told = max(told, entered)
        while told < end {
            let distance = told - entered + 1
            let place = query.reversed ? segment - distance : segment + distance
            guard segments.indices.contains(place), query.reaches(segments[place]) else { return }
            pause = expect(query.keys, segments[place].latest) ? 0 : min(2 * pause + 1, Self.farthest)
            told += 1 + pause
        }
    }

    /// What has come of the one that was entered last.
    mutating func note(isEmpty: Bool) { passed = isEmpty ? passed + 1 : 0 }

    /// Whether there was something to be fetched.
    private func expect(_ keys: KeyExpression, _ segment: any Segment) -> Bool {
        var isFetched = false
        for alternative in keys.alternatives {
            for clause in alternative {
                for key in clause where segment.expect(key) { isFetched = true }
            }
        }
        return isFetched
    }
}
