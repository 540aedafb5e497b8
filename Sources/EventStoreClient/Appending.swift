// Owns: the three ways to append: one event, several or none, and many at once.

public import EventModel
import EventWire

/// What has become of an event that was to be appended.
public struct AppendReceipt: Hashable, Sendable {
    /// The event that stands for it.
    public let id: EventID
    /// Whether it was there already, with this identifier and this content.
    public let existed: Bool

    /// A receipt from its parts, for tests of code that takes one.
    public init(id: EventID, existed: Bool) {
        self.id = id
        self.existed = existed
    }
}

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
        try await appendOnce(event, unless: condition).id
    }

    /// Appends an event, and tells whether it was there already, which is what a retry with its identifier finds.
    ///
    /// - Throws: as ``append(_:unless:)-(NewEvent,_)``; with the code `.reused` where its identifier is that of an event with
    ///   other content.
    public func appendOnce(
        _ event: NewEvent,
        unless condition: AppendCondition? = nil
    ) async throws(ClientError) -> AppendReceipt {
        var commands = CommandEncoder()
        commands.append(event, unless: condition, in: store, reportsStatus: event.identifier != nil)
        return try await append(commands, replies: 1)[0].receipt()
    }

    /// Appends all events in one commit, or none of them, and returns their ids in order. None are no request at all.
    ///
    /// - Parameter condition: Decides about all of them together, by what is in the store before the first.
    /// - Throws: as the append of one event, with the first error the daemon found.
    @discardableResult
    public func append(
        _ events: [NewEvent],
        unless condition: AppendCondition? = nil
    ) async throws(ClientError) -> [EventID] {
        try await appendOnce(events, unless: condition).map(\.id)
    }

    /// Appends all events in one commit, or none of them, and tells which were there already: all or none.
    ///
    /// - Throws: as the append of several events; with the code `.reused` where an identifier is that of an event with other
    ///   content, or only some of them are known.
    public func appendOnce(
        _ events: [NewEvent],
        unless condition: AppendCondition? = nil
    ) async throws(ClientError) -> [AppendReceipt] {
        guard !events.isEmpty else { return [] }
        var commands = CommandEncoder()
        commands.command(["MULTI"])
        // The conditions of a transaction are all decided before any of its events is there: one event may carry it.
        let reportsStatus = events.contains { $0.identifier != nil }
        for (index, event) in events.enumerated() {
            let condition = index == 0 ? condition : nil
            commands.append(event, unless: condition, in: store, reportsStatus: reportsStatus)
        }
        commands.command(["EXEC"])
        let replies = try await append(commands, replies: events.count + 2)
        // An event that is refused when it is queued is the reason why EXEC fails, and says more than EXEC does.
        for reply in replies { _ = try reply.orError() }
        guard case .array(let values) = replies[events.count + 1], values.count == events.count else {
            throw .unexpected("\(events.count) event ids", replies[events.count + 1])
        }
        // Where all were queued and then refused, the last of them is the error.
        for value in values { _ = try value.orError() }
        var receipts: [AppendReceipt] = []
        for value in values { receipts.append(try value.receipt()) }
        return receipts
    }

    /// Appends many events with one write and returns what became of each, in order: events are refused
    /// independently. Several calls may be in flight at once.
    ///
    /// - Throws: ``ClientError/outcomeUnknown(reason:)`` where the connection ends before the last answer: any of the
    ///   events may be in the store, in order.
    public func appendPipelined(
        _ events: [NewEvent]
    ) async throws(ClientError) -> [Result<AppendReceipt, StoreError>] {
        guard !events.isEmpty else { return [] }
        var commands = CommandEncoder()
        for event in events { commands.append(event, reportsStatus: event.identifier != nil) }
        var results: [Result<AppendReceipt, StoreError>] = []
        results.reserveCapacity(events.count)
        for reply in try await append(commands, replies: events.count) {
            if case .error(let error) = reply {
                results.append(.failure(error))
            } else {
                results.append(.success(try reply.receipt()))
            }
        }
        return results
    }
}

extension RESPValue {
    fileprivate func receipt() throws(ClientError) -> AppendReceipt {
        if let id = try orError().unsigned { return AppendReceipt(id: EventID(id), existed: false) }
        guard let parts = elements, parts.count == 2, let id = parts[0].unsigned, let status = parts[1].text else {
            throw .unexpected("an event id, alone or with its status", self)
        }
        return AppendReceipt(id: EventID(id), existed: status == "existed")
    }
}
