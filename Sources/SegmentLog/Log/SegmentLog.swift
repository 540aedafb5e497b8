// Owns: the set of segments that make up the log, and the view of it that readers take. The writer adds to it, sealing
// and compaction replace in it; all of them by swapping one immutable list for another.

package import Disk
import Synchronization

/// The log of one store. May be used from any thread; appends go through its one `LogWriter`.
package final class SegmentLog: Sendable {
    package let options: LogOptions
    package let store: StoreFile
    let maker: ActiveSegmentMaker
    let cache: BlockCache
    /// What has turned out damaged since the log was opened. A segment with damage stays as it is: its file is the evidence.
    let register: DamageRegister
    /// What opening has found.
    let opening: RecoveryReport
    /// Held for as long as the log is open.
    private let lock: (any DiskLock)?
    private let state: Mutex<State>
    /// Sealing and compaction take turns, though compaction may seal between two blocks: each reads the list of segments, works,
    /// and replaces what it read.
    let maintenance = Mutex(())
    /// Key files are made one at a time.
    let indexing = Mutex(())

    private struct State {
        var view: LogView
        var lastRecordedAt: RecordTime
        var controls: ControlState
        var committedBytes: UInt64 = 0
    }

    init(
        claim: StoreClaim,
        options: LogOptions,
        maker: ActiveSegmentMaker,
        cache: BlockCache,
        register: DamageRegister,
        opening: RecoveryReport,
        view: LogView,
        lastRecordedAt: RecordTime,
        controls: ControlState
    ) {
        store = claim.store
        lock = claim.lock
        self.options = options
        self.maker = maker
        self.cache = cache
        self.register = register
        self.opening = opening
        for case let raw as RawSegment in view.segments.dropLast() { raw.close() }
        state = Mutex(State(view: view, lastRecordedAt: lastRecordedAt, controls: controls))
    }

    package var directory: LogDirectory { maker.directory }
    package var disk: any Disk { maker.disk }
    var spares: SpareFiles { maker.spares }

    /// All ids below the tail that are known to be unreadable now, whether opening, a read or the scrub has found them; in
    /// the fewest ranges, in order.
    package var damage: [ClosedRange<RecordID>] {
        let view = view
        return RecordRanges.merged(view.damage + register.ids(of: Set(view.segments.map(\.id))))
    }

    /// Why appends were refused for want of room; nil where they were not, or there is room again.
    package var shortage: LogError? { spares.shortage }

    /// Bytes of the disk that hold the store which can still be written.
    package func freeBytes() throws(LogError) -> UInt64 {
        try onDisk { () throws(DiskError) in try disk.freeBytes(at: directory.log) }
    }

    /// Bytes held back for recovery and upkeep on a full disk.
    package var reserveBytes: UInt64 { spares.reserveBytes }

    /// The log as it is now.
    package var view: LogView {
        state.withLock { $0.view }
    }

    /// The commit time of the last record; the clock of the next never runs behind it.
    package var lastRecordedAt: RecordTime {
        state.withLock { $0.lastRecordedAt }
    }

    /// What the store has said of itself, the last word on each subject.
    package var controls: ControlState {
        state.withLock { $0.controls }
    }

    /// Bytes of records that have been committed since the log was opened.
    package var committedBytes: UInt64 {
        state.withLock { $0.committedBytes }
    }

    /// Fills new raw files and takes back those of sealed segments. `pace` is called now and then and may sleep; where it
    /// returns false no further file is begun. Returns whether anything was done.
    package func replenishSpares(pace: () -> Bool = { true }) throws(LogError) -> Bool {
        try spares.replenish(pace: pace)
    }

    func isSpoiled(_ header: FileHeader) -> Bool {
        register.holds(segment: header.identity.segment)
    }

    func publish(tail: RecordID, recordedAt: RecordTime, bytes: Int, controls: [ControlRecord]) {
        state.withLock { state in
            state.view = LogView(segments: state.view.segments, damage: state.view.damage, tail: tail)
            state.lastRecordedAt = recordedAt
            state.committedBytes += UInt64(bytes)
            for control in controls { state.controls.apply(control) }
        }
    }

    func append(_ segment: RawSegment) {
        let before = view.segments.compactMap { $0 as? RawSegment }
        // The last may soon be asked, and its index become a key file; of those before it nothing is kept in memory.
        before.last?.close()
        for raw in before.dropLast() { raw.forgetIndex() }
        state.withLock { state in
            var segments = state.view.segments
            // An empty segment, whose name the new one has taken: opened with another size than is configured, on a disk
            // that had no room for the new one then.
            if segments.last?.base == segment.base { segments.removeLast() }
            state.view = LogView(
                segments: segments + [segment],
                damage: state.view.damage,
                tail: state.view.tail
            )
        }
    }

    /// Puts `replacement` in the place of consecutive segments.
    func replace(_ replaced: [any Segment], with replacement: SealedSegment) {
        state.withLock { state in
            var segments = state.view.segments
            guard let first = segments.firstIndex(where: { $0 === replaced[0] }) else {
                preconditionFailure("only maintenance replaces segments, one task at a time")
            }
            precondition(
                zip(segments[first...], replaced).allSatisfy { $0 === $1 } && first + replaced.count < segments.count,
                "what is replaced stands together, before the active segment"
            )
            segments.replaceSubrange(first..<first + replaced.count, with: [replacement])
            state.view = LogView(segments: segments, damage: state.view.damage, tail: state.view.tail)
        }
    }
}

