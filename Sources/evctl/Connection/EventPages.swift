// Owns: reading a long stretch of the log page by page: the next page is under way while the last is printed.

import EventModel
import EventStoreClient

struct EventPages {
    private static let pageEvents = 1000
    let client: EventStoreClient

    /// The last event's id as it is now, whether it can be read or not; zero in an empty store.
    func tail() async throws(ClientError) -> EventID {
        EventID(StatusReport(info: try await client.info()).number("last_id") ?? 0)
    }

    /// The filter without what is appended from now on, and the last event's id, behind which that begins.
    func upToNow(_ filter: Filter) async throws(ClientError) -> (filter: Filter, tail: EventID) {
        var filter = filter
        let tail = try await tail()
        // There is no bound above the greatest id, and none is needed. A bound that is beyond the tail is for the daemon to refuse.
        filter.before = filter.before ?? tail.successor
        return (filter, tail)
    }

    /// Calls `body` with every page of the events that match and are in the store now, in order or newest first, up to
    /// `limit` events.
    func forEachPage(
        _ filter: Filter,
        reversed: Bool = false,
        limit: Int = .max,
        _ body: ([Event]) throws -> Void
    ) async throws {
        guard limit > 0 else { return }
        var filter = filter
        var remaining = limit
        var page: EventPage? = try await client.page(
            filter,
            count: min(remaining, Self.pageEvents),
            reversed: reversed
        )
        while let current = page, let last = current.events.last {
            remaining -= current.events.count
            if reversed { filter.before = last.id } else { filter.after = last.id }
            let (next, count) = (filter, current.hasMore ? min(remaining, Self.pageEvents) : 0)
            async let following = count > 0 ? client.page(next, count: count, reversed: reversed) : nil
            try body(current.events)
            page = try await following
        }
    }

    /// Narrows a filter to its last `count` events, so that they can be read forwards without holding them. Where
    /// some between them cannot be read, to those behind these, and with the error for the others.
    func narrow(_ filter: Filter, toLast count: Int) async throws -> (filter: Filter, missing: ClientError?) {
        var first: EventID?
        var narrowed = filter
        do {
            try await forEachPage(filter, reversed: true, limit: count) { first = $0.last?.id ?? first }
        } catch let error as ClientError {
            guard case .store(let reason) = error, let unreadable = reason.unreadable else { throw error }
            narrowed.after = unreadable.upperBound
            return (narrowed, error)
        }
        // The first is one of them, and `after` is exclusive.
        if let first { narrowed.after = first.predecessor }
        return (narrowed, nil)
    }
}
