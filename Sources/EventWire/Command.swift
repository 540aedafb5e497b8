// Owns: what a client can ask for, as values.
// Refuses to know: how it was spelled, and how it is answered.
//
// Raw buffers in here borrow from the bytes the command arrived in and are valid only as long as those.

package import EventModel

package enum Command {
    case append(AppendRequest)
    case multi
    case exec
    case discard
    case get(EventID)
    case read(ReadRequest)
    case blocks(BlocksRequest)
    case count(Filter)
    case state(StateRequest)
    case fold(FoldRequest)
    case projections
    case projection(ProjectionRequest)
    case rebuild(projection: String)
    case subscribe(SubscribeRequest)
    case unsubscribe(UInt64)
    case info
    case roll
    case snapshot
    case compact
    case verify
    /// What `Handshake` answers without the store.
    case connection(ConnectionCommand)
    /// Back to how the connection began: no transaction, no subscription, RESP2. Answered with `+RESET`.
    case reset
    /// Answered with `+OK`, then the connection closes.
    case quit
}

/// The names have been checked; `data` and `metadata` have not been looked into.
package struct AppendRequest {
    package var event: NewEventParts
    package var unless: AppendCondition?
}

package struct ReadRequest: Hashable, Sendable {
    package static let defaultCount = 1000

    package var filter: Filter
    /// `AFTER $`: after whatever is the last event when the request is served.
    package var afterTail: Bool
    package var count: Int
    package var reversed: Bool
    /// How long to wait for the first match; 0 is for ever, nil is not at all.
    package var blockMilliseconds: Int?
}

package struct BlocksRequest: Hashable, Sendable {
    package static let defaultBytes = 1 << 20

    package var after: EventID
    /// About how many bytes of blocks to return.
    package var bytes: Int
}

package struct StateRequest: Hashable, Sendable {
    package var aggregateID: String
    package var reducer: String
    package var at: Timestamp?
    package var asOf: AsOf?
    package var skipsDamage: Bool
}

package struct FoldRequest: Hashable, Sendable {
    package enum Source: Hashable, Sendable {
        case reducer(String)
        case lua(String)
    }

    package var source: Source
    package var filter: Filter
}

package struct ProjectionRequest: Hashable, Sendable {
    package var name: String
    package var at: Timestamp?
    package var asOf: AsOf?
}

package struct SubscribeRequest: Hashable, Sendable {
    package var filter: Filter
    /// The first event to deliver, so that 0 and 1 both ask for everything; nil delivers new events only.
    package var from: EventID?
}
