// Owns: checking one raw segment, while it is written to or not: both headers, every record, every frame that stands for
// records which were durable when the check began, what lies between them, and the trailer.
//
// What lies behind the last frame is not looked at, but for the zeros that the writer leaves there. No checksum stands for the
// rest: zeros, what the file held in a former life, or, in the newest segment, what is being written just now.

internal import Disk

struct RawVerification {
    private let segment: RawSegment
    private let store: UniqueID
    private let file: String
    private let last: RecordID
    private let isNewest: Bool
    /// Up to here the manifest has seen frames.
    private let proven: FileOffset
    private let keys: KeyFileVerification?
    private let check: RecordCheck

    /// Records up to `tail` are checked. The newest segment may be written to meanwhile.
    init(
        _ segment: RawSegment,
        _ store: UniqueID,
        file: String,
        tail: RecordID,
        isNewest: Bool,
        witness: ManifestEntry?,
        keys: KeyFileVerification?,
        check: @escaping RecordCheck
    ) {
        self.segment = segment
        self.store = store
        self.file = file
        self.isNewest = isNewest
        self.keys = keys
        self.check = check
        proven =
            witness?.segment == segment.id ? witness?.durableOffset ?? FrameHeader.firstOffset : FrameHeader.firstOffset
        last = min(segment.lastID ?? .zero, tail)
    }

    func run(
        _ report: inout VerificationReport,
        _ progress: inout VerificationProgress
    ) throws(LogError) {
        report.bytes += UInt64(segment.recordBytes)
        for ids in segment.damage { report.note(ids, in: file) }
        try report.examine(file) { report throws(LogError) in
            let size = try onDisk { () throws(DiskError) in try segment.file.size() }
            if size != segment.header.fileBytes {
                report.note("the file has \(size) bytes instead of \(segment.header.fileBytes)", in: file)
            }
        }
        for (page, name) in [(FileOffset(0), "header"), (FileHeader.copyOffset, "copy of the header")] {
            try report.examine(file) { report throws(LogError) in try checkHeader(at: page, name, &report) }
        }
        var postings = keys == nil ? nil : Postings()
        let listed = keys?.table?.entries ?? []
        var place = 0
        for index in 0..<(try segment.blockCount()) {
            let summary = try segment.summary(of: index)
            guard summary.firstID <= last else { break }
            var bytes = 0
            try report.examine(file, summary.firstID...summary.lastID) { report throws(LogError) in
                bytes = try segment.recheck(index)
                let block = try segment.passingBlock(index)
                report.records += min(summary.lastID, last).rawValue - summary.firstID.rawValue + 1
                report.check(block, check, in: file)
                for number in block.entries.indices {
                    let record = Record(block, number)
                    // By the blocks of the key file, which another version may have cut otherwise.
                    while place + 1 < listed.count, listed[place].summary.lastID < record.id { place += 1 }
                    record.withBody { postings?.add($0, block: UInt32(listed.isEmpty ? index : place)) }
                }
            }
            guard progress.advance(UInt64(bytes)) else { return }
        }
        try report.examine(file) { report throws(LogError) in
            let found = try walk(&report)
            try checkTrailer(found, &report)
        }
        if let keys, let postings = postings.take() { try keys.run(postings, try segment.listedTable(), &report) }
    }

    private func checkHeader(
        at page: FileOffset,
        _ name: String,
        _ report: inout VerificationReport
    ) throws(LogError) {
        let header = try FileHeader.read(segment.file, at: page, kind: .raw, store: store)
        if header == nil { report.note("the \(name) is damaged", in: file) }
        if let header, header != segment.header { report.note("the \(name) is that of another segment", in: file) }
        guard segment.header.features.isPlain else { return }
        let count = Int(FileHeader.copyOffset.rawValue) - FileHeader.bytes
        let rest = try onDisk { () throws(DiskError) in
            try segment.file.prefix(at: page + FileHeader.bytes, count: count)
        }
        if rest.contains(where: { $0 != 0 }) {
            report.note("bytes that belong to nothing behind the \(name)", in: file)
        }
    }

    /// What the frames of a segment come to.
    private struct Found {
        var records: UInt64 = 0
        var controls: UInt64 = 0
        var end = FrameHeader.firstOffset
        var isWhole = true
    }

    /// Goes from frame to frame as recovery would, up to the last record. Records can be read without the headers for as
    /// long as the log is open, since their places are known; whoever opens it again needs the headers.
    private func walk(_ report: inout VerificationReport) throws(LogError) -> Found {
        var walk = FrameCheck(segment, file: file, window: try FileWindow(segment.file, end: limit))
        var found = Found()
        var expected = segment.base
        var offset = FrameHeader.firstOffset
        while true {
            guard let frame = try walk.header(at: offset), frame.firstID >= expected else {
                guard expected <= last || offset < proven else { break }
                found.isWhole = false
                report.note("the header of the frame at offset \(offset) is damaged", in: file)
                guard let next = try walk.next(behind: offset, from: expected) else { break }
                offset = next.offset
                expected = next.firstID
                continue
            }
            // What is committed while the check goes on is not for it, nor what has been moved to the next segment.
            if isNewest
                ? frame.firstID > last.next || expected > last && frame.recordCount > 0 : frame.nextID > last.next
            {
                break
            }
            // Behind the last record of a segment that has been left may stand a frame that was cut off, and never counted.
            if !isNewest, frame.firstID > last, try !walk.isWhole(frame) { break }
            let isWhole = try walk.check(frame, &report)
            found.isWhole = found.isWhole && isWhole
            found.records += UInt64(frame.recordCount)
            found.controls += UInt64(frame.controlCount)
            offset = frame.end
            found.end = offset
            expected = max(expected, frame.nextID)
        }
        return found
    }

    private var limit: FileOffset { RawTrailer.offset(in: segment.header.fileBytes) }

    /// A closed segment tells what its frames come to; of another one the last page is zero.
    private func checkTrailer(_ found: Found, _ report: inout VerificationReport) throws(LogError) {
        let page = try onDisk { () throws(DiskError) in
            try segment.file.prefix(at: limit, count: RawTrailer.pageBytes)
        }
        guard page.prefix(RawTrailer.bytes).contains(where: { $0 != 0 }) else {
            if segment.header.features.isPlain, page.contains(where: { $0 != 0 }) {
                report.note("bytes that belong to nothing in the last page", in: file)
            }
            return
        }
        guard let trailer = RawTrailer(page, of: segment.header) else {
            // One that was cut off while it was written is cleared by the next start.
            if isNewest, RawTrailer.isBegun(in: page) { return }
            return report.note("the trailer is damaged", in: file)
        }
        // It was appended to, and closed, while the check went on.
        if isNewest, trailer.end > found.end { return }
        if segment.header.features.isPlain, page.dropFirst(RawTrailer.bytes).contains(where: { $0 != 0 }) {
            report.note("bytes that belong to nothing behind the trailer", in: file)
        }
        guard found.isWhole else { return }
        var frames = FrameCheck(segment, file: file, window: try FileWindow(segment.file, end: limit))
        try frames.checkEnd(found.end, &report)
        if trailer.recordCount != found.records || trailer.controlCount != found.controls || trailer.end != found.end {
            report.note("the trailer says other than the frames", in: file)
        } else if let said = segment.trailer(end: found.end), said != trailer {
            report.note("the trailer says other than the records", in: file)
        }
    }
}
