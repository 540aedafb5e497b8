// Owns: what can be set about the server, with the defaults and the units.

package import EventModel
package import EventStore
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
    /// Where a second socket is through which nobody but reads; nil where there is none.
    package var readOnlySocketPath: String?
    /// The same, handed over by the service manager.
    package var readOnlyListeningDescriptor: Int32?
    package var readOnlySocketMode: UInt32 = 0o660
    /// Who may do what.
    package var access = AccessRules.standard
    /// Who somebody counts as: for tests, which are one user.
    var identify: @Sendable (PeerCredentials) -> PeerCredentials = { $0 }
    package var limits = WireLimits()
    /// Connections beyond this are answered with an error and closed.
    package var maximumConnections = 10_000
    /// Connections of one user beyond this are answered with an error and closed; 0 for three quarters of
    /// `maximumConnections`, so that nobody can shut everybody else out.
    package var maximumConnectionsPerUser = 0
    /// Users who may do everything, and whom no limit of one user binds: who looks after the daemon must be able to reach it.
    package var unlimitedUsers: Set<UInt32> = [0, geteuid()]
    /// Subscriptions of one user at a time; 0 is any number.
    package var subscriptionsPerUser = 10_000
    /// Subscriptions that one user makes in a second, and at once; 0 is any number.
    package var subscriptionsPerSecondPerUser = 1000
    /// Rolls that one user asks for in a minute, and at once; 0 is any number.
    package var rollsPerMinutePerUser = 20
    /// Bytes of memory that the daemon is to get by with, for `EV.INFO`; 0 where nothing is known of that.
    package var memoryBytes = 0
    /// Bytes of memory that all connections together may hold for their clients, beyond a small share of each.
    package var bufferBytes = 256 << 20
    /// Bytes of that which the connections of one user may hold together, a client that asks for much a little more; 0 for half of
    /// what is not kept in reserve.
    package var bufferBytesPerUser = 0
    /// Threads that serve connections; 0 for one for every two cores, since the writer needs as much as they do, at most four.
    package var eventLoops = 0
    /// Threads that pack the blocks of segments; 0 for one for each processor, at most eight.
    package var sealingThreads = 0
    /// Questions of one user that are worked on at a time, on threads of their own; one more of anybody else's.
    package var readers = 2
    /// Bytes of one reply of EV.READ, about.
    package var replyBytes = 8 << 20
    /// A command that has begun must go on arriving within this many seconds.
    package var commandSeconds = 10
    /// A client that has been sent more than it has taken must go on taking it within this many seconds.
    package var writeSeconds = 30
    /// A question that takes longer than so many seconds is answered BUDGET.
    package var querySeconds = 60
    /// The same for those who have the role `operate`; 0 for no difference.
    package var operatorQuerySeconds = 0
    /// Milliseconds that an event loop may take for a question that it answers itself; one that takes longer goes to a reader.
    package var loopMilliseconds = 2
    /// Seconds of the readers' time that the questions of one user may take in a minute, and at once; 0 for any.
    package var readerSecondsPerMinutePerUser = 0
    /// How long a stop waits for what is in flight, in seconds. Questions are answered within a tenth of it, or not at all.
    package var stopSeconds = 10
    /// Reads the configuration and the reducers anew, for EV.RELOAD, and gives the server the rules of access as they are now.
    /// Called by reader threads; nil where the program that runs the server has no configuration.
    package var reload:
        (@Sendable (EventStore, _ replaceRules: (AccessRules) -> Void) -> Result<ReloadReport, StoreError>)?
    /// Told what an operator should read.
    package var report: @Sendable (String) -> Void = { _ in }
    /// Told who was refused what, and who has done what to the store: a line each.
    package var audit: @Sendable (String) -> Void = { _ in }

    package init(socketPath: String) {
        self.socketPath = socketPath
    }

    var connectionsPerUser: Int {
        maximumConnectionsPerUser > 0 ? maximumConnectionsPerUser : max(maximumConnections * 3 / 4, 1)
    }
}
