// Owns: checking every byte of the log that a checksum stands for, and every index against the records. How each kind of
// segment is gone through is told beside this file.

internal import Disk

/// What is wrong with the body of a record, whose checksum is right, in words; nil for a sound one. What a body means is for
/// the layer above to say.
package typealias RecordCheck = (UnsafeRawBufferPointer) -> String?

/// What was checked, and what was found.
package struct VerificationReport: Sendable {
    /// What is wrong with one file.
    package struct Finding: Equatable, Sendable {
        /// Its path within the data directory.
        package let file: String
        /// Ids that cannot be read because of it, in order.
        package var damage: [ClosedRange<RecordID>] = []
        /// In words: what does not match its checksum, an index that does not agree with the records, bytes that belong to
        /// nothing.
        package var problems: [String] = []

        package init(file: String) {
            self.file = file
        }
    }

    package var records: UInt64 = 0
    package var segments = 0
    package var snapshots = 0
    package var bytes: UInt64 = 0
    /// Bytes of a write that a crash cut off, which the next start will set aside. They were never acknowledged and are no
    /// damage.
    package var tornBytes = 0
    /// Ids that cannot be read, in order: of all files, and of those that are missing.
    package var damage: [ClosedRange<RecordID>] = []
    /// One for each file that something is wrong with.
    package private(set) var findings: [Finding] = []

    package init() {}

    /// Every problem with the name of its file.
    package var problems: [String] {
        findings.flatMap { finding in finding.problems.map { "\(finding.file): \($0)" } }
    }

    package var isClean: Bool { damage.isEmpty && findings.isEmpty }

    package mutating func note(_ problem: String, in file: String) {
        change(file) { $0.problems.append(problem) }
    }

    package mutating func note(_ ids: ClosedRange<RecordID>, in file: String) {
        damage = RecordRanges.merged(damage + [ids])
        change(file) { $0.damage = RecordRanges.merged($0.damage + [ids]) }
    }

    /// Runs one step of the check. What cannot be read is taken down, with the ids that the step was about; anything else
    /// is a reason to stop.
    mutating func examine(
        _ file: String,
        _ ids: ClosedRange<RecordID>? = nil,
        _ step: (inout VerificationReport) throws(LogError) -> Void
    ) throws(LogError) {
        do throws(LogError) {
            try step(&self)
        } catch {
            switch error {
            case .corrupt(let lost, let reason):
                note(lost, in: file)
                note(reason, in: file)
            case .later(_, let reason): note("of a later version: \(reason)", in: file)
            case .unreadable(_, let reason): note(reason, in: file)
            case .unknownFormat(_, let found): note("of a later version: \(found)", in: file)
            case .disk(let cause) where cause.isUnreadableMedium:
                if let ids { note(ids, in: file) }
                note("\(cause)", in: file)
            default: throw error
            }
        }
    }

    /// Asks of each record of a block whether it is sound.
    mutating func check(_ block: Block, _ check: RecordCheck, in file: String) {
        for index in 0..<block.count {
            let record = block.record(at: index)
            if let flaw = record.withBody(check) { note("record \(record.id): \(flaw)", in: file) }
        }
    }

    private mutating func change(_ file: String, _ change: (inout Finding) -> Void) {
        if findings.last?.file != file { findings.append(Finding(file: file)) }
        change(&findings[findings.count - 1])
    }
}

/// How far a check has come, in bytes.
package struct VerificationProgress {
    private let total: UInt64
    private let report: (Double) -> Bool
    private var done: UInt64 = 0

    package init(total: UInt64, report: @escaping (Double) -> Bool) {
        self.total = max(total, 1)
        self.report = report
    }

    /// False where the check is to stop.
    mutating func advance(_ bytes: UInt64) -> Bool {
        done += bytes
        return report(min(1, Double(done) / Double(total)))
    }
}

