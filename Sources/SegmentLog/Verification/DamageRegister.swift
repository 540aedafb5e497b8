// Owns: what has turned out damaged since the log was opened: which blocks of which segments, with their ids and the
// reason. A block in it is not read again by those who ask for its records, so that a failing disk is not hammered; only
// the scrub looks at it again, and takes it out where it has become readable.
//
// What opening found lacking, and no segment can answer for, is not here: that is the `damage` of the view.

import Synchronization

/// The damaged blocks of an open log. May be used from any thread.
package final class DamageRegister: Sendable {
    struct Place: Hashable {
        let segment: UniqueID
        let offset: UInt64
    }

    private struct Entry {
        let ids: ClosedRange<RecordID>
        let reason: String
    }

    private let entries = Mutex<[Place: Entry]>([:])
    private let report: @Sendable (ClosedRange<RecordID>, String) -> Void

    /// `report` is told of each block once, when it is found damaged, by the thread that found it.
    package init(report: @escaping @Sendable (ClosedRange<RecordID>, String) -> Void = { _, _ in }) {
        self.report = report
    }

    /// The damaged ids of these segments.
    package func ids(of segments: Set<UniqueID>) -> [ClosedRange<RecordID>] {
        entries.withLock { entries in entries.filter { segments.contains($0.key.segment) }.map(\.value.ids) }
    }

    /// What is known against a block; nil where nothing is.
    func reason(against place: Place) -> String? {
        entries.withLock { $0[place]?.reason }
    }

    func holds(segment: UniqueID) -> Bool {
        entries.withLock { entries in !entries.isEmpty && entries.keys.contains { $0.segment == segment } }
    }

    /// Notes a block, and returns the error to throw for it.
    func note(_ place: Place, _ ids: ClosedRange<RecordID>, reason: String) -> LogError {
        let isNew = entries.withLock { $0.updateValue(Entry(ids: ids, reason: reason), forKey: place) == nil }
        if isNew { report(ids, reason) }
        return .corrupt(ids, reason: reason)
    }

    /// Takes a block out that can be read after all.
    func clear(_ place: Place) {
        entries.withLock { _ = $0.removeValue(forKey: place) }
    }
}
