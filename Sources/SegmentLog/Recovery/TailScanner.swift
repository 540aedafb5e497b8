// Owns: the tail rule. Reads a raw segment from its first frame to its end and tells three things apart: what is whole,
// what is torn, and what is damaged.
//
// D is the highest durable offset that any valid frame names. Bad bytes at or above D were never acknowledged: a torn
// write, which the caller saves and cuts. Bad bytes below D were durable once: damage, which is never cut; the ids are
// reported, and reading goes on at the next valid frame. To know D the scan looks past bad bytes, at every multiple of
// eight, for a frame that proves them to have been durable.
//
// The manifest, too, names an offset that was durable, and the id that comes next there: it proves what a frame would prove.
//
// A segment that has another behind it was durable as a whole, or the other would not have been begun: in it nothing is
// torn, and whatever is missing up to the base of the next is damage. So it is in a file that is shorter than it was made.

package import Disk

package struct TailScanner {
    package struct Outcome {
        var table = RawTable()
        /// The store's own records, in order.
        package var controls: [ControlRecord] = []
        package var damage: [ClosedRange<RecordID>] = []
        /// Headers of frames that are damaged although something behind them is whole.
        var damagedHeaders: [FileOffset] = []
        /// Whether every frame vouches for its records.
        var isPlain: Bool { damage.isEmpty && damagedHeaders.isEmpty }
        /// Frames whose control records are not all whole.
        var damagedControls: [FileOffset] = []
        /// Whether every frame was whole, so that none needs another to prove that it was durable.
        package var isWhole = true
        /// Whether there is a file behind it, readable or not: that was begun when all of this one was durable.
        var isFollowed = false
        /// Where the next frame goes: behind the last valid one.
        package var end = FrameHeader.firstOffset
        package var nextID: RecordID
        var lastRecordedAt: RecordTime?
        /// The highest offset that a valid frame names as durable.
        var durableOffset = FrameHeader.firstOffset
        /// The bytes of a write that was cut off by a crash, never acknowledged.
        package var torn: Range<FileOffset>?
        /// The last whole frame with records of either kind.
        var lastFrame: FrameHeader?
        /// Whether nothing stands where the manifest has seen something, nor behind that: what came after it is not known.
        var endsAtWitness = false
        /// Whether zeros stand behind the last frame, as the writer leaves them: nothing has followed it.
        var hasCleanEnd = false

        /// Whether appends may go on behind the last frame: nothing is damaged, and no other segment has been begun.
        var canGoOn: Bool { isWhole && damage.isEmpty && !isFollowed }

        /// The last frame, where no later one says that it is durable: it may have been acknowledged, or a failed sync
        /// may have left it in the page cache alone.
        var unprovenFrame: FrameHeader? {
            lastFrame.flatMap { isFollowed || durableOffset > $0.offset ? nil : $0 }
        }
    }

    private var window: FileWindow
    /// Where proofs are looked for. It only goes forward, while the other comes back to what is to be read.
    private var proofWindow: FileWindow
    /// Up to here the file has been searched for proofs, and this is the last that was found.
    private var searched = FileOffset(0)
    private var proof: FrameHeader?
    private let seed: UInt32
    /// Whether bytes are missing at the end of the file, so that nothing proves that the rest was not durable.
    private let isShort: Bool
    /// As the header says it.
    private let fileBytes: UInt64
    /// From this id on, records are the next segment's.
    private let nextBase: RecordID?
    private var outcome: Outcome
    /// What the manifest proves, as a marker would.
    private var witness: FrameHeader?

    /// Scans a whole file. `nextBase` is the base of the segment behind it, where there is one.
    package static func scan(
        _ file: any DiskFile,
        header: FileHeader,
        nextBase: RecordID?
    ) throws(LogError) -> Outcome {
        try scan(file, header: header, nextBase: nextBase, witness: nil)
    }

    /// The same; `witness` is what the manifest says, of this segment or another. `progress` is told how far the scan has
    /// come, 0 to 1.
    static func scan(
        _ file: any DiskFile,
        header: FileHeader,
        nextBase: RecordID?,
        witness: ManifestEntry?,
        progress: (Double) -> Void = { _ in }
    ) throws(LogError) -> Outcome {
        let window = try FileWindow(file, end: RawTrailer.offset(in: header.fileBytes))
        var scanner = TailScanner(
            window: window,
            proofWindow: window,
            seed: header.identity.seed,
            isShort: window.size < RawTrailer.offset(in: header.fileBytes).rawValue,
            fileBytes: header.fileBytes,
            nextBase: nextBase,
            outcome: Outcome(nextID: header.base)
        )
        scanner.outcome.isFollowed = nextBase != nil
        if let witness, witness.segment == header.identity.segment, witness.durableOffset > FrameHeader.firstOffset {
            scanner.witness = FrameHeader.marker(
                at: witness.durableOffset,
                nextID: witness.tail.next,
                recordedAt: witness.recordedAt
            )
            scanner.outcome.durableOffset = witness.durableOffset
        }
        try scanner.run(progress)
        return scanner.outcome
    }

    private mutating func run(_ progress: (Double) -> Void) throws(LogError) {
        var offset = FrameHeader.firstOffset
        // Whether there is nothing before this place where the manifest has seen something.
        var isAtWitness = false
        while true {
            progress(Double(offset.rawValue) / Double(max(window.size, 1)))
            let frame = try header(at: offset, in: &window)
            if let nextBase, outcome.nextID >= nextBase {
                // What stands behind the next segment's first record has been moved there. The store's own records may follow.
                guard let frame, frame.recordCount == 0, frame.firstID == nextBase, try take(frame) else { return }
                offset = frame.end
            } else if let frame, frame.firstID >= outcome.nextID, try take(frame) {
                offset = frame.end
                isAtWitness = false
            } else if let proof = try firstProof(ofBytesAt: offset) {
                if let frame, frame.firstID == outcome.nextID, frame.end <= proof.offset {
                    isAtWitness = false
                    try salvage(frame, upTo: proof.firstID)
                    offset = frame.end
                } else {
                    if frame == nil { try salvageWithoutHeader(at: offset, upTo: proof.offset, proof.firstID) }
                    // An older copy of the file ends in zeros; what is damaged in its place does not.
                    if proof == witness { isAtWitness = try isClean(at: offset) }
                    reportDamage(upTo: proof.firstID)
                    offset = proof.offset
                }
                outcome.end = offset
                outcome.isWhole = false
                outcome.durableOffset = max(outcome.durableOffset, proof.durableOffset)
            } else if let nextBase {
                if let frame, frame.firstID == outcome.nextID {
                    try salvage(frame)
                    offset = frame.end
                } else {
                    if frame == nil { try salvageWithoutHeader(at: offset, upTo: FileOffset(window.size), nextBase) }
                    return reportDamage(upTo: nextBase)
                }
            } else {
                outcome.hasCleanEnd = try isClean(at: offset)
                outcome.endsAtWitness = isAtWitness
                if isShort {
                    outcome.isWhole = outcome.isWhole && outcome.hasCleanEnd
                    if let frame, frame.firstID == outcome.nextID { try salvage(frame) }
                } else {
                    outcome.torn = try tornRange(at: offset)
                }
                return
            }
        }
    }

    private func header(at offset: FileOffset, in window: inout FileWindow) throws(LogError) -> FrameHeader? {
        guard window.holds(FrameHeader.bytes, at: offset) else { return nil }
        return try window.with(at: offset, count: FrameHeader.bytes) { FrameHeader($0, at: offset, seed: seed) }
    }

    /// The first frame further on that was written when the byte at `offset` was durable. Offsets ascend from call to call:
    /// what was no proof for one is none for a later one, so each byte is searched once.
    private mutating func firstProof(ofBytesAt offset: FileOffset) throws(LogError) -> FrameHeader? {
        let frame = try firstFrame(provingBytesAt: offset)
        guard let witness, witness.offset > offset else { return frame }
        return frame.map { $0.offset <= witness.offset ? $0 : witness } ?? witness
    }

    private mutating func firstFrame(provingBytesAt offset: FileOffset) throws(LogError) -> FrameHeader? {
        if let proof, proof.offset > offset, proof.durableOffset > offset { return proof }
        searched = max(searched, offset + FrameHeader.alignment)
        while let place = try proofWindow.find(FrameHeader.magic, from: searched, alignment: FrameHeader.alignment) {
            searched = place + FrameHeader.alignment
            proof = try header(at: place, in: &proofWindow)
            if let proof, proof.durableOffset > offset { return proof }
        }
        searched = FileOffset(window.size)
        return nil
    }

    private mutating func walk(_ frame: FrameHeader) throws(LogError) -> FrameWalk {
        let bodyOffset = frame.offset + FrameHeader.bytes
        guard window.holds(Int(frame.bodyBytes), at: bodyOffset) else { return FrameWalk() }
        return try window.with(at: bodyOffset, count: Int(frame.bodyBytes)) { FrameWalk($0, of: frame, at: bodyOffset) }
    }

    /// Adds the records of a frame where all of it is whole; otherwise leaves the outcome as it was.
    private mutating func take(_ frame: FrameHeader) throws(LogError) -> Bool {
        if let nextBase, frame.nextID > nextBase { return false }
        let walk = try walk(frame)
        guard walk.isWhole else { return false }
        reportDamage(upTo: frame.firstID)
        for place in walk.records { add(place) }
        outcome.controls += walk.controls.compactMap(\.self)
        outcome.end = frame.end
        outcome.durableOffset = max(outcome.durableOffset, frame.durableOffset)
        outcome.lastRecordedAt = max(frame.recordedAt, outcome.lastRecordedAt ?? frame.recordedAt)
        if frame.recordCount > 0 || frame.controlCount > 0 { outcome.lastFrame = frame }
        return true
    }

    /// Takes what is whole of a damaged frame whose header can be believed, and reports the rest: single records where
    /// the frame's checksum still vouches for their places, otherwise all from the first damaged one on. A record is not
    /// looked for anywhere else, since a caller's payload may look like one.
    /// No more ids are its own than `limit` leaves, whatever it says.
    private mutating func salvage(_ frame: FrameHeader, upTo limit: RecordID = .maximum) throws(LogError) {
        let next = min(frame.nextID, limit)
        guard window.holds(frame.end - frame.offset, at: frame.offset) else {
            // Its end is beyond that of the file.
            try takeRecords(at: frame.offset + FrameHeader.bytes, upTo: FileOffset(window.size), next)
            return reportDamage(upTo: next)
        }
        let walk = try walk(frame)
        for place in walk.isVouchedFor ? walk.records[...] : walk.records.prefix(while: { $0.record != nil }) {
            add(place)
        }
        reportDamage(upTo: next)
        let isReached = walk.isVouchedFor || walk.records.count == Int(frame.recordCount)
        let controls = isReached ? walk.controls.prefix { walk.isVouchedFor || $0 != nil }.compactMap(\.self) : []
        outcome.controls += controls
        if controls.count < Int(frame.controlCount) { outcome.damagedControls.append(frame.offset) }
    }

    /// Takes the records of a frame whose header is damaged, as far as they follow on, up to a place and an id. Their own
    /// place is known, since the frame before ended here; and what a former life of the file has left there has other ids.
    private mutating func salvageWithoutHeader(
        at offset: FileOffset,
        upTo end: FileOffset,
        _ nextID: RecordID
    ) throws(LogError) {
        outcome.damagedHeaders.append(offset)
        try takeRecords(at: offset + FrameHeader.bytes, upTo: end, nextID)
    }

    private mutating func takeRecords(
        at offset: FileOffset,
        upTo end: FileOffset,
        _ nextID: RecordID
    ) throws(LogError) {
        // The manifest may prove more than the file still has.
        let end = min(end, FileOffset(window.size))
        var place = offset
        while outcome.nextID < nextID, let record = try record(outcome.nextID, at: place, upTo: end) {
            add(FrameWalk.Place(offset: place, record: record))
            place = place + record.bytes
        }
        // The store's own records stand behind, and say behind which id.
        let last = RecordID(outcome.nextID.rawValue - 1)
        while outcome.nextID == nextID, let record = try record(last, at: place, upTo: end) {
            let control = try window.with(at: place, count: record.bytes) { bytes in
                ControlRecord(
                    sequence: UInt64(bitPattern: record.time.rawValue),
                    position: record.id,
                    recordedAt: record.recordedAt,
                    body: UnsafeRawBufferPointer(rebasing: bytes[RecordFormat.headerBytes...])
                )
            }
            guard let control else { return }
            outcome.controls.append(control)
            place = place + record.bytes
        }
    }

    /// The record of an id where it stands whole at `offset` and ends before `end`. Nothing vouches for its length, so it is
    /// read in pieces.
    private mutating func record(
        _ id: RecordID,
        at offset: FileOffset,
        upTo end: FileOffset
    ) throws(LogError) -> RawRecord? {
        guard offset < end, end - offset > RecordFormat.headerBytes else { return nil }
        let claimed = try window.with(at: offset, count: RecordFormat.headerBytes) { RawRecord(claimedBy: $0) }
        guard claimed.id == id, claimed.bytes > RecordFormat.headerBytes, claimed.bytes <= end - offset else {
            return nil
        }
        let summed = offset + RecordFormat.lengthOffset
        let crc = try window.checksum(at: summed, count: claimed.bytes - RecordFormat.lengthOffset)
        return crc == claimed.crc ? claimed : nil
    }

    private mutating func add(_ place: FrameWalk.Place) {
        guard let record = place.record, record.id < nextBase ?? .maximum else { return }
        reportDamage(upTo: record.id)
        outcome.table.add(at: place.offset, record)
        outcome.lastRecordedAt = max(record.recordedAt, outcome.lastRecordedAt ?? record.recordedAt)
        outcome.nextID = record.id.next
    }

    private mutating func reportDamage(upTo id: RecordID) {
        let id = min(id, nextBase ?? id)
        guard outcome.nextID < id else { return }
        let lost = outcome.nextID...RecordID(id.rawValue - 1)
        outcome.damage.append(lost)
        outcome.table.addHole(lost)
        outcome.nextID = id
    }

    /// Whether the writer's zeros stand at `offset`: a frame has ended there, and no other begins.
    private mutating func isClean(at offset: FileOffset) throws(LogError) -> Bool {
        let count = Swift.min(FrameHeader.bytes, RawTrailer.offset(in: fileBytes) - offset)
        guard window.holds(count, at: offset) else { return false }
        return try window.with(at: offset, count: count) { $0.allSatisfy { $0 == 0 } }
    }

    /// The bytes worth saving of a write that was cut off at `offset`: none where a clean end stands.
    private mutating func tornRange(at offset: FileOffset) throws(LogError) -> Range<FileOffset>? {
        guard !outcome.hasCleanEnd, offset.rawValue < window.size else { return nil }
        // A header that can be believed says how long the write was to be. Otherwise save what a page and a half hold:
        // without a header no event in it was ever acknowledged or can be read.
        let length = try header(at: offset, in: &window).map { $0.end - offset } ?? 6144
        return offset..<FileOffset(min(window.size, (offset + length).rawValue))
    }
}