extension SegmentLog {
    /// Figures of the log at this moment.
    package struct Statistics: Sendable {
        package var sealedSegments = 0
        package var rawSegments = 0
        /// Closed raw segments that will be sealed.
        package var waitingSegments = 0
        /// Bytes of the sealed files.
        package var sealedBytes: UInt64 = 0
        /// Bytes of records in those.
        package var backlogBytes: UInt64 = 0
        /// Bytes of all records, uncompressed: keys and payloads.
        package var recordBytes: UInt64 = 0
    }

    /// Bytes that the log's files take on the disk, each kind by itself.
    package struct FileBytes: Sendable {
        package var sealed: UInt64 = 0
        /// Of full size from the beginning, however little is in them; and their key files.
        package var raw: UInt64 = 0
        /// Ready to become raw ones, or given back by them.
        package var spare: UInt64 = 0

        package var all: UInt64 { sealed + raw + spare }
    }

    package var fileBytes: FileBytes {
        var bytes = FileBytes(spare: spares.spareBytes)
        for segment in view.segments {
            switch segment {
            case let raw as RawSegment: bytes.raw += ((try? raw.file.size()) ?? 0) + (raw.keys?.bytes ?? 0)
            case let sealed as SealedSegment: bytes.sealed += sealed.footer.fileBytes
            default: preconditionFailure("a segment is raw or sealed")
            }
        }
        return bytes
    }

    package var statistics: Statistics {
        var statistics = Statistics()
        let segments = view.segments
        for (position, segment) in segments.enumerated() {
            switch segment {
            case let sealed as SealedSegment:
                statistics.sealedSegments += 1
                statistics.sealedBytes += sealed.footer.fileBytes
                statistics.recordBytes += sealed.footer.recordBytes
            case let raw as RawSegment:
                statistics.rawSegments += 1
                let bytes = UInt64(raw.bodyBytes)
                statistics.recordBytes += bytes
                guard position < segments.count - 1 else { continue }
                // One with damage stays as it is, and waits for nothing.
                guard canSeal(raw) else { continue }
                statistics.backlogBytes += bytes
                statistics.waitingSegments += 1
            default:
                preconditionFailure("a segment is raw or sealed")
            }
        }
        return statistics
    }
}
