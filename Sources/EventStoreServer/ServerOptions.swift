// Owns: what can be set about the server, with the defaults and the units.

package import EventWire

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
    /// Threads that serve connections; 0 for one a core, at most four.
    package var eventLoops = 0
    /// Threads that read: queries, counts, states.
    package var readers = 2
    /// Bytes of one reply of EV.READ, about.
    package var replyBytes = 8 << 20
    /// A command that has begun must go on arriving within this many seconds.
    package var commandSeconds = 10
    /// Whether EV.FOLD takes Lua source from clients.
    package var allowsSource = true
    /// How long a stop waits for what is in flight, in seconds.
    package var stopSeconds = 10

    package init(socketPath: String) {
        self.socketPath = socketPath
    }
}
