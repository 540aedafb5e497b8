// Owns: merging runs of small sealed segments into large ones, in the background: recompressed harder, or, where there is no time
// for that, with their blocks as they are, to be recompressed when there is. Ids never change.
//
// The merged file takes the name of the first input by one rename, once it is durable and has been read back and
// compared; until then all inputs stand. The other inputs are removed afterwards; a crash between leaves them inside the
// range of the merged one, where recovery knows them for leftovers. Readers keep their open files.

internal import Disk
import Synchronization

package struct CompactionReport: Equatable, Sendable {
    package var segmentsBefore = 0
    package var segmentsAfter = 0
    package var bytesBefore: UInt64 = 0
    package var bytesAfter: UInt64 = 0
}

package enum CompactionPolicy: Sendable {
    /// Merge where the disk has room to spare for it and there are many small segments: eight in a row, or half of what a
    /// merged one may hold, and no one of them more than two thirds of it, so that a byte is not compressed again and again. What was
    /// merged in a hurry is recompressed by itself.
    case background
    /// The same with the blocks as they are: a load that lasts must not leave as many segments as it is long.
    case hurried
    /// Merge whatever can be merged.
    case everything

    private static let runLength = 8

    /// Runs of consecutive segments to merge, given the bytes of records each holds, and whether it is packed less hard than it would
    /// be.
    func runs(
        _ sizes: [UInt64],
        limit: UInt64,
        isLight: (Int) throws(LogError) -> Bool = { _ in false }
    ) throws(LogError) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        var start = 0
        while start < sizes.count {
            var end = start
            var total: UInt64 = 0
            var largest: UInt64 = 0
            while end < sizes.count, total + sizes[end] <= limit {
                total += sizes[end]
                largest = max(largest, sizes[end])
                end += 1
            }
            let isWorthIt =
                switch self {
                case .everything: true
                case .background, .hurried:
                    (end - start >= Self.runLength || total >= limit / 2) && largest <= total / 3 * 2
                }
            if end - start >= 2, isWorthIt {
                runs.append(start..<end)
                start = end
            } else {
                if isLarge(sizes[start], limit), try isLight(start) { runs.append(start..<start + 1) }
                start += 1
            }
        }
        return runs
    }

    /// Whether one of the size is recompressed by itself.
    private func isLarge(_ size: UInt64, _ limit: UInt64) -> Bool {
        switch self {
        case .hurried: false
        case .background: size >= limit / 2
        case .everything: true
        }
    }
}

extension SegmentLog {
    /// Sealed segments that are small enough to be merged with others.
    package var smallSegments: Int {
        let limit = UInt64(options.compactedBytes) / 2
        return view.segments.count { ($0 as? SealedSegment).map { $0.footer.recordBytes < limit } ?? false }
    }

    /// Merges as the policy says, so many runs at most. `pace` is called between blocks and may sleep; where it returns false the work stops
    /// after what has been finished. A merge takes its time, and what is closed meanwhile does not wait for its end where
    /// `hurriedly` is given: it is sealed between two blocks, at the fastest level if that says so.
    package func compact(
        _ policy: CompactionPolicy,
        most: Int = .max,
        sealing hurriedly: (() -> Bool)? = nil,
        pace: () -> Bool = { true }
    ) throws(LogError) -> CompactionReport {
        try maintenance.withLock { _ throws(LogError) in
            var failure: LogError?
            func attend() -> Bool {
                guard pace() else { return false }
                guard let hurriedly, isAnyWaiting else { return true }
                do throws(LogError) {
                    while try sealNext(hurriedly: hurriedly(), pace: pace) { _ = try replenishSpares(pace: pace) }
                } catch {
                    failure = failure ?? error
                    return error.unreadableIDs != nil
                }
                return true
            }
            var report = CompactionReport()
            let before = view.segments.dropLast().compactMap { $0 as? SealedSegment }.map(\.footer.fileBytes)
            report.segmentsBefore = before.count
            report.bytesBefore = before.reduce(0, +)
            var position = RecordID.zero
            // Looked for one by one: a segment that somebody holds keeps its space though its file has been removed.
            // What is sealed meanwhile is for the next time.
            let last = view.segments.last { $0 is SealedSegment }?.lastID ?? .zero
            var merges = 0
            while merges < most, let inputs = try nextRun(policy, from: position, upTo: last) {
                position = inputs[inputs.count - 1].footer.lastCovered.next
                let bytes = inputs.reduce(0) { $0 + $1.footer.fileBytes }
                // The output is not larger, and goes beside them at first. Nobody waits for it.
                if policy != .everything, try !spares.hasRoomToSpare(for: bytes) { continue }
                do throws(LogError) {
                    guard try merge(inputs, policy, pace: attend) else { break }
                    merges += 1
                } catch {
                    // What turned out damaged is in the register, and the next run keeps clear of it.
                    guard error.unreadableIDs != nil else { throw error }
                    failure = failure ?? error
                }
            }
            if let failure { throw failure }
            let after = view.segments.compactMap { $0 as? SealedSegment }
            report.segmentsAfter = after.count
            report.bytesAfter = after.map(\.footer.fileBytes).reduce(0, +)
            return report
        }
    }

