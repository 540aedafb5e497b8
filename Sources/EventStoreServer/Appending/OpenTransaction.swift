// Owns: a transaction that a connection has begun and not yet executed.

import EventModel
import EventStore
import EventWire

/// What has been queued since MULTI.
struct OpenTransaction {
    /// What an event takes beside its parts, about.
    private static let bytesPerEvent = 256

    private(set) var events = Transaction()
    /// Appends that were answered QUEUED, whether they are still kept or not.
    private(set) var queued = 0
    /// Whether a command since was refused; then EXEC is too.
    private(set) var isBroken = false
    /// Whether it was given up, with nothing wrong in it, to make room for others.
    private(set) var isGivenUp = false
    private var wireBytes = 0
    /// Bytes of memory, about.
    private(set) var memoryBytes = 0
    private(set) var conditionBytes = 0

    /// Adds an append that came in so many bytes; all that came in since MULTI may have `limit` bytes.
    mutating func add(_ request: AppendRequest, wireBytes: Int, limit: Int) throws(StoreError) {
        self.wireBytes += wireBytes
        guard self.wireBytes <= limit else {
            throw StoreError(.tooBig, "the transaction has \(self.wireBytes) bytes; the limit is \(limit)")
        }
        queued += 1
        guard !isBroken, !isGivenUp else { return }
        let data = request.event.data.count + (request.event.metadata?.count ?? 0)
        memoryBytes += Self.bytesPerEvent + data + Command.filterFactor * (wireBytes - data)
        if request.unless != nil { conditionBytes += Command.filterFactor * (wireBytes - data) }
        events.append(request.event, unless: request.unless, reportsStatus: request.reportsStatus)
    }

    /// A command in it was refused.
    mutating func breakOff() {
        isBroken = true
        letGo()
    }

    /// Others need the memory that it holds.
    mutating func giveUp() {
        isGivenUp = true
        letGo()
    }

    /// It can only be refused now, so nothing of it is kept.
    private mutating func letGo() {
        events = Transaction()
        memoryBytes = 0
        conditionBytes = 0
    }
}
