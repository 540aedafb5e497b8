// Owns: following the log across broken connections: catch-up, then live, resuming after the last event handed on, so
// that none is missed and none repeated.

import EventModel
import EventStoreClient

struct LiveEvents {
    private static let firstPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(5)

    let socketPath: String
    let filter: Filter
    /// The store that positions in the filter belong to; nil for the one that answers first.
    var store: EventUUID?
    /// Told of each loss of the connection, and of how long it waits before the next attempt.
    let onLoss: (ClientError, Duration) -> Void

    /// Hands on every event that matches and comes after the position, for ever. A first connection that fails is an
    /// error; later ones are tried again.
    func forEach(after position: EventID, _ body: (Event) throws -> Void) async throws {
        var position = position
        var pause = Self.firstPause
        var hasConnected = false
        // Where another store answers after a loss of the connection, its events are not the next of this one.
        var configuration = EventStoreClient.Configuration(socketPath: socketPath)
        configuration.store = store
        while true {
            do {
                let client = try await EventStoreClient.connect(configuration)
                configuration.store = client.store
                var filter = filter
                filter.after = max(position, filter.after ?? .zero)
                let subscription = try await client.subscribe(filter)
                hasConnected = true
                pause = Self.firstPause
                for try await event in subscription {
                    position = event.id
                    try body(event)
                }
                throw ClientError.disconnected(reason: "the daemon ended the subscription")
            } catch let error as ClientError where hasConnected && error.isPassing {
                onLoss(error, pause)
                try await Task.sleep(for: pause)
                pause = min(pause * 2, Self.longestPause)
            }
        }
    }
}

extension ClientError {
    /// Whether a later attempt may succeed: the daemon was not there, or not ready.
    fileprivate var isPassing: Bool {
        switch self {
        case .cannotConnect, .disconnected, .outcomeUnknown: true
        case .store(let error): error.code == .loading
        case .protocolViolation: false
        }
    }
}