    /// Whether one of the closed segments at the end can be sealed.
    private var isAnyWaiting: Bool {
        view.segments.dropLast().reversed().prefix { $0 is RawSegment }
            .contains { ($0 as? RawSegment).map(canSeal) ?? false }
    }

    /// The first segments, of those that begin at `position` or behind it and up to `last`, that the policy merges into one.
    private func nextRun(
        _ policy: CompactionPolicy,
        from position: RecordID,
        upTo last: RecordID
    ) throws(LogError) -> [SealedSegment]? {
        // The last segment is the active one, or, where there was no room to begin it, will be followed by it.
        let sealed = view.segments.dropLast().filter { $0.base >= position && $0.base <= last }
            .map { $0 as? SealedSegment }
        // Runs lie between raw segments, and keep clear of what cannot be read whole.
        let whole = sealed.split { $0.map { !canMerge($0) } ?? true }
        let effort = Compressor.effort(ofLevel: options.compactionLevel)
        for segments in whole.flatMap({ contiguous($0.compactMap(\.self)) }) {
            let runs = try policy.runs(segments.map(\.footer.recordBytes), limit: UInt64(options.compactedBytes)) {
                number throws(LogError) in try segments[number].effort().map { $0 < effort } ?? false
            }
            if let first = runs.first { return Array(segments[first]) }
        }
        return nil
    }

    /// Cuts a run where the disk did not give back a segment in between: a merged one would answer for its ids, and its
    /// file would be removed.
    private func contiguous(_ segments: [SealedSegment]) -> [[SealedSegment]] {
        var runs: [[SealedSegment]] = []
        for segment in segments {
            if let last = runs.last?.last, last.footer.lastCovered.next == segment.footer.firstCovered {
                runs[runs.count - 1].append(segment)
            } else {
                runs.append([segment])
            }
        }
        return runs
    }

    private func canMerge(_ segment: SealedSegment) -> Bool {
        segment.hasFooter && segment.footer.canWrite && !isDamaged(segment) && !isSpoiled(segment.header)
            && (try? segment.controls()) != nil
    }

    private func isDamaged(_ segment: SealedSegment) -> Bool {
        view.damage.contains {
            $0.upperBound >= segment.footer.firstCovered && $0.lowerBound <= segment.footer.lastCovered
        }
    }

    private func merge(
        _ inputs: [SealedSegment],
        _ policy: CompactionPolicy,
        pace: () -> Bool
    ) throws(LogError) -> Bool {
        let covering = inputs[0].footer.firstCovered...inputs[inputs.count - 1].footer.lastCovered
        let merged = try spares.withReserve { () throws(LogError) in
            try writeSealed(
                inputs,
                covering: covering,
                level: policy == .hurried ? 1 : options.compactionLevel,
                asPacked: policy == .hurried,
                pace: pace
            )
        }
        guard let merged else { return false }
        replace(inputs, with: merged)
        try onDisk { () throws(DiskError) in
            for input in inputs.dropFirst() { try disk.remove(input.path) }
            try disk.syncDirectory(directory.log)
        }
        return true
    }
}
