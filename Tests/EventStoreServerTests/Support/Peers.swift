// Owns: connections that count as those of other users than the tests', and what the server says of them in its log.

import EventModel
import EventStore
import EventWire
import Synchronization
import Testing

@testable import EventStoreServer

/// A server with rules of access, whose connections are whoever the test says.
struct Peers {
    let test: TestServer
    private let next: Next
    /// The audit lines, in order.
    let audit: Lines

    final class Lines: Sendable {
        private let lines = Mutex<[String]>([])

        var all: [String] { lines.withLock { $0 } }

        func add(_ line: String) { lines.withLock { $0.append(line) } }
        /// Whether there is, or soon comes, a line that contains all of these.
        func has(_ parts: String...) -> Bool {
            eventually { all.contains { line in parts.allSatisfy { line.contains($0) } } }
        }
    }

    /// Who connects next.
    private final class Next: Sendable {
        let peer = Mutex<PeerCredentials?>(nil)
    }

    static func run(
        _ rules: [String],
        reducers: [String: String] = [:],
        store configureStore: (inout StoreOptions) -> Void = { _ in },
        server configure: (inout ServerOptions) -> Void = { _ in },
        _ body: (Peers) async throws -> Void
    ) async throws {
        let (next, audit) = (Next(), Lines())
        let access = try AccessRules(rules)
        try await TestServer.run(
            reducers: reducers,
            store: configureStore,
            server: { options in
                options.access = access
                options.unlimitedUsers = [0]
                options.identify = { actual in next.peer.withLock { $0 } ?? actual }
                options.audit = { audit.add($0) }
                configure(&options)
            }
        ) { test in
            try await body(Peers(test: test, next: next, audit: audit))
        }
    }

    /// A connection of a user, of that group and these; by another socket where a path is given.
    func connect(
        _ user: UInt32,
        group: UInt32? = nil,
        groups: [UInt32] = [],
        at path: String? = nil
    ) throws -> RawConnection {
        let peer = PeerCredentials(process: 4711, user: user, group: group ?? user, groups: groups)
        next.peer.withLock { $0 = peer }
        let connection = try RawConnection(path ?? test.path)
        // It has been asked who it is once it is answered.
        _ = try connection.ask("HELLO", "3")
        return connection
    }
}

/// Whether an answer is NOPERM, and speaks of all of these.
func isRefused(_ answer: RESPValue, _ parts: String...) -> Bool {
    guard let text = answer.errorText else { return false }
    return text.hasPrefix("NOPERM ") && parts.allSatisfy(text.contains)
}
