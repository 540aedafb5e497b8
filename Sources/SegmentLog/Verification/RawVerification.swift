// Owns: checking one raw segment, while it is written to or not: both headers, every record, and the header of every frame
// that stands for records which were durable when the check began.
//
// What lies behind the last frame is not looked at. No checksum stands for it: zeros, what the file held in a former life,
// or, in the newest segment, what is being written just now.

internal import Disk

struct RawVerification {
    private let segment: RawSegment
    private let store: UniqueID
    private let file: String
    private let last: RecordID

    /// Records up to `tail` are checked.
    init(_ segment: RawSegment, _ store: UniqueID, file: String, tail: RecordID) {
        self.segment = segment
        self.store = store
        self.file = file
        last = min(segment.lastID ?? .zero, tail)
    }

    func run(
        _ report: inout VerificationReport,
        _ progress: inout VerificationProgress
    ) throws(LogError) {
        report.bytes += UInt64(segment.recordBytes)
        for ids in segment.damage { report.note(ids, in: file) }
        for (page, name) in [(FileOffset(0), "header"), (FileHeader.copyOffset, "copy of the header")] {
            try report.examine(file) { report throws(LogError) in
                if try FileHeader.read(segment.file, at: page, kind: .raw, store: store) == nil {
                    report.note("the \(name) is damaged", in: file)
                }
                let zeros = [UInt8](repeating: 0, count: Int(FileHeader.copyOffset.rawValue) - FileHeader.bytes)
                let rest = try onDisk { () throws(DiskError) in
                    try segment.file.bytes(at: page + FileHeader.bytes, count: zeros.count)
                }
                if rest != zeros {
                    report.note("bytes that belong to nothing behind the \(name)", in: file)
                }
            }
        }
        for index in 0..<segment.blockCount() {
            let summary = segment.summary(of: index)
            guard summary.firstID <= last else { break }
            var bytes = 0
            try report.examine(file, summary.firstID...summary.lastID) { report throws(LogError) in
                bytes = try segment.recheck(index)
                report.records += min(summary.lastID, last).rawValue - summary.firstID.rawValue + 1
            }
            guard progress.advance(UInt64(bytes)) else { return }
        }
        try report.examine(file) { report throws(LogError) in try walk(&report) }
    }

    /// Goes from frame to frame as recovery would, up to the last record. Records can be read without the headers for as
    /// long as the log is open, since their places are known; whoever opens it again needs the headers.
    private func walk(_ report: inout VerificationReport) throws(LogError) {
        let seed = segment.header.identity.seed
        var window = try FileWindow(segment.file)
        func header(at offset: FileOffset) throws(LogError) -> FrameHeader? {
            guard window.holds(FrameHeader.bytes, at: offset) else { return nil }
            return try window.with(at: offset, count: FrameHeader.bytes) { FrameHeader($0, at: offset, seed: seed) }
        }
        var offset = FrameHeader.firstOffset
        var expected = segment.base
        while expected <= last {
            if let frame = try header(at: offset), frame.firstID >= expected {
                let body = offset + FrameHeader.bytes + Int(frame.bodyBytes)
                if window.holds(frame.end - body, at: body) {
                    let isZero = try window.with(at: body, count: frame.end - body) { $0.allSatisfy { $0 == 0 } }
                    if !isZero { report.note("bytes that belong to nothing at offset \(body)", in: file) }
                }
                offset = frame.end
                expected = frame.nextID
                continue
            }
            report.note("the header of the frame at offset \(offset) is damaged", in: file)
            var next: FrameHeader?
            while next == nil,
                let place = try window.find(
                    FrameHeader.magic,
                    from: offset + FrameHeader.alignment,
                    alignment: FrameHeader.alignment
                )
            {
                offset = place
                next = try header(at: place).flatMap { $0.firstID >= expected ? $0 : nil }
            }
            guard let next else { return }
            expected = next.firstID
        }
    }
}