extension SegmentLog {
    /// Reads everything once, past the cache. `check` is asked about the body of each record. `progress` is called with the
    /// fraction done, 0 to 1, and may sleep; where it returns false the check stops. The log may be appended to meanwhile: what
    /// comes after the call is not checked.
    package func verify(
        check: RecordCheck = { _ in nil },
        progress: (Double) -> Bool = { _ in true }
    ) throws(LogError) -> VerificationReport {
        let view = view
        var report = VerificationReport()
        report.damage = RecordRanges.merged(view.damage)
        // Read behind the view: it can only know more.
        let witness = try verifyManifest(view, &report)
        try withoutActuallyEscaping(check) { check throws(LogError) in
            try withoutActuallyEscaping(progress) { progress throws(LogError) in
                var progress = VerificationProgress(total: bytes(of: view), report: progress)
                for (position, segment) in view.segments.enumerated() {
                    guard progress.advance(0) else { return }
                    report.segments += 1
                    let file = name(of: segment)
                    switch segment {
                    case let sealed as SealedSegment:
                        try SealedVerification(sealed, store.store, file: file, check: check).run(&report, &progress)
                    case let raw as RawSegment:
                        let isNewest = position == view.segments.count - 1
                        try RawVerification(
                            try raw.walked(),
                            store.store,
                            file: file,
                            tail: view.tail,
                            isNewest: isNewest,
                            witness: witness,
                            keys: isNewest ? nil : keys(of: raw),
                            check: check
                        ).run(&report, &progress)
                    default: preconditionFailure("a segment is raw or sealed")
                    }
                    try verifyName(of: segment, file, &report)
                }
                verifyCover(view, &report)
                try verifyQuarantine(&report)
            }
        }
        return report
    }

    /// The key file of a closed raw segment; nil where it has none. An open log may have let go of it, and makes it anew then.
    private func keys(of raw: RawSegment) -> KeyFileVerification? {
        guard let file = try? disk.open(directory.keys(raw.base), .read) else { return nil }
        return KeyFileVerification(file, of: raw, name: directory.name(of: file.path))
    }

    /// Whoever opens the log again finds a segment by its name. One that has been removed, or whose name another file has, can
    /// be read only for as long as this process keeps it open.
    private func verifyName(
        of segment: any Segment,
        _ file: String,
        _ report: inout VerificationReport
    ) throws(LogError) {
        // Sealing and compaction take the names of what they have replaced.
        func isReplaced() -> Bool { !self.view.segments.contains { $0 === segment } }
        do throws(LogError) {
            let bytes = try onDisk { () throws(DiskError) in
                try disk.open(segment.path, .read).prefix(at: FileOffset(0), count: FileHeader.bytes)
            }
            let found = try FileHeader.decode(
                bytes,
                kind: segment.header.kind,
                store: store.store,
                path: segment.path
            )
            // A damaged header has been told of.
            guard let found, found.identity.segment != segment.id, !isReplaced() else { return }
            report.note("another file has its name", in: file)
        } catch {
            guard !isReplaced() else { return }
            switch error {
            case .disk(let cause) where cause.isMissing:
                report.note("the file has been removed: what it holds is lost when the store is closed", in: file)
            // That it cannot be read has been told.
            case .disk(let cause) where cause.isUnreadableMedium: break
            case .disk(let cause) where !cause.isNotRegularFile: throw error
            default: report.note("another file has its name: \(error)", in: file)
            }
        }
    }

    /// Ids that no file answers for, since the one that did is gone; and files that are there and of no use.
    private func verifyCover(_ view: LogView, _ report: inout VerificationReport) {
        for file in opening.unusable where (try? disk.open("\(directory.data)/\(file)", .read)) != nil {
            report.note("it is of no use: the next start puts it into the quarantine", in: file)
        }
        let found = report.findings.flatMap(\.damage)
        for ids in RecordRanges.subtracting(found, from: view.damage) {
            let passedOver = opening.passedOver.filter { file in
                let name = String(file.dropFirst(directory.name(of: directory.log).count + 1))
                let suffixes = [LogDirectory.sealedSuffix, LogDirectory.activeSuffix]
                return suffixes.compactMap { LogDirectory.base(of: name, suffix: $0) }.contains { ids.contains($0) }
            }
            for file in passedOver {
                report.note(ids, in: file)
                report.note("the disk did not give it back when the log was opened", in: file)
            }
            guard passedOver.isEmpty else { continue }
            let file = directory.name(of: directory.log)
            report.note(ids, in: file)
            report.note(account(of: ids, view), in: file)
        }
    }

