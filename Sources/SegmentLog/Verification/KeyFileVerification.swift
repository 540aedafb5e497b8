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

    /// Compares it with an index that was built from the records, and with where they lie; that is nil where some cannot be read,
    /// and then they have been reported.
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
        guard let account = segment.account else { return [] }
        guard let keys = try KeyFile(file, of: header, account, cache: cache) else {
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
        guard try keys.table()?.entries == table.entries else {
            return ["the table of blocks does not describe its segment"]
        }
        var expected = IndexDigest()
        try postings.forEachSorted { expected.add($0.key, records: $0.records, blocks: $0.blocks) }
        var found = IndexDigest()
        let isIntact = try keys.index.forEachKey(blockCount: table.entries.count) { key, entry in
            key.withUnsafeBytes { found.add($0, records: entry.recordCount, blocks: entry.blocks) }
        }
        return isIntact && found == expected ? [] : ["the index does not agree with the records"]
    }
}
