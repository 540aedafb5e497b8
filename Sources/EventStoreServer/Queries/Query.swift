// Owns: the commands that read: what each asks of the store, and its answer as bytes.

import EventModel
import EventStore
import EventWire
import SegmentLog

/// A command that reads, free of anything borrowed.
enum Query: Sendable {
    /// Nobody is given who may see every event.
    case event(EventID, seenBy: Caller?)
    case read(ReadRequest)
    case blocks(BlocksRequest)
    case count(Filter)
    case last(Filter)
    case state(StateRequest)
    case fold(FoldRequest)
    case projections
    case projection(ProjectionRequest)
    case rebuild(String, by: Caller)
    case reducers
    case reload(by: Caller)
    case info
    case redisInfo([String])
    /// A mistake among the queries, answered in its turn.
    case mistake(StoreError)

    /// Nil where the command is no query, or one that waits.
    init?(_ command: Command, of caller: Caller) {
        switch command {
        case .get(let id):
            self = .event(id, seenBy: caller.permissions.unlimited.contains(.read) ? nil : caller)
        case .read(let request) where request.blockMilliseconds == nil: self = .read(request)
        case .blocks(let request): self = .blocks(request)
        case .count(let filter): self = .count(filter)
        case .last(let filter): self = .last(filter)
        case .state(let request): self = .state(request)
        case .fold(let request): self = .fold(request)
        case .projections: self = .projections
        case .projection(let request): self = .projection(request)
        case .rebuild(let name): self = .rebuild(name, by: caller)
        case .reducers: self = .reducers
        case .reload: self = .reload(by: caller)
        case .info: self = .info
        case .server(.info(let sections)): self = .redisInfo(sections)
        default: return nil
        }
    }

    /// Whether it is about one event: a matter of microseconds.
    var isMomentary: Bool {
        switch self {
        case .event, .mistake: true
        default: false
        }
    }

    /// Whether it is about a few events of an aggregate.
    func isShort(_ store: EventStore) -> Bool {
        switch self {
        case .state(let request): return store.hasFewEvents(CollectionOfOne(request.aggregateID))
        case .read(let request): return isShort(request.filter, store)
        case .count(let filter), .last(let filter): return isShort(filter, store)
        default: return false
        }
    }

    private func isShort(_ filter: Filter, _ store: EventStore) -> Bool {
        let alternatives = filter.alternatives
        guard !alternatives.isEmpty, alternatives.allSatisfy({ !$0.aggregates.isEmpty }) else { return false }
        return store.hasFewEvents(Set(alternatives.flatMap(\.aggregates)))
    }

    /// Bytes that the answer and what it is made of will take, as far as that is known before; more is asked for when it turns out.
    func expectedBytes(_ server: ServerCore) -> Int {
        switch self {
        case .read(let request):
            // It is held as it was read, and as it is answered; the one that does not fit any more is read, too.
            2 * min(min(request.count, server.options.replyBytes) * server.averageEventBytes, server.options.replyBytes)
                + 4 * server.averageEventBytes
        case .blocks(let request): 3 * server.byteLimit(request)
        default: 0
        }
    }

    /// Whether it may have been worked on for long before it turns out that there is no room for its answer. So it waits for that
    /// with what it has; any other begins anew, and holds nothing meanwhile.
    var isLong: Bool {
        switch self {
        case .state, .fold: true
        case .projection(let request): request.isOfThePast
        default: false
        }
    }

    /// Whether it is about the daemon itself.
    var isAboutDaemon: Bool {
        switch self {
        case .info, .redisInfo: true
        default: false
        }
    }

    /// Whether it has nothing to wait for.
    func isReady(_ store: EventStore) -> Bool {
        guard case .projection(let request) = self else { return true }
        return store.hasProjection(request.name, reached: request.isOfThePast ? nil : store.tail)
    }

    /// Adds the whole reply. That of a projection reaches at least so far, or to the tail.
    func answer(
        _ server: ServerCore,
        for work: Work,
        within limit: Duration?,
        reaching target: EventID?,
        _ replies: inout ReplyEncoder
    ) {
        let start = replies.bytes.count
        do throws(StoreError) {
            let limited = isTimed && limit != nil ? Work(within: limit, of: work) : work
            try write(server, for: limited, reaching: target, &replies)
        } catch {
            replies.bytes.removeLast(replies.bytes.count - start)
            replies.error(error)
        }
    }

