// Owns: the promises about the second socket: whoever comes by it reads, and does nothing else.

import EventWire
import Foundation
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct ReadOnlySocketTests {
    private func run(_ rules: [String], _ body: (Peers, _ path: String) async throws -> Void) async throws {
        try await Peers.run(rules, server: { $0.readOnlySocketPath = $0.socketPath + "-read-only" }) { peers in
            try await body(peers, peers.test.path + "-read-only")
        }
    }

    @Test("By the read-only socket everybody reads what its rule allows, and root does no more", arguments: [0, 4001])
    func reading(user: UInt32) async throws {
        try await run(["everyone: read append reduce operate admin"]) { peers, path in
            let (open, reading) = (try peers.connect(user), try peers.connect(user, at: path))
            let append = ["EV.APPEND", "c", "a", "t", "{}"]
            #expect(try open.ask(append) == .integer(1))
            #expect(try reading.ask("EV.COUNT") == .integer(1))
            #expect(try reading.ask("EV.SUBSCRIBE") == .integer(1))
            try reading.send([append, append])
            for answer in try reading.receive(2) {
                #expect(isRefused(answer, "EV.APPEND needs the role append, and this socket is read-only"))
            }
            for (command, role) in [("EV.COMPACT", "operate"), ("EV.ROLL", "operate"), ("EV.RELOAD", "admin")] {
                #expect(isRefused(try reading.ask(command), "role \(role), and this socket is read-only"))
            }
            let lua = try reading.ask("EV.FOLD", "LUA", "return { reduce = function(s) return s end }")
            #expect(isRefused(lua, "role reduce, and this socket is read-only"))
            #expect(try open.ask("EV.COUNT") == .integer(1))
            #expect(peers.audit.has("EV.COMPACT refused: needs operate, and came by the socket that is read-only"))
        }
    }

    @Test("It gives nobody what its rule does not: no reading, and no other categories")
    func noMore() async throws {
        try await run(["everyone: append", "user 4001: read(order)"]) { peers, path in
            let other = try peers.connect(4000, at: path).ask("EV.COUNT")
            #expect(isRefused(other, "needs the role read, which user 4000 does not have"))
            let limited = try peers.connect(4001, at: path)
            #expect(try limited.ask("EV.COUNT", "CATEGORY", "order") == .integer(0))
            #expect(isRefused(try limited.ask("EV.COUNT", "CATEGORY", "payment"), "'payment'"))
        }
    }

    @Test("It has a mode of its own, counts the same connections, and goes with the server")
    func socket() async throws {
        try await Peers.run(
            ["everyone: read"],
            server: {
                $0.readOnlySocketPath = $0.socketPath + "-read-only"
                $0.readOnlySocketMode = 0o666
                $0.maximumConnections = 2
            }
        ) { peers in
            let path = peers.test.path + "-read-only"
            var status = stat()
            #expect(lstat(path, &status) == 0 && status.st_mode & 0o777 == 0o666)
            #expect(lstat(peers.test.path, &status) == 0 && status.st_mode & 0o777 == 0o660)
            // Whoever has looked whether it is there may not be gone yet, or not even have been noticed.
            var connections: [RawConnection] = []
            while connections.count < 2 {
                connections.removeAll()
                try await Task.sleep(for: .milliseconds(5))
                for socket in [peers.test.path, path] {
                    if let connection = try? peers.connect(4000, at: socket) { connections.append(connection) }
                }
            }
            #expect(try RawConnection(path).receive().errorText?.contains("max number of clients") == true)
            withExtendedLifetime(connections) {}
            await peers.test.stop()
            #expect(lstat(path, &status) != 0)
        }
    }

    @Test("Where the second socket cannot be made, the first is given up, too")
    func notMade() async throws {
        try await TestServer.run { test in
            var options = ServerOptions(socketPath: test.directory.path + "/first")
            options.readOnlySocketPath = test.path
            do {
                let server = try await Server.start(store: test.store, options: options)
                await server.stop()
                Issue.record("two servers at one socket")
            } catch let error as Server.StartError {
                #expect(error.isInUse && error.description.contains(test.path))
            }
            #expect(!FileManager.default.fileExists(atPath: options.socketPath))
            #expect(try test.connect().ask("PING") == .simple("PONG"))
        }
    }
}
