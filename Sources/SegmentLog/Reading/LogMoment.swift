// Owns: how far the log had come at a moment, where some of it cannot be read: what may have been committed by then is
// counted in, so that nobody passes over it unawares.

extension LogView {
    /// The last id that can have been committed at or before `time`; zero where there is none. Damaged ids that follow the
    /// last readable record of that time may have been, so the answer lies behind them. Where a block that is needed to
    /// tell is damaged it throws, or, with `skippingDamage`, answers as if all of the block had been committed by then.
    package func bound(recordedBy time: RecordTime, skippingDamage: Bool) throws(LogError) -> RecordID {
        var bound: RecordID
        do throws(LogError) {
            bound = try last(recordedBy: time)
        } catch {
            guard skippingDamage, error.unreadableIDs != nil else { throw error }
            bound = try lastOfBlock(recordedBy: time)
        }
        while let hole = try unreadable(bound.next) { bound = hole }
        return min(bound, tail)
    }

    /// As `last(recordedBy:)`, without trusting that times ascend: blocks that could not be read have none.
    private func lastOfBlock(recordedBy time: RecordTime) throws(LogError) -> RecordID {
        for segment in segments.reversed() {
            for index in (0..<(try segment.blockCount())).reversed() {
                let summary = try segment.summary(of: index)
                guard !summary.isUnreadable, summary.firstRecordedAt <= time else { continue }
                do throws(LogError) {
                    return try segment.block(index).entries.last { $0.recordedAt <= time }?.id ?? summary.lastID
                } catch {
                    guard error.unreadableIDs != nil else { throw error }
                    return summary.lastID
                }
            }
        }
        return .zero
    }

    /// The last of the damaged ids that `id` is one of; nil where it is none.
    private func unreadable(_ id: RecordID) throws(LogError) -> RecordID? {
        guard id <= tail else { return nil }
        if let hole = damage.first(where: { $0.contains(id) }) { return hole.upperBound }
        let position = firstSegment(reaching: id)
        guard position < segments.count else { return nil }
        let index = try segments[position].firstBlock(reaching: id)
        guard index < (try segments[position].blockCount()) else { return nil }
        let summary = try segments[position].summary(of: index)
        return summary.isUnreadable && summary.firstID <= id ? summary.lastID : nil
    }
}
