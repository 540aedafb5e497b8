// Owns: what one raw file is found to be: closed, and then its trailer says enough; or scanned, frame by frame; of the size it
// was made with, or cut, or longer.

internal import Disk

/// A raw segment as its file was found.
struct FoundRaw {
    let segment: RawSegment
    /// Nil where the trailer has made a scan needless.
    let outcome: TailScanner.Outcome?
    /// Where there is one the segment was closed: nothing is appended to it any more.
    let trailer: RawTrailer?
    /// Bytes of the file.
    let size: UInt64
    let notes: [String]
    /// What there is to know of it, if it is the newest.
    let newest: LostTail.Newest

    /// Where its last frame ends.
    let end: FileOffset
    /// Whether its last page holds what is neither a trailer nor zeros: one that was cut off while it was written, as a rule.
    var hasTornTrailer = false

    var lastRecordedAt: RecordTime? { outcome.map(\.lastRecordedAt) ?? segment.lastRecordedAt }
}

/// Looks at one raw file.
struct RawInspection {
    private let file: any DiskFile
    private let register: DamageRegister
    private let nextBase: RecordID?
    private let witness: ManifestEntry?

    /// `witness` is what the manifest says, of this segment or another.
    init(_ file: any DiskFile, _ register: DamageRegister, nextBase: RecordID?, witness: ManifestEntry?) {
        self.file = file
        self.register = register
        self.nextBase = nextBase
        self.witness = witness
    }

    func run(_ header: FileHeader, progress: (Double) -> Void = { _ in }) throws(LogError) -> FoundRaw {
        let size = try onDisk { () throws(DiskError) in try file.size() }
        var notes: [String] = []
        if size != header.fileBytes {
            let what = size < header.fileBytes ? "has been cut" : "is longer than it was made"
            notes.append("\(file.path) \(what): \(size) bytes instead of \(header.fileBytes)")
        }
        let page = try lastPage(of: header)
        let trailer = RawTrailer(page, of: header)
        // A trailer that says more than the next segment leaves it is not this one's last word.
        if let trailer, nextBase.map({ trailer.lastID < $0 }) ?? true {
            if trailer.controlCount == 0 {
                let segment = RawSegment(file: file, header: header, register: register, trailer: trailer)
                return FoundRaw(
                    segment: segment,
                    outcome: nil,
                    trailer: trailer,
                    size: size,
                    notes: notes,
                    newest: .closed,
                    end: trailer.end
                )
            }
            return try scan(header, nextBase: trailer.lastID.next, trailer, size, notes, progress)
        }
        var found = try scan(header, nextBase: nextBase, nil, size, notes, progress)
        found.hasTornTrailer = trailer == nil && page.contains { $0 != 0 }
        return found
    }

    private func lastPage(of header: FileHeader) throws(LogError) -> [UInt8] {
        guard header.fileBytes >= UInt64(RawTrailer.pageBytes) else { return [] }
        do throws(DiskError) {
            return try file.prefix(at: RawTrailer.offset(in: header.fileBytes), count: RawTrailer.pageBytes)
        } catch {
            // Without it the frames tell.
            guard error.isUnreadableMedium else { throw .disk(error) }
            return []
        }
    }

    private func scan(
        _ header: FileHeader,
        nextBase: RecordID?,
        _ trailer: RawTrailer?,
        _ size: UInt64,
        _ notes: [String],
        _ progress: (Double) -> Void
    ) throws(LogError) -> FoundRaw {
        let outcome = try TailScanner.scan(
            file,
            header: header,
            nextBase: nextBase,
            witness: witness,
            progress: progress
        )
        var notes = notes
        for offset in outcome.damagedHeaders {
            notes.append("the header of the frame at offset \(offset) of \(file.path) is damaged")
        }
        for offset in outcome.damagedControls {
            notes.append("the store's own records in the frame at offset \(offset) of \(file.path) are damaged")
        }
        var newest = trailer == nil ? LostTail.Newest.whole : .closed
        if trailer == nil, size < header.fileBytes && !outcome.hasCleanEnd || outcome.endsAtWitness {
            let last = RecordID(outcome.nextID.rawValue - 1)
            newest = .doubtful(lastID: last, end: outcome.end, fileBytes: header.fileBytes)
        }
        return FoundRaw(
            segment: RawSegment(file: file, header: header, register: register, found: outcome),
            outcome: outcome,
            trailer: trailer,
            size: size,
            notes: notes,
            newest: newest,
            end: outcome.end
        )
    }
}
