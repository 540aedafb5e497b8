// Owns: the life of a client, from connecting to closing. What it can ask is in the files beside this one, one for
// each kind of request.
// Refuses to know: sockets and event loops, which are the connection's.

public import EventModel
package import EventWire

/// A connection to `evstored` over its Unix domain socket.
///
/// Safe to use from any number of tasks at once: requests are written in the order they are made, and answered in that
/// order, without one waiting for the answer to another. A request whose task is cancelled still waits for its answer.
///
/// There is no reconnecting: once a request has thrown ``ClientError/disconnected(reason:)`` or
/// ``ClientError/outcomeUnknown(reason:)``, connect again.
public final class EventStoreClient: Sendable {
    /// Where to connect, and how patiently.
    public struct Configuration: Hashable, Sendable {
        /// The path of the daemon's Unix domain socket; at most 103 bytes, SwiftNIO's limit.
        public var socketPath: String
        /// For connecting and greeting together.
        public var connectTimeoutMilliseconds = 5000
        /// How long to wait, once connected, for a daemon that is still recovering its store. Nil is not at all: such a
        /// daemon is connected to, and answers little but ``EventStoreClient/info()``.
        public var recoveryTimeoutMilliseconds: Int? = 30_000
        /// The store that positions belong to which have been kept from before: ``EventStoreClient/store`` of the client that
        /// they came from. Where another store answers, every question with a position throws `.position`. Nil is
        /// whichever store answers.
        public var store: EventUUID?

        /// The daemon at a path, with the default patience.
        public init(socketPath: String) {
            self.socketPath = socketPath
        }
    }

    let configuration: Configuration
    private let connection: Connection
    /// The store that positions belong to: the one that was asked for, or else the one that has answered; nil where that was
    /// still being recovered. To be kept with a position that is to be gone on from later.
    public let store: EventUUID?

    private init(configuration: Configuration, connection: Connection, store: EventUUID?) {
        self.configuration = configuration
        self.connection = connection
        self.store = store
    }

    deinit {
        connection.close()
    }

    private static let recoveryPollMilliseconds = 100

    /// Connects and greets the daemon, and waits until its store is open.
    ///
    /// - Throws: ``ClientError/cannotConnect(path:reason:)`` where nobody answers in time, and
    ///   ``ClientError/store(_:)`` where the daemon refuses the greeting, or is still recovering its store when the time
    ///   for that is up.
    public static func connect(_ configuration: Configuration) async throws(ClientError) -> EventStoreClient {
        let connection = try await Connection.open(configuration)
        let answering: EventUUID?
        do {
            answering = try await greet(connection, patience: configuration.recoveryTimeoutMilliseconds)
        } catch .disconnected(let reason) {
            throw .cannotConnect(path: configuration.socketPath, reason: reason)
        }
        return EventStoreClient(
            configuration: configuration,
            connection: connection,
            store: configuration.store ?? answering
        )
    }

    /// Returns the store that answers, once it does.
    private static func greet(_ connection: Connection, patience: Int?) async throws(ClientError) -> EventUUID? {
        let begin = ContinuousClock.now
        while true {
            let greeting = try await connection.request(["HELLO", "3"])
            connection.isGreeted()
            guard let patience, let percent = greeting[field: "loading"]?.unsigned else {
                return greeting[field: "store"]?.text.flatMap { EventUUID($0) }
            }
            guard begin.duration(to: .now) < .milliseconds(patience), !Task.isCancelled else {
                connection.close()
                throw .store(StoreError(.loading, "the daemon is still recovering its store: \(percent) % are done"))
            }
            try? await Task.sleep(for: .milliseconds(recoveryPollMilliseconds))
        }
    }

    /// Closes the connection. Requests that still wait for their answers fail as if the connection had been lost.
    public func close() async {
        await connection.closed()
    }

    /// Sends any command and returns its answer.
    ///
    /// - Throws: ``ClientError/store(_:)`` where the answer is an error.
    package func command(_ arguments: [[UInt8]]) async throws(ClientError) -> RESPValue {
        var commands = CommandEncoder()
        commands.command(arguments)
        return try await connection.send(commands.bytes, replies: 1, changes: true)[0].orError()
    }

    /// Sends a command that changes no event, so that losing the connection leaves no doubt.
    func request(_ words: [String]) async throws(ClientError) -> RESPValue {
        try await connection.request(words)
    }

    /// Sends commands in one write and returns all their answers, errors among them.
    func append(_ commands: CommandEncoder, replies: Int) async throws(ClientError) -> [RESPValue] {
        try await connection.send(commands.bytes, replies: replies, changes: true)
    }
}

extension RESPValue {
    func orError() throws(ClientError) -> RESPValue {
        if case .error(let error) = self { throw .store(error) }
        return self
    }
}

extension ClientError {
    static func unexpected(_ expected: String, _ value: RESPValue) -> ClientError {
        .protocolViolation("expected \(expected), got \(String(describing: value).prefix(200))")
    }
}