    /// Whether it is stopped when its time is up: not what takes no time, nor what an operator has done to the store.
    private var isTimed: Bool {
        switch self {
        case .event, .mistake, .reload, .rebuild: false
        default: true
        }
    }

    private func write(
        _ server: ServerCore,
        for work: Work,
        reaching target: EventID?,
        _ replies: inout ReplyEncoder
    ) throws(StoreError) {
        let store = server.store
        switch self {
        case .event(let id, let caller):
            guard let event = try store.event(id) else { return replies.null() }
            let refusal = event.withParts { event -> Refusal? in
                let refusal = caller?.refusal(of: .get, toShow: event)
                if refusal == nil { replies.event(event) }
                return refusal
            }
            if let refusal {
                caller?.note(refusal)
                throw refusal.error
            }
        case .read(let request):
            guard request.withHead else { return replies.events(try server.read(request, for: work)) }
            let page = try store.page(
                request.filter,
                count: request.count,
                reversed: request.reversed,
                byteLimit: server.options.replyBytes,
                for: work
            )
            replies.array(3)
            replies.integer(page.head)
            replies.integer(UInt64(page.hasMore ? 1 : 0))
            replies.events(page.events)
        case .blocks(let request):
            replies.bulk(try store.blocks(after: request.after, byteLimit: server.byteLimit(request), for: work))
        case .count(let filter):
            replies.integer(Int64(try store.count(filter, for: work)))
        case .last(let filter): replies.integer(try store.last(filter, for: work))
        case .state(let request):
            let state = try store.state(
                of: request.aggregateID,
                category: request.category,
                reducer: request.reducer,
                at: request.at,
                asOf: request.asOf,
                skippingDamage: request.skipsDamage,
                for: work
            )
            replies.bulk(
                JSONText.object(
                    (request.category.map { [("category", .string($0))] } ?? [])
                        + [
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
                choice = .source(Array(source.utf8))
            }
            replies.bulk(JSONText.object(members + (try store.fold(choice, request.filter, for: work)).members))
        case .projections: replies.projections(store.projectionStatuses())
        case .projection(let request):
            // Whoever can wait for it has.
            let state = try store.projection(
                request.name,
                at: request.at,
                asOf: request.asOf,
                reaching: target,
                waitMilliseconds: 0,
                for: work
            )
            replies.bulk(JSONText.object([("name", .string(request.name))] + state.members))
        case .rebuild(let name, let caller):
            try caller.act(.rebuild, on: name) { () throws(StoreError) in try store.rebuildProjection(name) }
            replies.simple("OK")
        case .reducers: replies.reducers(store.reducerStatuses())
        case .reload(let caller):
            let report = try caller.act(.reload) { () throws(StoreError) in try server.reload() }
            replies.bulk(JSONText.reload(report))
        case .info: replies.bulk(server.info)
        case .redisInfo(let sections): replies.bulk(server.redisInfo(sections, store: store))
        case .mistake(let error): throw error
        }
    }
}

extension ServerCore {
    /// About how many bytes the answer to EV.BLOCKS may have.
    func byteLimit(_ request: BlocksRequest) -> Int {
        min(request.bytes, options.replyBytes / 4)
    }

    func read(_ request: ReadRequest, for work: Work) throws(StoreError) -> [StoredEvent] {
        try store.read(
            request.filter,
            count: request.count,
            reversed: request.reversed,
            byteLimit: options.replyBytes,
            for: work
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
            let (rate, seconds) = (status.rate, status.secondsLeft)
            map(5 + [rate != nil, seconds != nil, !status.lacking.isEmpty].count { $0 })
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
            if let rate {
                bulk("rate")
                integer(UInt64(max(rate, 0)))
            }
            if let seconds {
                bulk("seconds_left")
                integer(UInt64(min(max(seconds.rounded(.up), 0), 1e15)))
            }
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
        case .catchingUp: "catching up"
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
