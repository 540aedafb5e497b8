// Owns: the three ways to append: one event, several or none, and many at once.

public import EventModel
import EventWire

extension EventStoreClient {
    /// Appends an event and returns its id once it is durable.
    ///
    /// - Throws: ``ClientError/store(_:)`` with the code `.conflict` where `condition` does not hold, `.invalid` or
    ///   `.tooBig` where the event is refused; ``ClientError/outcomeUnknown(reason:)`` where the connection ends before
    ///   the answer.
    @discardableResult
    public func append(
        _ event: NewEvent,
        unless condition: AppendCondition? = nil
    ) async throws(ClientError) -> EventID {
        var commands = CommandEncoder()
        commands.append(event, unless: condition)
        return try await append(commands, replies: 1)[0].eventID()
    }

    /// Appends all events in one commit, or none of them, and returns their ids in order.
    ///
    /// - Throws: as ``append(_:unless:)``, with the first error the daemon found.
    @discardableResult
    public func appendAtomically(_ events: [NewEvent]) async throws(ClientError) -> [EventID] {
        guard !events.isEmpty else { return [] }
        var commands = CommandEncoder()
        commands.command(["MULTI"])
        for event in events { commands.append(event) }
        commands.command(["EXEC"])
        let replies = try await append(commands, replies: events.count + 2)
        // An event that is refused when it is queued is the reason why EXEC fails, and says more than EXEC does.
        for reply in replies { _ = try reply.orError() }
        guard case .array(let values) = replies[events.count + 1], values.count == events.count else {
            throw .unexpected("\(events.count) event ids", replies[events.count + 1])
        }
        var ids: [EventID] = []
        for value in values { ids.append(try value.eventID()) }
        return ids
    }

    /// Appends many events with one write and returns what became of each, in order: events are refused
    /// independently. Several calls may be in flight at once.
    ///
    /// - Throws: ``ClientError/outcomeUnknown(reason:)`` where the connection ends before the last answer: any of the
    ///   events may be in the store, in order.
    public func appendPipelined(
        _ events: [NewEvent]
    ) async throws(ClientError) -> [Result<EventID, StoreError>] {
        guard !events.isEmpty else { return [] }
        var commands = CommandEncoder()
        for event in events { commands.append(event) }
        var results: [Result<EventID, StoreError>] = []
        results.reserveCapacity(events.count)
        for reply in try await append(commands, replies: events.count) {
            if case .error(let error) = reply {
                results.append(.failure(error))
            } else {
                results.append(.success(try reply.eventID()))
            }
        }
        return results
    }
}

extension RESPValue {
    fileprivate func eventID() throws(ClientError) -> EventID {
        guard let id = try orError().unsigned else { throw .unexpected("an event id", self) }
        return EventID(id)
    }
}
