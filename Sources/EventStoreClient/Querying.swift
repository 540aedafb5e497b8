// Owns: asking for events and for states folded from them.

public import EventModel
import EventWire

/// What folds events into a state.
public enum FoldSource: Hashable, Sendable {
    /// A reducer that the daemon has by this name.
    case reducer(String)
    /// The text of a reducer in Lua, where the daemon allows it.
    case lua(String)
}

/// Some of the events that match, and what lies beyond them.
public struct EventPage: Sendable {
    /// The last event of the store when they were read.
    public let head: EventID
    /// Whether more of the events that match, up to `head`, come behind them; before them where the newest come first.
    public let hasMore: Bool
    /// In the order that was asked for.
    public let events: [Event]
}

extension EventStoreClient {
    /// Returns an event, or nil where there is none of this id.
    public func get(_ id: EventID) async throws(ClientError) -> Event? {
        let reply = try await request(["EV.GET", id.description])
        return if case .null = reply { nil } else { try reply.event() }
    }

    /// Returns the events that match, in the order of their ids.
    ///
    /// Where events on the way are damaged on disk, or of a later version of evstore, those before them come first; a call
    /// that comes to them throws, and `StoreError.unreadable` names them: go on after the last of them. A filter that
    /// `skipsDamage` goes on by itself, and ``damage()`` tells what it may have left out of the damaged ones.
    ///
    /// - Parameters:
    ///   - count: The most events to return; the daemon's default where nil. Fewer come where the reply would be too
    ///     large, so read on after the last until nothing comes.
    ///   - reversed: The newest first.
    ///   - blockMilliseconds: How long to wait for the first match where there is none; 0 waits for ever. Requests that
    ///     are made meanwhile on the same client wait as well.
    ///   - afterTail: Only what is appended from now on, in place of the filter's `after`.
    /// - Returns: Nothing where the time is up.
    public func read(
        _ filter: Filter = .all,
        count: Int? = nil,
        reversed: Bool = false,
        blockMilliseconds: Int? = nil,
        afterTail: Bool = false
    ) async throws(ClientError) -> [Event] {
        var words = readWords(filter, count, reversed)
        if afterTail { words += ["AFTER", "$"] }
        if let blockMilliseconds { words += ["BLOCK", String(blockMilliseconds)] }
        let reply = try await request(words)
        if case .null = reply { return [] }
        return try reply.events()
    }

    /// Returns events that match as ``read(_:count:reversed:blockMilliseconds:afterTail:)`` does, and whether that was all: a
    /// reader need not ask once more to learn that nothing comes.
    public func page(
        _ filter: Filter = .all,
        count: Int? = nil,
        reversed: Bool = false
    ) async throws(ClientError) -> EventPage {
        let reply = try await request(readWords(filter, count, reversed) + ["WITHHEAD"])
        guard let parts = reply.elements, parts.count == 3, let head = parts[0].unsigned, let more = parts[1].unsigned
        else { throw .unexpected("a page of events", reply) }
        return EventPage(head: EventID(head), hasMore: more != 0, events: try parts[2].events())
    }

    private func readWords(_ filter: Filter, _ count: Int?, _ reversed: Bool) -> [String] {
        ["EV.READ"] + filter.arguments(in: store) + (count.map { ["COUNT", String($0)] } ?? [])
            + (reversed ? ["REV"] : [])
    }

    /// Returns the id of the last event that matches; zero where there is none.
    public func last(_ filter: Filter = .all) async throws(ClientError) -> EventID {
        let reply = try await request(["EV.LAST"] + filter.arguments(in: store))
        guard let id = reply.unsigned else { throw .unexpected("an event id", reply) }
        return EventID(id)
    }

    /// Counts the events that match, damaged ones too where an index can count them. Where only reading can tell it
    /// throws, unless the filter `skipsDamage`.
    public func count(_ filter: Filter = .all) async throws(ClientError) -> UInt64 {
        let reply = try await request(["EV.COUNT"] + filter.arguments(in: store))
        guard let count = reply.unsigned else { throw .unexpected("a count", reply) }
        return count
    }

    /// Folds the events of an aggregate with a reducer of the daemon's.
    ///
    /// - Parameters:
    ///   - at: Only what had happened by then, inclusive, by the events' own timestamps.
    ///   - asOf: Only what the store knew by then, inclusive.
    ///   - skippingDamage: Folds what can be read, in place of an error where events are damaged on disk.
    /// - Returns: The text of a JSON object with `aggregate_id`, `reducer`, `events_processed`, `event_id`, `state`; and
    ///   `lacking`, an array of `[first,last]`, where damaged events were passed over.
    public func state(
        of aggregate: String,
        category: String? = nil,
        reducer: String,
        at: Timestamp? = nil,
        asOf: AsOf? = nil,
        skippingDamage: Bool = false
    ) async throws(ClientError) -> [UInt8] {
        let words =
            ["EV.STATE", aggregate, "REDUCER", reducer] + (category.map { ["CATEGORY", $0] } ?? []) + moment(at, asOf)
        return try await json(words + (skippingDamage ? ["SKIPDAMAGE"] : []))
    }

    /// Folds the events that match.
    ///
    /// - Returns: The text of a JSON object with `reducer`, `events_processed`, `event_id`, `state`; and `lacking`, an array
    ///   of `[first,last]`, where the filter `skipsDamage` and damaged events were passed over.
    public func fold(_ source: FoldSource, _ filter: Filter = .all) async throws(ClientError) -> [UInt8] {
        let words =
            switch source {
            case .reducer(let name): ["REDUCER", name]
            case .lua(let text): ["LUA", text]
            }
        return try await json(["EV.FOLD"] + words + filter.arguments(in: store))
    }

    /// Sends a command whose answer is a text, JSON mostly.
    func json(_ words: [String]) async throws(ClientError) -> [UInt8] {
        let reply = try await request(words)
        guard let bytes = reply.bytes else { throw .unexpected("a text", reply) }
        return bytes
    }

    func moment(_ at: Timestamp?, _ asOf: AsOf?) -> [String] {
        (at.map { ["AT", $0.description] } ?? []) + (asOf.map { ["ASOF", $0.argument(in: store)] } ?? [])
    }
}

extension RESPValue {
    fileprivate func events() throws(ClientError) -> [Event] {
        guard case .array(let values) = self else { throw .unexpected("events", self) }
        var events: [Event] = []
        events.reserveCapacity(values.count)
        for value in values { events.append(try value.event()) }
        return events
    }

    func event() throws(ClientError) -> Event {
        guard let event = Event(self) else { throw .unexpected("an event", self) }
        return event
    }
}
