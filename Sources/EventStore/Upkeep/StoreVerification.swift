// Owns: checking every byte of a whole store, its log and its snapshots, live or offline.

package import Disk
package import EventModel
package import SegmentLog
import Synchronization

/// How far a check has come, for those who watch it. May be used from any thread.
final class VerificationState: Sendable {
    private let fraction = Mutex<Double?>(nil)

    var current: Double? { fraction.withLock { $0 } }

    func set(_ fraction: Double?) { self.fraction.withLock { $0 = fraction } }
}

extension EventStore {
    /// How far the check has come that is under way, 0 to 1; nil where none is.
    package var verificationProgress: Double? { verification.current }

    /// Checks every byte of the log and of the snapshots. What is appended meanwhile is not checked.
    package func verify(for work: Work? = nil) throws(StoreError) -> VerificationReport {
        verification.set(0)
        defer { verification.set(nil) }
        return try inLog { () throws(LogError) in
            let audit = EventAudit()
            var report = try log.verify(check: audit.flaw) { fraction in
                verification.set(fraction)
                return !isEnding && work?.ending == nil
            }
            try work?.check()
            try report.verifySnapshots(of: log)
            return report
        }
    }

    /// Checks the store in a directory that no daemon uses, without changing anything in it. `progress` is called with the
    /// fraction done, 0 to 1.
    package static func verify(
        directory: String,
        disk: any Disk = PosixDisk(),
        progress: (Double) -> Void = { _ in }
    ) throws(OpenError) -> VerificationReport {
        do {
            let (log, opening) = try SegmentLog.openReadOnly(disk, directory: LogDirectory(directory))
            let audit = EventAudit()
            var report = try log.verify(check: audit.flaw) { fraction in
                progress(fraction)
                return true
            }
            report.tornBytes = opening.tornBytes
            try report.verifySnapshots(of: log)
            return report
        } catch {
            throw .log(error)
        }
    }
}

extension VerificationReport {
    fileprivate mutating func verifySnapshots(of log: SegmentLog) throws(LogError) {
        let root = log.directory.snapshots
        for folder in try log.names(in: root) {
            for name in try log.names(in: "\(root)/\(folder)") where name.hasSuffix(SnapshotStore.suffix) {
                let path = "\(root)/\(folder)/\(name)"
                do throws(DiskError) {
                    bytes += try log.disk.open(path, .read).size()
                    snapshots += 1
                    if let flaw = try Snapshot.flaw(name, path: path, log) {
                        note(flaw, in: log.directory.name(of: path))
                    }
                } catch {
                    // A live store thins its ladders out while it is checked.
                    if error.isMissing { continue }
                    note("\(error)", in: log.directory.name(of: path))
                }
            }
        }
    }
}

extension Snapshot {
    /// What is wrong with the snapshot of this name, in words; nil for a sound one.
    fileprivate static func flaw(_ name: String, path: String, _ log: SegmentLog) throws(DiskError) -> String? {
        guard let snapshot = try Snapshot(log.disk, path: path, store: log.store.store) else {
            return try SnapshotHead.isLater(log.disk, path: path)
                ? "the snapshot is of a later version" : "the snapshot is damaged, or of another store"
        }
        let view = log.view
        if name != SnapshotStore.name(of: snapshot.position) {
            return "the snapshot has the name of another one: its position is \(snapshot.position)"
        }
        if snapshot.position.rawValue > view.tail.rawValue { return "the snapshot is newer than the log" }
        return snapshot.belongs(to: view) ? nil : "the snapshot is that of another event than the log has there"
    }
}

extension SegmentLog {
    /// The names in a folder, sorted; none where it is missing, or no folder.
    fileprivate func names(in folder: String) throws(LogError) -> [String] {
        do throws(DiskError) {
            return try disk.names(in: folder).sorted()
        } catch {
            if error.isMissing || error.isNotDirectory { return [] }
            throw .disk(error)
        }
    }
}
