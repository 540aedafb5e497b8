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
    case last(Filter)
    case state(StateRequest)
    case fold(FoldRequest)
    case projections
    case projection(ProjectionRequest)
    case rebuild(projection: String)
    case reducers
    case reload
    case subscribe(SubscribeRequest)
    case unsubscribe(UInt64)
    /// EV.INFO.
    case info
    case roll
    case snapshot
    case compact
    case verify
    /// EV.WHOAMI.
    case whoAmI
    /// What `Handshake` answers without the store.
    case connection(ConnectionCommand)
    case server(ServerCommand)
    /// Back to how the connection began: no transaction, no subscription, RESP2. Answered with `+RESET`.
    case reset
    /// Answered with `+OK`, then the connection closes.
    case quit
}

extension Command {
    /// As Redis writes it, in lower case, with its subcommand.
    package var name: StaticString {
        switch self {
        case .append: "ev.append"
        case .multi: "multi"
        case .exec: "exec"
        case .discard: "discard"
        case .get: "ev.get"
        case .read: "ev.read"
        case .blocks: "ev.blocks"
        case .count: "ev.count"
        case .last: "ev.last"
        case .state: "ev.state"
        case .fold: "ev.fold"
        case .projections: "ev.projections"
        case .projection: "ev.projection"
        case .rebuild: "ev.rebuild"
        case .reducers: "ev.reducers"
        case .reload: "ev.reload"
        case .subscribe: "ev.subscribe"
        case .unsubscribe: "ev.unsubscribe"
        case .info: "ev.info"
        case .roll: "ev.roll"
        case .snapshot: "ev.snapshot"
        case .compact: "ev.compact"
        case .verify: "ev.verify"
        case .whoAmI: "ev.whoami"
        case .connection(let command): command.name
        case .server(let command): command.name
        case .reset: "reset"
        case .quit: "quit"
        }
    }
}

/// The names have been checked; `data` and `metadata` have not been looked into.
package struct AppendRequest {
    package var event: NewEventParts
    package var unless: AppendCondition?
    /// Whether the answer says if the event was there already.
    package var reportsStatus = false
    /// The store that the condition's position belongs to, where it says so.
    package var store: EventUUID?
}

package struct ReadRequest: Hashable, Sendable {
    package static let defaultCount = 1000

    package var filter: Filter
    package var count: Int
    package var reversed: Bool
    /// Whether the answer says how far the store goes, and if there is more.
    package var withHead = false
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
    /// Nil for the aggregate's events in every category.
    package var category: String?
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

    /// Whether it is about another moment than now.
    package var isOfThePast: Bool { at != nil || asOf != nil }
}

package struct SubscribeRequest: Hashable, Sendable {
    package var filter: Filter
    /// The first event to deliver, so that 0 and 1 both ask for everything; nil delivers new events only.
    package var from: EventID?
}
