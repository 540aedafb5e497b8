// Owns: the commands that read: what each asks of the store, and its answer as bytes. Runs on a reader thread; short ones on
// the event loop of a client that is alone.

import EventModel
import EventStore
import EventWire
import SegmentLog

/// A command that reads, free of anything borrowed.
enum Query: Sendable {
    case event(EventID)
    case read(ReadRequest)
    case blocks(BlocksRequest)
    case count(Filter)
    case state(StateRequest)
    case fold(FoldRequest)
    case projections
    case projection(ProjectionRequest)
    case rebuild(String)
    case info
    case snapshot
    case compact
    case verify

    init(_ command: Command) {
        switch command {
        case .get(let id): self = .event(id)
        case .read(let request): self = .read(request)
        case .blocks(let request): self = .blocks(request)
        case .count(let filter): self = .count(filter)
        case .state(let request): self = .state(request)
        case .fold(let request): self = .fold(request)
        case .projections: self = .projections
        case .projection(let request): self = .projection(request)
        case .rebuild(let name): self = .rebuild(name)
        case .info: self = .info
        case .snapshot: self = .snapshot
        case .compact: self = .compact
        case .verify: self = .verify
        default: preconditionFailure("the connection performs this command itself")
        }
    }

    /// Whether it is about one event, or a few of an aggregate: a matter of microseconds.
    func isShort(_ store: EventStore) -> Bool {
        switch self {
        case .event: return true
        case .state(let request): return store.hasFewEvents(CollectionOfOne(request.aggregateID))
        case .read(let request):
            let alternatives = request.filter.alternatives
            guard !alternatives.isEmpty, alternatives.allSatisfy({ !$0.aggregates.isEmpty }) else { return false }
            return store.hasFewEvents(Set(alternatives.flatMap(\.aggregates)))
        default: return false
        }
    }

    /// The whole reply.
    func answer(_ server: ServerCore, _ version: RESPVersion) -> [UInt8] {
        var replies = ReplyEncoder(version: version)
        do throws(StoreError) {
            try answer(server, &replies)
        } catch {
            replies.bytes.removeAll()
            replies.error(error)
        }
        return replies.bytes
    }

    private func answer(_ server: ServerCore, _ replies: inout ReplyEncoder) throws(StoreError) {
        let store = server.store
        switch self {
        case .event(let id):
            guard let event = try store.event(id) else { return replies.null() }
            event.withParts { replies.event($0) }
        case .read(let request):
            replies.events(try server.read(request))
        case .blocks(let request):
            replies.bulk(try store.blocks(after: request.after, byteLimit: server.byteLimit(request)))
        case .count(let filter):
            replies.integer(Int64(try store.count(filter)))
        case .state(let request):
            let state = try store.state(
                of: request.aggregateID,
                reducer: request.reducer,
                at: request.at,
                asOf: request.asOf,
                skippingDamage: request.skipsDamage
            )
            replies.bulk(
                JSONText.object(
                    [
                        ("aggregate_id", .string(request.aggregateID)), ("reducer", .string(request.reducer)),
                    ] + state.members
                )
            )
        case .fold(let request):
            let choice: ReducerChoice
            var members: [(String, JSONText)] = []
            switch request.source {
            case .reducer(let name):
                choice = .named(name)
                members.append(("reducer", .string(name)))
            case .lua(let source):
                guard server.options.allowsSource else {
                    throw StoreError(.noPermission, "this daemon takes no Lua source from clients")
                }
                choice = .source(Array(source.utf8))
            }
            replies.bulk(JSONText.object(members + (try store.fold(choice, request.filter)).members))
        case .projections: replies.projections(store.projectionStatuses())
        case .projection(let request):
            let state = try store.projection(request.name, at: request.at, asOf: request.asOf)
            replies.bulk(JSONText.object([("name", .string(request.name))] + state.members))
        case .rebuild(let name):
            try store.rebuildProjection(name)
            replies.simple("OK")
        case .info: replies.bulk(server.info)
        case .snapshot:
            let taken = try store.snapshot().map { snapshot in
                JSONText.object([
                    ("projection", .string(snapshot.projection)), ("event_id", .number(snapshot.position.rawValue)),
                    ("bytes", .number(UInt64(snapshot.bytes))),
                ])
            }
            replies.bulk(JSONText.object([("snapshots", .array(taken))]))
        case .compact:
            let report = try store.compact()
            replies.bulk(
                JSONText.object([
                    ("segments_before", .number(UInt64(report.segmentsBefore))),
                    ("segments_after", .number(UInt64(report.segmentsAfter))),
                    ("bytes_before", .number(report.bytesBefore)), ("bytes_after", .number(report.bytesAfter)),
                ])
            )
        case .verify: replies.bulk(JSONText.verification(try store.verify()))
        }
    }
}

extension ServerCore {
    /// About how many bytes the answer to EV.BLOCKS may have.
    func byteLimit(_ request: BlocksRequest) -> Int {
        min(request.bytes, options.replyBytes / 4)
    }

    func read(_ request: ReadRequest) throws(StoreError) -> [StoredEvent] {
        var filter = request.filter
        if request.afterTail { filter.after = store.tail }
        return try store.read(
            filter,
            count: request.count,
            reversed: request.reversed,
            byteLimit: options.replyBytes
        )
    }
}

extension ReplyEncoder {
    mutating func events(_ events: [StoredEvent]) {
        array(events.count)
        bytes.reserveCapacity(bytes.count + events.reduce(0) { $0 + $1.approximateBytes + 200 })
        for event in events { event.withParts { self.event($0) } }
    }

    mutating func projections(_ statuses: [ProjectionStatus]) {
        array(statuses.count)
        for status in statuses {
            map(status.lacking.isEmpty ? 5 : 6)
            bulk("name")
            bulk(status.name)
            bulk("event_id")
            integer(status.position)
            bulk("lag")
            integer(status.lag)
            bulk("health")
            bulk(status.healthText)
            bulk("events_processed")
            integer(status.eventsProcessed)
            guard !status.lacking.isEmpty else { continue }
            bulk("lacking")
            array(status.lacking.count)
            for ids in status.lacking {
                array(2)
                integer(ids.lowerBound)
                integer(ids.upperBound)
            }
        }
    }
}

extension ProjectionStatus {
    var healthText: String {
        switch health {
        case .live: "live"
        case .rebuilding: "rebuilding"
        case .faulted(let error): "faulted: \(error)"
        }
    }
}

extension FoldedState {
    /// The members that every folded state is told by; what is lacking, only where something is.
    fileprivate var members: [(String, JSONText)] {
        [
            ("events_processed", .number(eventsProcessed)),
            ("event_id", lastEvent.map { .number($0.rawValue) } ?? .null),
            ("state", JSONText(bytes: stateJSON)),
        ]
            + (lacking.isEmpty
                ? []
                : [
                    (
                        "lacking",
                        .array(
                            lacking.map {
                                .array([.number($0.lowerBound.rawValue), .number($0.upperBound.rawValue)])
                            }
                        )
                    )
                ])
    }
}
