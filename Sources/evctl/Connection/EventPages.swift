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
        // A page bounded by its bytes is short, so only an empty one is the end.
        var page = try await client.read(filter, count: min(remaining, Self.pageEvents), reversed: reversed)
        while let last = page.last {
            remaining -= page.count
            if reversed { filter.before = last.id } else { filter.after = last.id }
            let (next, count) = (filter, min(remaining, Self.pageEvents))
            async let following = count > 0 ? client.read(next, count: count, reversed: reversed) : []
            try body(page)
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
        if let first { narrowed.after = EventID(first.rawValue - 1) }
        return (narrowed, nil)
    }
}