    /// Why no file holds some ids, in words.
    private func account(of ids: ClosedRange<RecordID>, _ view: LogView) -> String {
        let text = "no file holds \(ids.lowerBound) to \(ids.upperBound)"
        if let doubtful = opening.doubtful, doubtful.overlaps(ids) {
            let doubtful = doubtful.clamped(to: ids)
            return "\(text): it is missing, or in the quarantine; "
                + "nobody knows whether \(doubtful.lowerBound) to \(doubtful.upperBound) were ever given"
        }
        // A segment that was begun behind a gap names what stood before that.
        let next = view.segments.first { $0.base == ids.upperBound.next }
        if let next, next.header.predecessor.lastID < ids.upperBound {
            return "\(text): they were given up when \(name(of: next)) was begun, and need not all have been given"
        }
        return "\(text): it is missing, or in the quarantine"
    }

    /// The manifest is whole, and the log has come as far as it says. Returns what it says.
    private func verifyManifest(
        _ view: LogView,
        _ report: inout VerificationReport
    ) throws(LogError) -> ManifestEntry? {
        let file = directory.name(of: directory.manifest)
        var witness: ManifestEntry?
        try report.examine(file) { report throws(LogError) in
            let manifest = try Manifest.read(disk, directory, store: store.store)
            report.bytes += UInt64(Manifest.bytes)
            for problem in manifest.problems { report.note(problem, in: file) }
            guard let entry = manifest.entry else { return }
            witness = entry
            if entry.tail > self.view.tail { report.note("it has seen the log come to \(entry.tail)", in: file) }
            let newest = view.segments.last { $0.lastID != nil }?.base
            let last = view.segments.compactMap(\.lastID).max() ?? .zero
            if entry.isOlder(thanLogUpTo: last, newest: newest) {
                report.note("it is older than the log, which has come to \(last)", in: file)
            }
        }
        return witness
    }

    private func bytes(of view: LogView) -> UInt64 {
        view.segments.reduce(0) { total, segment in
            switch segment {
            case let sealed as SealedSegment: total + sealed.footer.fileBytes
            case let raw as RawSegment: total + UInt64(raw.recordBytes)
            default: total
            }
        }
    }

    private func name(of segment: any Segment) -> String {
        directory.name(of: segment.path)
    }

    /// Torn bytes were put aside under a name that holds their checksum. Segments that were put aside are known to be
    /// unreadable: there is nothing to check them against.
    private func verifyQuarantine(_ report: inout VerificationReport) throws(LogError) {
        var names: [String] = []
        do throws(DiskError) {
            names = try disk.names(in: directory.quarantine)
        } catch {
            guard error.isMissing else { throw .disk(error) }
        }
        for name in names.sorted() where name.hasSuffix(LogDirectory.tornSuffix) {
            guard
                let crc = name.dropLast(LogDirectory.tornSuffix.count).split(separator: "-").last.flatMap({ UInt32($0) }
                )
            else { continue }
            let path = "\(directory.quarantine)/\(name)"
            try report.examine(directory.name(of: path)) { report throws(LogError) in
                let bytes = try onDisk { () throws(DiskError) in try disk.contents(of: path) }
                report.bytes += UInt64(bytes.count)
                if Checksum.crc32(bytes) != crc {
                    report.note("the bytes differ from those that were set aside", in: directory.name(of: path))
                }
            }
        }
    }
}
