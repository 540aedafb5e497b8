// Owns: what can be set about the server, with the defaults and the units.

package import EventWire
import Glibc

package struct ServerOptions: Sendable {
    /// SwiftNIO's limit, which is the least of all systems it runs on; Linux itself takes 107.
    package static let maximumPathBytes = 103

    /// Where the socket is.
    package var socketPath: String
    /// A listening socket handed over by the service manager, instead of making one at `socketPath`.
    package var listeningDescriptor: Int32?
    /// Permission bits of a socket that the server makes.
    package var socketMode: UInt32 = 0o660
    package var limits = WireLimits()
    /// Connections beyond this are answered with an error and closed.
    package var maximumConnections = 10_000
    /// Connections of one user beyond this are answered with an error and closed; 0 for three quarters of
    /// `maximumConnections`, so that nobody can shut everybody else out.
    package var maximumConnectionsPerUser = 0
    /// Users to whom that does not apply: who looks after the daemon must be able to reach it.
    package var unlimitedUsers: Set<UInt32> = [0, geteuid()]
    /// Bytes of memory that all connections together may hold for their clients, beyond a small share of each.
    package var bufferBytes = 256 << 20
    /// Threads that serve connections; 0 for one for every two cores, since the writer needs as much as they do, at most four.
    package var eventLoops = 0
    /// Threads that read: queries, counts, states.
    package var readers = 2
    /// Bytes of one reply of EV.READ, about.
    package var replyBytes = 8 << 20
    /// A command that has begun must go on arriving within this many seconds.
    package var commandSeconds = 10
    /// A client that has been sent more than it has taken must go on taking it within this many seconds.
    package var writeSeconds = 30
    /// Whether EV.FOLD takes Lua source from clients.
    package var allowsSource = true
    /// How long a stop waits for what is in flight, in seconds.
    package var stopSeconds = 10
    /// Told what an operator should read.
    package var report: @Sendable (String) -> Void = { _ in }

    package init(socketPath: String) {
        self.socketPath = socketPath
    }

    var connectionsPerUser: Int {
        maximumConnectionsPerUser > 0 ? maximumConnectionsPerUser : max(maximumConnections * 3 / 4, 1)
    }
}
