// Owns: the promises about many connections of one user.

import EventWire
import Foundation
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct UserTests {
    @Test("A user with too many connections is told so and refused the next; when one goes, another may come")
    func perUser() async throws {
        try await TestServer.run(server: { options in
            options.maximumConnectionsPerUser = 2
            options.unlimitedUsers = []
        }) { test in
            do {
                let (first, second) = (try test.connect(), try test.connect())
                #expect(try first.ask("PING") == .simple("PONG"))
                #expect(try second.ask("PING") == .simple("PONG"))
                let third = try test.connect()
                #expect(try third.receive().errorText?.contains("of one user reached: 2 of user \(geteuid())") == true)
                #expect(third.isClosedByServer())
                #expect(try first.ask("PING") == .simple("PONG"))
            }
            #expect(eventually { (try? test.connect().ask("PING")) == .simple("PONG") })
        }
    }

    @Test("Who looks after the daemon is not bound by that")
    func unlimited() async throws {
        try await TestServer.run(server: { $0.maximumConnectionsPerUser = 1 }) { test in
            let connections = try (0..<5).map { _ in try test.connect() }
            for connection in connections { #expect(try connection.ask("PING") == .simple("PONG")) }
        }
    }

    @Test("One user may have three quarters of all connections where nothing is said")
    func standard() {
        var options = ServerOptions(socketPath: "")
        options.maximumConnections = 1000
        #expect(options.connectionsPerUser == 750)
        options.maximumConnectionsPerUser = 10
        #expect(options.connectionsPerUser == 10)
    }
}
