import EventModel
import EventStore
import EventStoreClient
import EventStoreServer
import Synchronization

@testable import evctl

/// A store whose server comes and goes.
final class Daemon: Sendable {
    let store: EventStore
    let socket: String
    private let server = Mutex<Server?>(nil)

    init(_ directory: TemporaryDirectory, reducers: String? = nil, projections: [String] = [], socket: String? = nil)
        throws
    {
        var options = StoreOptions(directory: directory.path + "/data")
        options.reducersDirectory = reducers
        options.projections = projections
        store = try EventStore.open(options)
        self.socket = socket ?? directory.path + "/socket"
    }

    func start() async throws {
        let started = try await Server.start(store: store, options: ServerOptions(socketPath: socket))
        server.withLock { $0 = started }
    }

    func stop() async {
        let running = server.withLock { $0 }
        await running?.stop()
    }

    func end() async {
        await stop()
        store.close()
    }

    func append(_ aggregates: ClosedRange<Int>) async throws {
        let client = try await EventStoreClient.connect(.patient(socket))
        for number in aggregates {
            _ = try await client.append(NewEvent(category: "c", aggregateID: "\(number)", eventType: "t"))
        }
        await client.close()
    }
}

extension EventStoreClient.Configuration {
    /// For a machine on which hundreds of tests run at once.
    static func patient(_ socketPath: String) -> Self {
        var configuration = Self(socketPath: socketPath)
        configuration.connectTimeoutMilliseconds = 120_000
        return configuration
    }
}
