// Owns: answering a query: segments in order, in each the blocks that the index names, in each block the records that
// match. Reads no block that the index or a summary rules out.
//
// Where a scan comes to ids that are damaged it gives out what lies before them and then throws; it never passes over
// them in silence, since what is lost there might have matched. A query that asks for it is taken past them, and the scan
// keeps account of what it left out.
//
// What an intact index rules out was never a match: damage to other blocks of the same segment is nothing to such a
// query, and it goes on undisturbed.

/// A scan under way. A value: it can be copied to remember a place.
package struct LogScan: Sendable {
    /// So many names the index is asked for in any case.
    private static let fewNames = 32

    let view: LogView
    var query: LogQuery
    private let sharing: BlockCache?
    /// What the scan is a part of. Where that has ended, the scan can go on as a part of other work.
    package var work: Work?
    /// Ids on the near side of it have been dealt with; forwards, it is the last of them itself.
    package internal(set) var position: RecordID
    /// Ids within the bounds that could not be read and might have matched, as far as the scan has come; only where the
    /// query skips damage. In order, in the fewest ranges.
    package var skipped: [ClosedRange<RecordID>] { RecordRanges.merged(passedOver) }
    private var passedOver: [ClosedRange<RecordID>] = []
    var segment: Int
    /// Blocks that steps have read, but for those that no index could have ruled out.
    package private(set) var blockCount = 0
    /// What is looked at just now; nil before a segment is entered.
    var entered: Entered?

    /// A segment as it was known when it was entered.
    struct Entered {
        let source: any Segment
        let numbering: Int
        /// The first block that no index covers.
        let indexedBlocks: Int
        /// Blocks still to be looked at, in the direction of the scan.
        var candidates: ArraySlice<UInt32>
    }
    /// What the index of the current segment was being asked when the work ended.
    private var begun: BlockSelection?
    var ahead = SegmentsAhead()

    /// A scan of a view that ends, by a throw of `ended`, when the work does that it is for. Where several follow each other closely
    /// they share the blocks that they read, and keep them out of the cache of everybody else.
    package init(_ view: LogView, _ query: LogQuery, for work: Work? = nil, sharing: BlockCache? = nil) {
        self.view = view
        self.work = work
        self.sharing = sharing
        var query = query
        query.after = min(query.after, view.tail)
        query.through = min(query.through, view.tail)
        self.query = query
        if query.reversed {
            position = query.through.next
            segment = min(view.firstSegment(reaching: query.through), view.segments.count - 1)
        } else {
            position = query.after
            segment = view.firstSegment(reaching: query.after.next)
        }
    }

    /// The matches of the next block that has any; nil at the end.
    package mutating func next() throws(LogError) -> [Record]? {
        while let matches = try step() {
            if !matches.isEmpty { return matches }
        }
        return nil
    }

    /// The matches of the next block that may have any, maybe none, or none where the next segment has no such block; nil at the
    /// end. For who must not be kept long by a query whose keys share many blocks and no record, or that few segments have: a
    /// step reads one block at most, and passes one segment at most that it has not been in.
    package mutating func step() throws(LogError) -> [Record]? {
        while isInSegment {
            try work?.check()
            let isEntered = entered != nil
            guard let (index, summary) = try nextCandidate() else {
                try passRestOfSegment()
                leaveSegment()
                if isEntered { continue }
                return []
            }
            try passDamage(before: summary)
            guard case .some(let block) = try readable(index, summary) else { continue }
            if index < entered?.indexedBlocks ?? 0 { blockCount += 1 }
            entered?.candidates.removeFirst()
            position = query.reversed ? summary.firstID : max(position, min(summary.lastID, query.through))
            return block.map(matches) ?? []
        }
        try passDamage(upTo: query.reversed ? query.after : query.through.next)
        position = query.reversed ? min(position, query.after.next) : max(position, query.through)
        return nil
    }

    /// Appends the next block that may have matches, in the form in which it leaves the store; false at the end. It may have
    /// other records too. Forwards only.
    package mutating func nextTransfer(to bytes: inout [UInt8]) throws(LogError) -> Bool {
        precondition(!query.reversed, "blocks leave in the order of their ids")
        while isInSegment {
            try work?.check()
            guard let (index, summary) = try nextCandidate() else {
                leaveSegment()
                continue
            }
            try passDamage(before: summary)
            let start = bytes.count
            do throws(LogError) {
                try entered?.source.transferBlock(index, to: &bytes)
            } catch {
                guard isOutdated else { throw error }
            }
            if isOutdated {
                bytes.removeLast(bytes.count - start)
                enterAnew()
                continue
            }
            entered?.candidates.removeFirst()
            position = max(position, min(summary.lastID, query.through))
            return true
        }
        try passDamage(upTo: query.through.next)
        return false
    }

    /// A block of the current segment; none in it where it is damaged and the query is to be taken past it. Nil where the segment
    /// has other blocks since, and is to be looked at anew.
    mutating func readable(_ index: Int, _ summary: BlockSummary) throws(LogError) -> Block?? {
        do throws(LogError) {
            let block = try block(index, summary)
            if !isOutdated { return .some(block) }
            enterAnew()
            return nil
        } catch {
            if isOutdated {
                enterAnew()
                return nil
            }
            guard query.skipsDamage, error.unreadableIDs != nil else { throw error }
            passOver(summary.firstID...summary.lastID)
            return .some(nil)
        }
    }

    private func block(_ index: Int, _ summary: BlockSummary) throws(LogError) -> Block? {
        guard let source = entered?.source else { return nil }
        guard let sharing else { return try source.block(index) }
        // The last block of a raw segment grows.
        let key = BlockCache.Key(segment: source.id, offset: UInt64(index) << 32 | UInt64(summary.recordCount))
        let block = try sharing.value(key, bytes: \.memoryBytes) { () throws(LogError) in try source.passingBlock(index)
        }
        // A segment that was walked anew has other blocks under these numbers.
        let isThat = block?.entries.first?.id == summary.firstID && block?.entries.last?.id == summary.lastID
        return isThat ? block : try source.passingBlock(index)
    }

    /// Whether the current segment has turned out to have other blocks.
    var isOutdated: Bool {
        entered.map { $0.source.latest !== $0.source || $0.source.numbering != $0.numbering } ?? false
    }

    /// Looks at the current segment anew, from the position on.
    private mutating func enterAnew() {
        entered = nil
        if query.reversed {
            query.through = min(query.through, RecordID(position.rawValue - 1))
        } else {
            query.after = max(query.after, position)
        }
    }

    private mutating func passOver(_ ids: ClosedRange<RecordID>) {
        let bounds = query.after.next...query.through
        if ids.overlaps(bounds) { passedOver.append(ids.clamped(to: bounds)) }
    }

    /// Whether the current segment may have something within the bounds; those behind it have nothing either.
    var isInSegment: Bool {
        guard query.after < query.through, view.segments.indices.contains(segment) else { return false }
        let source = view.segments[segment]
        return query.reversed ? source.lastID.map { $0 > query.after } ?? true : source.base <= query.through
    }

    /// Nothing is left to be looked at in the current segment.
    private mutating func passRestOfSegment() throws(LogError) {
        let source = view.segments[segment]
        if query.reversed {
            let first = max(source.base, query.after.next)
            try passDamage(upTo: RecordID(first.rawValue - 1))
            position = min(position, first)
        } else if let last = source.lastID.map({ min($0, query.through) }) {
            try passDamage(upTo: last.next)
            position = max(position, last)
        }
    }

    mutating func leaveSegment() {
        entered = nil
        segment += query.reversed ? -1 : 1
    }

    /// The next block to look at in the current segment, without consuming it.
    mutating func nextCandidate() throws(LogError) -> (index: Int, summary: BlockSummary)? {
        while true {
            if entered == nil { try enter(view.segments[segment].latest) }
            guard let source = entered?.source, let index = entered?.candidates.first else { return nil }
            do throws(LogError) {
                let summary = try source.summary(of: Int(index))
                if !isOutdated {
                    if query.admits(summary) { return (Int(index), summary) }
                    entered?.candidates.removeFirst()
                    continue
                }
            } catch {
                guard isOutdated else { throw error }
            }
            enterAnew()
        }
    }

    private mutating func enter(_ source: any Segment) throws(LogError) {
        let numbering = source.numbering
        let candidates = try candidateBlocks(of: source)[...]
        // To choose them may have indexed some more.
        let indexed = query.keys.isEmpty ? .max : source.indexedBlocks
        entered = Entered(source: source, numbering: numbering, indexedBlocks: indexed, candidates: candidates)
    }

    /// To ask the index for many names takes longer than to look at as many records, which are in memory where they are the newest.
    private func asksIndex(of source: any Segment) -> Bool {
        guard query.keys.nameCount > Self.fewNames, segment == view.segments.count - 1 else { return true }
        let (first, last) = (max(source.base, query.after.next), min(query.through, view.tail))
        return first <= last && last.rawValue - first.rawValue >= UInt64(query.keys.nameCount)
    }

    private mutating func selectedBlocks(of source: any Segment) throws(LogError) -> BlockList {
        if let key = query.keys.soleKey {
            try work?.check()
            return try source.blocks(holding: key, for: work)
        }
        guard asksIndex(of: source) else { return .unknown }
        var selection = begun ?? BlockSelection(query.keys, in: source)
        begun = nil
        do throws(LogError) {
            return try selection.answer(for: work)
        } catch {
            if case .ended = error { begun = selection }
            throw error
        }
    }

    private mutating func candidateBlocks(of source: any Segment) throws(LogError) -> [UInt32] {
        ahead.enter(segment, of: view.segments, query)
        let selected = try selectedBlocks(of: source)
        ahead.note(isEmpty: selected == .none)
        // Most segments have nothing for most queries.
        guard selected != .none else { return [] }
        let first = try source.firstBlock(reaching: query.after.next)
        let count = try source.blockCount()
        var end = min(count, try source.firstBlock(reaching: query.through) + 1)
        end = max(end, first)
        var indices: [UInt32]
        switch selected {
        case .unknown: indices = Array(UInt32(first)..<UInt32(end))
        case .some(let listed): indices = listed.filter { $0 >= first && $0 < end }
        }
        if query.reversed { indices.reverse() }
        return indices
    }

    func matches(in block: Block) -> [Record] {
        var matches: [Record]
        if let key = query.keys.soleKey {
            // Nothing is asked of the query's arrays for each record.
            matches = key.withUnsafeBytes { key in self.matches(in: block) { RecordBody.hasKey(key, $0) } }
        } else {
            var matcher = KeyMatcher(query.keys)
            matches = self.matches(in: block) { matcher.matches($0) }
        }
        if query.reversed { matches.reverse() }
        return matches
    }

    @inline(__always)
    private func matches(in block: Block, _ hasKeys: (UnsafeRawBufferPointer) -> Bool) -> [Record] {
        var matches: [Record] = []
        let (after, through, since, until) = (query.after, query.through, query.since, query.until)
        block.bytes.withUnsafeBytes { bytes in
            block.entries.withUnsafeBufferPointer { entries in
                for index in entries.indices {
                    let entry = entries[index]
                    guard entry.id > after, entry.id <= through, entry.time >= since, entry.time <= until,
                        hasKeys(UnsafeRawBufferPointer(rebasing: bytes[entry.body]))
                    else { continue }
                    matches.append(Record(block, index))
                }
            }
        }
        return matches
    }

    /// Throws where damaged ids come before a block, or all of it is part of them: they are named as a whole, and once. Or
    /// passes over them.
    mutating func passDamage(before summary: BlockSummary) throws(LogError) {
        let (first, last) = (summary.firstID, summary.lastID)
        let isLost = summary.isUnreadable
        if query.reversed {
            try passDamage(upTo: isLost ? RecordID(first.rawValue - 1) : last)
        } else {
            try passDamage(upTo: isLost ? last.next : first)
        }
    }

    /// Throws where damaged ids lie between the position and `id`, within the bounds; or passes over them.
    mutating func passDamage(upTo id: RecordID) throws(LogError) {
        while let hole = hole(upTo: id) {
            guard query.skipsDamage else { throw .corrupt(hole, reason: "damaged on disk") }
            passOver(hole)
            position = query.reversed ? hole.lowerBound : hole.upperBound
        }
    }

    /// The next damaged ids between the position and `id`, within the bounds.
    private func hole(upTo id: RecordID) -> ClosedRange<RecordID>? {
        func isAhead(_ hole: ClosedRange<RecordID>) -> Bool {
            guard query.after < query.through, hole.upperBound > query.after, hole.lowerBound <= query.through
            else { return false }
            return query.reversed
                ? hole.lowerBound < position && hole.upperBound > id
                : hole.upperBound > position && hole.lowerBound < id
        }
        return query.reversed ? view.damage.last(where: isAhead) : view.damage.first(where: isAhead)
    }
}
