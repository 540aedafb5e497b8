// Owns: a transaction that a connection has begun and not yet executed.

import EventModel
import EventStore
import EventWire

/// What has been queued since MULTI.
struct OpenTransaction {
    var events = Transaction()
    /// Whether a command since was refused; then EXEC is too.
    var isBroken = false

    mutating func add(_ request: AppendRequest, limit: Int) throws(StoreError) {
        events.append(request.event, unless: request.unless)
        if events.byteCount > limit {
            throw StoreError(.tooBig, "the transaction has \(events.byteCount) bytes; the limit is \(limit)")
        }
    }
}
