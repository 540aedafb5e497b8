// Owns: the snapshots on disk: one folder a projection, one file a position, which together form a ladder over time.

internal import Disk
package import EventModel
package import Reducers
package import SegmentLog
import Synchronization

/// The ladders of all projections. May be used from any thread.
package final class SnapshotStore: Sendable {
    static let suffix = ".snapshot"
    private static let asideSuffix = ".ahead"
    private static let strangerSuffix = ".stranger"

    private let disk: any Disk
    private let directory: String
    private let store: UniqueID
    /// The log that snapshots must agree with.
    private let view: @Sendable () -> LogView
    private let report: @Sendable (String) -> Void
    private let keep: Int
    /// The rungs on hand that have been looked at, so that a query reads only the file it wants.
    private let rungs = Mutex<[String: [Rung]]>([:])
    /// Held while a snapshot is put in place: two of one position have one temporary name. Who reads does not wait for it.
    private let saving = Mutex(())

    private struct Rung {
        let position: EventID
        let hash: ContentHash
        let maximumTimestamp: Timestamp
        /// Whether a later version has made it so that only such a one removes it.
        var isLeft = false
    }

    /// The snapshots in a directory, of a store whose log `view` shows as it is now.
    init(
        _ disk: any Disk,
        directory: String,
        store: UniqueID,
        keep: Int,
        report: @escaping @Sendable (String) -> Void = { _ in },
        view: @escaping @Sendable () -> LogView
    ) {
        self.disk = disk
        self.directory = directory
        self.store = store
        self.keep = max(keep, 2)
        self.view = view
        self.report = report
    }

    /// The snapshots in the log's own directory. `report` is told of one that does not belong to this log.
    package convenience init(
        _ log: SegmentLog,
        keep: Int,
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.init(
            log.disk,
            directory: log.directory.snapshots,
            store: log.store.store,
            keep: keep,
            report: report,
            view: { log.view }
        )
    }

    /// Looks through the folder of a reducer. Returns what was found wrong, in words: a snapshot that cannot be read is
    /// passed over, never removed.
    package func load(_ source: ReducerSource, tail: EventID) -> [String] {
        var notes: [String] = []
        var found: [Rung] = []
        let folder = folder(of: source)
        for name in ((try? disk.names(in: folder)) ?? []).sorted() where name.hasSuffix(Self.suffix) {
            // Its state is not inflated before somebody wants it.
            guard let bytes = try? SnapshotHead.bytes(disk, path: "\(folder)/\(name)"),
                let snapshot = SnapshotHead(bytes, store: store)
            else {
                notes.append("the snapshot \(source.name)/\(name) cannot be read; an older one is used, or the log")
                continue
            }
            if snapshot.position > tail {
                // Out of the ladder for good: the log will grow past this position with other events.
                try? disk.rename("\(folder)/\(name)", to: "\(folder)/\(name)\(Self.asideSuffix)")
                notes.append(
                    "the snapshot \(source.name)/\(name) is newer than the log, which ends at \(tail): "
                        + "the log has lost acknowledged events"
                )
                continue
            }
            found.append(
                Rung(
                    position: snapshot.position,
                    hash: snapshot.hash,
                    maximumTimestamp: snapshot.state.maximumTimestamp,
                    isLeft: !snapshot.features.canWrite
                )
            )
        }
        rungs.withLock { $0[source.name] = found }
        return notes
    }

    /// The newest snapshot of exactly this reducer up to `through` that holds no event from after `until`.
    package func latest(of source: ReducerSource, through: EventID, until: Timestamp = .distantFuture) -> Snapshot? {
        let hash = source.contentHash
        let candidates = rungs.withLock { rungs in
            (rungs[source.name] ?? []).filter {
                $0.hash == hash && $0.position <= through && $0.maximumTimestamp <= until
            }
        }
        for rung in candidates.sorted(by: { $0.position > $1.position }) {
            let path = path(of: source, rung.position)
            guard let snapshot = try? Snapshot(disk, path: path, store: store),
                snapshot.hash == hash, snapshot.position == rung.position
            else { continue }
            if snapshot.belongs(to: view()) { return snapshot }
            // Out of the ladder for good: it is the state of a log that ended otherwise.
            try? disk.rename(path, to: path + Self.strangerSuffix)
            report(
                "the snapshot of \(source.name) at \(rung.position) is that of another event than the log has there, and is "
                    + "set aside: the log has lost acknowledged events"
            )
            rungs.withLock { $0[source.name]?.removeAll { $0.position == rung.position } }
        }
        return nil
    }

    /// Puts a snapshot in place, then thins the ladder out. Returns the bytes written; nil where one of the same position stands
    /// there that is not this version's to replace.
    package func save(_ snapshot: Snapshot, of source: ReducerSource) throws(StoreError) -> Int? {
        let bytes = snapshot.anchored(in: view()).encoded(store: store)
        return try saving.withLock { _ throws(StoreError) in
            guard isFree(snapshot.position, of: source) else { return nil }
            try put(bytes, of: snapshot, source)
            return bytes.count
        }
    }

    /// Whether a snapshot may be written at a position: there is none, or one that was read, and that no later version has
    /// reserved for itself.
    private func isFree(_ position: EventID, of source: ReducerSource) -> Bool {
        if let rung = rungs.withLock({ $0[source.name]?.first { $0.position == position } }) { return !rung.isLeft }
        do throws(DiskError) {
            _ = try disk.open(path(of: source, position), .read)
            return false
        } catch {
            return error.isMissing || error.isNotDirectory
        }
    }

    private func put(_ bytes: [UInt8], of snapshot: Snapshot, _ source: ReducerSource) throws(StoreError) {
        do throws(DiskError) {
            try disk.createDirectory(folder(of: source))
            try disk.syncDirectory(directory)
            try disk.replaceFile(Self.name(of: snapshot.position), in: folder(of: source), with: bytes)
        } catch {
            throw StoreError(LogError.disk(error))
        }
        let superfluous = rungs.withLock { rungs in
            var ladder = (rungs[source.name] ?? []).filter { $0.position != snapshot.position }
            ladder.append(
                Rung(
                    position: snapshot.position,
                    hash: snapshot.hash,
                    maximumTimestamp: snapshot.state.maximumTimestamp
                )
            )
            ladder.sort { $0.position < $1.position }
            let left = ladder.filter(\.isLeft)
            ladder.removeAll(where: \.isLeft)
            let removed = Self.thin(&ladder, keep: keep, current: snapshot.hash)
            rungs[source.name] = ladder + left
            return removed
        }
        // A rung that could not be removed costs space, nothing else.
        for position in superfluous { try? disk.remove(path(of: source, position)) }
    }

    /// Removes rungs of other versions of the reducer, then, one by one, the rung whose absence leaves the smallest gap:
    /// what stays is spread over all of history. The newest always stays.
    private static func thin(_ ladder: inout [Rung], keep: Int, current: ContentHash) -> [EventID] {
        var removed = ladder.filter { $0.hash != current }.map(\.position)
        ladder.removeAll { $0.hash != current }
        while ladder.count > keep {
            let gaps = (0..<ladder.count - 1).map { index in
                let before = index == 0 ? 0 : ladder[index - 1].position.rawValue
                return ladder[index + 1].position.rawValue - before
            }
            guard let smallest = gaps.indices.min(by: { gaps[$0] < gaps[$1] }) else { break }
            removed.append(ladder.remove(at: smallest).position)
        }
        return removed
    }

    private func folder(of source: ReducerSource) -> String { "\(directory)/\(source.name)" }

    /// The name of a snapshot's file.
    static func name(of position: EventID) -> String {
        let digits = String(position.rawValue)
        return String(repeating: "0", count: 20 - digits.utf8.count) + digits + Self.suffix
    }

    private func path(of source: ReducerSource, _ position: EventID) -> String {
        "\(folder(of: source))/\(Self.name(of: position))"
    }
}
