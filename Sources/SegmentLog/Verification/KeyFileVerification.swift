// Owns: checking the key file of a raw segment: every checksum in it, and that it says of the segment what its records say.

internal import Disk

struct KeyFileVerification {
    private let file: any DiskFile
    private let segment: RawSegment
    private let name: String

    init(_ file: any DiskFile, of segment: RawSegment, name: String) {
        self.file = file
        self.segment = segment
        self.name = name
    }

    /// The blocks that it tells of; nil where it cannot be read, or is not the index of its segment, which `run` will say.
    var table: BlockTable? {
        (try? opened(BlockCache(budgetBytes: 0))?.table()) ?? nil
    }

    private func opened(_ cache: BlockCache) throws(LogError) -> KeyFile? {
        guard let account = segment.account else { return nil }
        return try KeyFile(file, of: segment.header, account, cache: cache)
    }

    /// Compares it with an index that was built from the records by the blocks that it tells of, and with where the records lie;
    /// that is nil where some cannot be read, and then they have been reported.
    func run(
        _ postings: borrowing Postings,
        _ table: BlockTable?,
        _ report: inout VerificationReport
    ) throws(LogError) {
        var problems: [String] = []
        try report.examine(name) { report throws(LogError) in
            report.bytes += try onDisk { () throws(DiskError) in try file.size() }
            problems = try self.problems(postings, table)
        }
        for problem in problems { report.note(problem, in: name) }
    }

    private func problems(_ postings: borrowing Postings, _ table: BlockTable?) throws(LogError) -> [String] {
        let (header, cache) = (segment.header, BlockCache(budgetBytes: 1 << 20))
        guard segment.account != nil else { return [] }
        guard let keys = try opened(cache) else {
            return ["it is not the index of its segment, and is made anew"]
        }
        var problems: [String] = []
        if try FileHeader.read(file, kind: .keys, store: header.identity.store) != header.ofKeys {
            problems.append("the header is damaged")
        }
        var offset = FileOffset(0)
        while let part = try keys.index.recheck(from: offset) {
            if let problem = part.problem { problems.append(problem) }
            offset = part.end
        }
        guard problems.isEmpty, let table else { return problems }
        guard let own = try keys.table()?.entries,
            own == table.entries || own.map(\.summary.firstID) != table.entries.map(\.summary.firstID)
        else { return ["the table of blocks does not describe its segment"] }
        var expected = IndexDigest()
        try postings.forEachSorted { expected.add($0.key, records: $0.records, blocks: $0.blocks) }
        var found = IndexDigest()
        let isIntact = try keys.index.forEachKey(blockCount: own.count) { key, entry in
            key.withUnsafeBytes { found.add($0, records: entry.recordCount, blocks: entry.blocks) }
        }
        return isIntact && found == expected ? [] : ["the index does not agree with the records"]
    }
}
