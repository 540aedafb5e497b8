// Owns: the scrub: reading again, from the medium, what has lain untouched, so that damage is found while there is still a
// backup to go to. It reads every block of every closed segment, of records and of the index, and remembers its place.
// Refuses to know: how fast, and how often.

internal import Disk

/// A pass over the closed segments. A value: it is the place that the pass has come to.
package struct Scrub: Sendable {
    /// What a block that cannot be read counts as: a large one, so that damage slows the scrub down rather than not.
    private static let damagedBytes = 64 << 10

    /// What one step has found.
    package struct Step: Sendable {
        package var bytes = 0
        /// What is wrong with an index, in words; damaged records are in the log's register.
        package var problem: String?

        package init(bytes: Int = 0, problem: String? = nil) {
            self.bytes = bytes
            self.problem = problem
        }
    }

    private let log: SegmentLog
    /// Segments that begin before it have been read.
    private var position = RecordID.zero
    private var current: (any Segment)?
    private var nextBlock = 0
    private var nextIndexBlock = FileOffset(0)

    package init(_ log: SegmentLog) {
        self.log = log
    }

    /// Reads the next block; nil when the pass is over. A read that fails is damage like any other, so that it is tried
    /// once a pass.
    package mutating func next() throws(LogError) -> Step? {
        while true {
            guard let segment = current ?? enter() else { return nil }
            var step = Step()
            if nextBlock < (try segment.blockCount()) {
                defer { nextBlock += 1 }
                do throws(LogError) {
                    step.bytes = try segment.recheck(nextBlock)
                } catch {
                    guard error.unreadableIDs != nil else { throw error }
                    step.bytes = Self.damagedBytes
                }
                return step
            }
            if let part = try recheckIndex(of: segment) {
                nextIndexBlock = part.end
                step.bytes = part.bytes
                step.problem = part.problem
                return step
            }
            current = nil
        }
    }

    /// Goes on behind the segment that the pass has come to.
    package mutating func passOverSegment() {
        current = nil
    }

    private func recheckIndex(of segment: any Segment) throws(LogError) -> KeyIndex.Part? {
        if let sealed = segment as? SealedSegment { return try sealed.recheckIndex(from: nextIndexBlock) }
        guard let raw = segment as? RawSegment, let part = try raw.keys?.index.recheck(from: nextIndexBlock) else {
            return nil
        }
        // Another is made.
        if part.problem != nil { raw.letGoOfKeys() }
        return part
    }

    private mutating func enter() -> (any Segment)? {
        let segments = log.view.segments.dropLast()
        guard let next = segments.first(where: { $0.base > position }) else { return nil }
        position = next.base
        current = next.latest
        nextBlock = 0
        nextIndexBlock = FileOffset(0)
        return next
    }
}
