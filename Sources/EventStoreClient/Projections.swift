// Owns: asking for projections, which are states the daemon keeps live.

public import EventModel
import EventWire

/// Where a projection stands.
public struct ProjectionStatus: Hashable, Sendable {
    /// As the daemon's configuration names it.
    public var name: String
    /// The last event it has folded.
    public var eventID: EventID
    /// Events between it and the tail of the log.
    public var lag: UInt64
    /// `live`, `catching up`, `rebuilding`, or `faulted: ` and the reason.
    public var health: String
    /// Events that reached its reducer.
    public var eventsProcessed: UInt64
    /// Events that are damaged on disk and might belong into its state; in order.
    public var lacking: [ClosedRange<EventID>]
    /// Events a second that it has looked at lately, while it is catching up or being rebuilt; nil where that is not known.
    public var rate: UInt64?
    /// In how many seconds it will be at the tail, while it is on its way; nil where that is not known, or it comes no nearer.
    public var secondsLeft: UInt64?

    /// A status from its parts, for tests of code that shows one.
    public init(
        name: String,
        eventID: EventID,
        lag: UInt64,
        health: String,
        eventsProcessed: UInt64,
        lacking: [ClosedRange<EventID>] = [],
        rate: UInt64? = nil,
        secondsLeft: UInt64? = nil
    ) {
        self.name = name
        self.eventID = eventID
        self.lag = lag
        self.health = health
        self.eventsProcessed = eventsProcessed
        self.lacking = lacking
        self.rate = rate
        self.secondsLeft = secondsLeft
    }
}

extension EventStoreClient {
    /// Returns where every projection stands.
    public func projections() async throws(ClientError) -> [ProjectionStatus] {
        let reply = try await request(["EV.PROJECTIONS"])
        guard case .array(let values) = reply else { throw .unexpected("projections", reply) }
        var statuses: [ProjectionStatus] = []
        for value in values {
            guard let status = ProjectionStatus(value) else { throw .unexpected("a projection", value) }
            statuses.append(status)
        }
        return statuses
    }

    /// Returns the state of a projection, now or at a moment.
    ///
    /// - Parameters:
    ///   - at: Only what had happened by then, inclusive, by the events' own timestamps.
    ///   - asOf: Only what the store knew by then, inclusive.
    /// - Returns: The text of a JSON object with `name`, `events_processed`, `event_id`, `state`; and `lacking`, an array of
    ///   `[first,last]`, where events are damaged that might belong in there.
    /// - Throws: ``ClientError/store(_:)`` with the code `.lagging` where the projection does not catch up in time.
    public func projection(
        _ name: String,
        at: Timestamp? = nil,
        asOf: AsOf? = nil
    ) async throws(ClientError) -> [UInt8] {
        try await json(["EV.PROJECTION", name] + moment(at, asOf))
    }

    /// Has a projection rebuilt from the log; ``projections()`` shows how far it is.
    public func rebuildProjection(_ name: String) async throws(ClientError) {
        _ = try await request(["EV.REBUILD", name])
    }
}

extension ProjectionStatus {
    fileprivate init?(_ value: RESPValue) {
        guard let name = value[field: "name"]?.text,
            let eventID = value[field: "event_id"]?.unsigned,
            let lag = value[field: "lag"]?.unsigned,
            let health = value[field: "health"]?.text,
            let eventsProcessed = value[field: "events_processed"]?.unsigned
        else { return nil }
        self.init(
            name: name,
            eventID: EventID(eventID),
            lag: lag,
            health: health,
            eventsProcessed: eventsProcessed,
            lacking: (value[field: "lacking"]?.elements ?? []).compactMap(\.ids),
            rate: value[field: "rate"]?.unsigned,
            secondsLeft: value[field: "seconds_left"]?.unsigned
        )
    }
}

extension RESPValue {
    /// A first and a last id.
    fileprivate var ids: ClosedRange<EventID>? {
        guard let bounds = elements?.compactMap(\.unsigned), bounds.count == 2, bounds[0] <= bounds[1] else {
            return nil
        }
        return EventID(bounds[0])...EventID(bounds[1])
    }
}
