// Owns: checking every byte of the log against its checksums, and every index against the records.

internal import Disk

package struct VerificationReport: Sendable {
    package var records: UInt64 = 0
    package var segments = 0
    package var bytes: UInt64 = 0
    /// Ids that cannot be read, in order.
    package var damage: [ClosedRange<RecordID>] = []
    /// What else is wrong, in words: an index that does not agree with the records, bytes that belong to nothing.
    package var problems: [String] = []

    package var isClean: Bool { damage.isEmpty && problems.isEmpty }
}

extension SegmentLog {
    /// Reads everything once, past the cache. `progress` is called with the fraction done, 0 to 1, and may sleep; where
    /// it returns false the check stops.
    package func verify(progress: (Double) -> Bool = { _ in true }) throws(LogError) -> VerificationReport {
        let view = view
        var report = VerificationReport()
        report.damage = view.damage
        for (position, segment) in view.segments.enumerated() {
            guard progress(Double(position) / Double(view.segments.count)) else { break }
            report.segments += 1
            switch segment {
            case let sealed as SealedSegment: try verify(sealed, &report)
            case let raw as RawSegment: try verify(raw, tail: view.tail, &report)
            default: preconditionFailure("a segment is raw or sealed")
            }
        }
        report.damage = RecordRanges.merged(report.damage)
        _ = progress(1)
        return report
    }

    private func verify(_ segment: RawSegment, tail: RecordID, _ report: inout VerificationReport) throws(LogError) {
        report.bytes += UInt64(segment.recordBytes)
        for offset in [FileOffset(0), FileHeader.copyOffset] {
            if try FileHeader.read(segment.file, at: offset, kind: .raw, store: store.store) == nil {
                report.problems.append("the header of \(segment.path) at offset \(offset) is damaged")
            }
        }
        for index in 0..<segment.blockCount() {
            do {
                report.records += UInt64(try segment.block(index).entries.count { $0.id <= tail })
            } catch {
                try report.note(error)
            }
        }
    }

    private func verify(_ segment: SealedSegment, _ report: inout VerificationReport) throws(LogError) {
        report.bytes += segment.footer.fileBytes
        // Opened anew, so that header and footer are read again; through the same file, since compaction may have given
        // its name to another.
        guard
            let copy = try SealedSegment(
                segment.file,
                store: store.store,
                cache: BlockCache(budgetBytes: 1 << 20),
                register: DamageRegister(),
                nextBase: segment.footer.lastCovered.next
            )
        else {
            report.damage.append(segment.footer.firstCovered...segment.footer.lastCovered)
            report.problems.append("header and footer of \(segment.path) are damaged")
            return
        }
        if try FileHeader.read(segment.file, kind: .sealed, store: store.store) == nil {
            report.problems.append("the header of \(segment.path) is damaged")
        }
        guard copy.hasFooter else {
            report.problems.append("the footer of \(segment.path) is damaged")
            return try verifyRecords(copy, &report)
        }
        let isWalkable = try verifyBytes(copy, &report)
        try verifyRecords(copy, &report)
        if isWalkable { try verifyIndex(copy, &report) }
    }

    /// Walks the file from block to block: whatever is not in a block, the header or the footer belongs to nothing.
    private func verifyBytes(
        _ segment: SealedSegment,
        _ report: inout VerificationReport
    ) throws(LogError) -> Bool {
        let seed = segment.header.identity.seed
        let end = FileOffset(segment.footer.fileBytes - UInt64(SealedFooter.bytes))
        var offset = FileOffset(FileHeader.bytes)
        var intact = true
        while offset < end {
            let head = try onDisk { () throws(DiskError) in
                try segment.file.bytes(at: offset, count: SealedBlockHeader.bytes)
            }
            guard let head, let header = head.withUnsafeBytes({ SealedBlockHeader($0, at: offset, seed: seed) }),
                header.end <= end
            else {
                report.problems.append("\(segment.path): no block at offset \(offset)")
                return false
            }
            if header.kind != .records {
                let bytes = try onDisk { () throws(DiskError) in
                    try segment.file.bytes(at: offset, count: header.end - offset)
                }
                if bytes.flatMap({ SealedBlockHeader.inflate($0, at: offset, seed: seed, kind: header.kind) }) == nil {
                    report.problems.append("\(segment.path): the \(header.kind) block at offset \(offset) is damaged")
                    intact = false
                }
            }
            offset = header.end
        }
        return intact
    }

    private func verifyRecords(_ segment: SealedSegment, _ report: inout VerificationReport) throws(LogError) {
        var found: UInt64 = 0
        for index in 0..<(try segment.blockCount()) {
            do {
                found += UInt64(try segment.block(index).entries.count)
            } catch {
                try report.note(error)
                found += UInt64(try segment.summary(of: index).recordCount)
            }
        }
        report.records += found
        if found != segment.footer.recordCount {
            report.problems.append(
                "\(segment.path): \(found) records, where the footer says \(segment.footer.recordCount)"
            )
        }
    }

    /// Builds the index from the records and compares it with the one on disk, key by key.
    private func verifyIndex(_ segment: SealedSegment, _ report: inout VerificationReport) throws(LogError) {
        var postings = Postings()
        for index in 0..<(try segment.blockCount()) {
            // A damaged block has been reported; without it there is nothing to compare with.
            guard let block = try? segment.block(index) else { return }
            for entry in block.entries.indices {
                Record(block, entry).withBody { postings.add($0, block: UInt32(index)) }
            }
        }
        var expected = IndexDigest()
        postings.forEachSorted { expected.add($0, records: $2, blocks: $1) }
        var found = IndexDigest()
        let intact = try segment.forEachKey { key, entry in
            key.withUnsafeBytes { found.add($0, records: entry.recordCount, blocks: entry.blocks) }
        }
        if !intact || found != expected {
            report.problems.append("\(segment.path): the index does not agree with the records")
        }
    }
}

/// A checksum over a sorted index, so that two can be compared without holding either.
private struct IndexDigest: Equatable {
    private var crc: UInt32 = 0
    private var keys = 0

    mutating func add(_ key: UnsafeRawBufferPointer, records: Int, blocks: [UInt32]) {
        crc = Checksum.crc32(key, from: crc)
        crc = withUnsafeBytes(of: records) { Checksum.crc32($0, from: crc) }
        crc = blocks.withUnsafeBytes { Checksum.crc32($0, from: crc) }
        keys += 1
    }
}

extension VerificationReport {
    /// Takes damage down; anything else is a reason to stop.
    fileprivate mutating func note(_ error: LogError) throws(LogError) {
        switch error {
        case .corrupt(let ids, let reason):
            damage.append(ids)
            problems.append(reason)
        default: throw error
        }
    }
}
