// Owns: the commit seam: where a frame becomes durable. Today that is the local disk; a replicated log publishes the
// same frame elsewhere first and applies it in stream order.

package import EventModel
package import SegmentLog

/// Makes frames durable, one after the other. Driven by the writer's thread alone.
package protocol CommitLog {
    /// The id that the next event gets.
    var nextID: RecordID { get }
    /// The most bytes of records that one frame can hold.
    var maximumFrameBytes: Int { get }
    /// The commit time of the oldest event that is not yet in a closed segment.
    var activeSince: RecordTime? { get }
    /// How many segments have been begun, to make room or by a roll.
    var rolls: Int { get }
    /// On return the frame is durable and visible. A throw of `failed` is final, and the outcome of the frame is unknown until
    /// the store is opened again; after any other nothing has happened, and a later try may succeed.
    func commit(_ frame: CommitFrame) throws(StoreError)
    /// Has no more to commit for now; may record that the last frame is durable.
    func idle() throws(StoreError)
    /// Ends: what has been committed is all there is, for now.
    func rest() throws(StoreError)
    /// Closes the segment that is being written. Returns the ids it holds; nil where it is empty. A throw is as in `commit`.
    func roll() throws(StoreError) -> ClosedRange<RecordID>?
}

/// The commit log of one machine: write, `fdatasync`.
struct LocalCommitLog: CommitLog {
    let writer: LogWriter
    /// A commit that takes longer is reported: a disk that is ill is often slow first.
    let slowCommit: Duration
    let report: @Sendable (String) -> Void

    var nextID: RecordID { writer.nextID }
    var maximumFrameBytes: Int { writer.maximumCommitBytes }
    var activeSince: RecordTime? { writer.activeSince }
    var rolls: Int { writer.rolls }

    func commit(_ frame: CommitFrame) throws(StoreError) {
        try refusing { () throws(LogError) in try writer.reserve(byteCount: frame.byteCount) }
        let begun = ContinuousClock.now
        do {
            try writer.commit(frame)
            let taken = begun.duration(to: .now)
            if taken >= slowCommit {
                report("the disk is slow: a commit of \(frame.byteCount) bytes took \(taken / .milliseconds(1)) ms")
            }
            reportLag()
        } catch {
            throw StoreError(.failed, "the disk failed during a commit, and its outcome is unknown: \(error)")
        }
    }

    func idle() throws(StoreError) {
        try refusing { () throws(LogError) in try writer.mark() }
        reportLag()
    }

    private func reportLag() {
        guard let error = writer.takeLag() else { return }
        report("how far the log has come cannot be written down, so a loss of its end might be missed: \(error)")
    }

    func rest() throws(StoreError) {
        try refusing { () throws(LogError) in try writer.rest() }
    }

    func roll() throws(StoreError) -> ClosedRange<RecordID>? {
        try refusing { () throws(LogError) in try writer.roll() }
    }

    /// Runs an operation after which, where it throws, nothing has happened, unless the writer says that it has failed.
    private func refusing<Value>(_ operation: () throws(LogError) -> Value) throws(StoreError) -> Value {
        do {
            return try operation()
        } catch {
            if error.isNoSpace { throw StoreError(error) }
            guard writer.failed == nil else { throw StoreError(.failed, "the disk failed: \(error)") }
            throw StoreError(.other, "nothing was appended: \(error)")
        }
    }
}
