// Owns: checking one sealed segment: each byte belongs to the header, a block or the footer, every checksum is right, and
// the index says what the records say.

internal import Disk

package struct SealedVerification {
    private let segment: SealedSegment
    private let store: UniqueID
    private let file: String
    private let check: RecordCheck

    package init(
        _ segment: SealedSegment,
        _ store: UniqueID,
        file: String,
        check: @escaping RecordCheck = { _ in nil }
    ) {
        self.segment = segment
        self.store = store
        self.file = file
        self.check = check
    }

    package func run(
        _ report: inout VerificationReport,
        _ progress: inout VerificationProgress
    ) throws(LogError) {
        let covered = segment.footer.firstCovered...segment.footer.lastCovered
        try report.examine(file, covered) { report throws(LogError) in
            report.bytes += segment.footer.fileBytes
            segment.file.forget(at: FileOffset(0), count: Int(segment.footer.fileBytes))
            // Opened anew, so that header and footer are read again; through the same file, since compaction may have
            // given its name to another.
            guard
                let copy = try SealedSegment(
                    segment.file,
                    store: store,
                    cache: BlockCache(budgetBytes: 1 << 20),
                    register: DamageRegister(),
                    nextBase: covered.upperBound.next
                )
            else {
                report.note(covered, in: file)
                return report.note("header and footer are damaged", in: file)
            }
            let header = try FileHeader.read(segment.file, kind: .sealed, store: store)
            if header == nil { report.note("the header is damaged", in: file) }
            var isWalkable = false
            if copy.hasFooter {
                isWalkable = try tile(copy, &report)
                if isWalkable { try compareTable(of: copy, &report) }
            } else {
                report.note("the footer is damaged", in: file)
            }
            let postings = try records(of: copy, &report, &progress)
            // Without all records there is nothing to compare the index with, and they have been reported.
            if isWalkable, let postings { try compare(postings, with: copy, &report) }
        }
    }

    /// Walks the file from block to block: whatever is not in a block, the header or the footer belongs to nothing.
    private func tile(_ segment: SealedSegment, _ report: inout VerificationReport) throws(LogError) -> Bool {
        let seed = segment.header.identity.seed
        let end = FileOffset(segment.footer.fileBytes - UInt64(segment.footer.bytes))
        var offset = FileOffset(segment.header.length)
        var isIntact = true
        while offset < end {
            let head = try onDisk { () throws(DiskError) in
                try segment.file.bytes(at: offset, count: SealedBlockHeader.bytes)
            }
            guard let head, let header = head.withUnsafeBytes({ SealedBlockHeader($0, at: offset, seed: seed) }),
                header.end <= end
            else {
                report.note("no block at offset \(offset)", in: file)
                return false
            }
            if let kind = header.kind, kind != .records {
                let bytes = try onDisk { () throws(DiskError) in
                    try segment.file.bytes(at: offset, count: header.end - offset)
                }
                switch bytes.map({ SealedBlockHeader.unpack($0, at: offset, seed: seed, kind: kind) }) {
                case .whole: break
                case .later(let what):
                    report.note("the \(kind) block at offset \(offset) is of a later version: \(what)", in: file)
                    isIntact = false
                case .damaged, nil:
                    report.note("the \(kind) block at offset \(offset) is damaged", in: file)
                    isIntact = false
                }
            } else if header.kind == nil, header.kindByte < SealedBlockHeader.firstIgnorableKind {
                report.note("the block at offset \(offset) is of kind \(header.kindByte), of a later version", in: file)
            }
            offset = header.end
        }
        return isIntact
    }

    /// The table describes the segment that the footer does, and its times ascend where they must.
    private func compareTable(of copy: SealedSegment, _ report: inout VerificationReport) throws(LogError) {
        guard let table = try copy.listedTable() else {
            return report.note("the table of blocks does not describe this segment", in: file)
        }
        let summaries = table.entries.map(\.summary)
        let isAscending =
            summaries.allSatisfy { $0.firstRecordedAt <= $0.lastRecordedAt }
            && zip(summaries, summaries.dropFirst()).allSatisfy { $0.lastRecordedAt <= $1.firstRecordedAt }
        if !isAscending { report.note("the commit times of the blocks go back", in: file) }
        let footer = copy.footer
        if let first = summaries.first, let last = summaries.last {
            let isRight =
                footer.firstRecordedAt == first.firstRecordedAt && footer.lastRecordedAt == last.lastRecordedAt
                && footer.leastTime == summaries.map(\.minimumTime).min()
                && footer.greatestTime == summaries.map(\.maximumTime).max()
            if !isRight { report.note("the times in the footer are not those of the blocks", in: file) }
        }
        try report.examine(file) { report throws(LogError) in
            let controls = try copy.controls()
            if UInt64(controls.count) != footer.controlCount {
                report.note(
                    "\(controls.count) of the store's own records, where the footer says \(footer.controlCount)",
                    in: file
                )
            }
        }
    }

    /// Reads every record, and gives back what an index of them says; nil where some cannot be read.
    private func records(
        of copy: SealedSegment,
        _ report: inout VerificationReport,
        _ progress: inout VerificationProgress
    ) throws(LogError) -> Postings? {
        var postings = Postings()
        var found: UInt64 = 0
        var bodyBytes: UInt64 = 0
        var isComplete = true
        let count = try copy.blockCount()
        for index in 0..<count {
            guard progress.advance(copy.footer.fileBytes / UInt64(count)) else { return nil }
            let summary = try copy.summary(of: index)
            var block: Block?
            try report.examine(file, summary.firstID...summary.lastID) { _ throws(LogError) in
                block = try copy.block(index)
            }
            // Whoever reads it is to know as well: that it is damaged, or is so no longer.
            if block == nil || segment.isSuspect, index < (try segment.blockCount()) { _ = try? segment.recheck(index) }
            found += block.map { UInt64($0.entries.count) } ?? UInt64(summary.recordCount)
            guard let block else {
                isComplete = false
                continue
            }
            report.records += UInt64(block.entries.count)
            for entry in block.entries.indices {
                Record(block, entry).withBody { postings.add($0, block: UInt32(index)) }
                bodyBytes += UInt64(block.entries[entry].body.count)
            }
            if zip(block.entries, block.entries.dropFirst()).contains(where: { $0.recordedAt > $1.recordedAt }) {
                report.note("the commit times of records \(summary.firstID) to \(summary.lastID) go back", in: file)
            }
            report.check(block, check, in: file)
        }
        if found != copy.footer.recordCount {
            report.note("\(found) records, where the footer says \(copy.footer.recordCount)", in: file)
        }
        if isComplete, copy.hasFooter, bodyBytes != copy.footer.recordBytes {
            report.note("\(bodyBytes) bytes of records, where the footer says \(copy.footer.recordBytes)", in: file)
        }
        guard isComplete else { return nil }
        return postings
    }

    /// Compares the index on disk with one that was built from the records, key by key.
    private func compare(
        _ postings: borrowing Postings,
        with segment: SealedSegment,
        _ report: inout VerificationReport
    ) throws(LogError) {
        var expected = IndexDigest()
        try postings.forEachSorted { expected.add($0.key, records: $0.records, blocks: $0.blocks) }
        var found = IndexDigest()
        let isIntact = try segment.forEachKey { key, entry in
            key.withUnsafeBytes { found.add($0, records: entry.recordCount, blocks: entry.blocks) }
        }
        if !isIntact || found != expected { report.note("the index does not agree with the records", in: file) }
    }
}

/// A checksum over a sorted index, so that two can be compared without holding either.
struct IndexDigest: Equatable {
    private var crc: UInt32 = 0
    private var keys = 0

    mutating func add(_ key: UnsafeRawBufferPointer, records: Int, blocks: [UInt32]) {
        crc = Checksum.crc32(key, from: crc)
        crc = withUnsafeBytes(of: records) { Checksum.crc32($0, from: crc) }
        crc = blocks.withUnsafeBytes { Checksum.crc32($0, from: crc) }
        keys += 1
    }
}
