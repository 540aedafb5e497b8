// Owns: the promises about the socket itself: where it can be, who may be there already, how many may connect, and how
// serving ends.

import EventModel
import EventStore
import EventWire
import Foundation
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct ListeningTests {
    private func start(_ test: TestServer, at path: String) async throws -> Server {
        try await Server.start(store: test.store, options: ServerOptions(socketPath: path))
    }

    private func refusal(_ test: TestServer, at path: String) async throws -> String {
        do {
            let server = try await start(test, at: path)
            await server.stop()
            return "no error"
        } catch {
            return String(describing: error)
        }
    }

    @Test("A path beyond the limit is refused with both lengths")
    func tooLong() async throws {
        try await TestServer.run { test in
            let path = test.directory.path + "/" + String(repeating: "x", count: 100)
            let refusal = try await refusal(test, at: path)
            #expect(refusal.contains("\(path.utf8.count)") && refusal.contains("103"), "\(refusal)")
            let longest =
                test.directory.path + "/" + String(repeating: "y", count: 102 - test.directory.path.utf8.count)
            let server = try await start(test, at: longest)
            let answer = try RawConnection(longest).ask("PING")
            #expect(answer == .simple("PONG"))
            await server.stop()
        }
    }

    @Test("The socket of a live server is refused, and that server goes on")
    func inUse() async throws {
        try await TestServer.run { test in
            let refusal = try await refusal(test, at: test.path)
            #expect(refusal.contains("in use by a live daemon") && refusal.contains(test.path))
            #expect(try test.connect().ask("PING") == .simple("PONG"))
        }
    }

    @Test("The socket that a dead server left behind is replaced")
    func stale() async throws {
        try await TestServer.run { test in
            let path = test.directory.path + "/stale"
            close(try Self.bound(path, SOCK_STREAM))
            let server = try await start(test, at: path)
            let answer = try RawConnection(path).ask("PING")
            #expect(answer == .simple("PONG"))
            await server.stop()
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test("A server that ends leaves alone what has come to stand in the place of its socket", arguments: 0..<4)
    func replaced(kind: Int) async throws {
        try await TestServer.run { test in
            let path = test.directory.path + "/mine"
            let server = try await start(test, at: path)
            try FileManager.default.removeItem(atPath: path)
            let successor: Server?
            switch kind {
            // Another server, another kind of file, and one that only leads there.
            case 0: successor = try await start(test, at: path)
            case 1:
                try test.directory.write("precious", to: "mine")
                successor = nil
            case 2:
                try #require(mkdir(path, 0o700) == 0)
                successor = nil
            default:
                try #require(symlink(test.path, path) == 0)
                successor = nil
            }
            await server.stop()
            var status = stat()
            #expect(lstat(path, &status) == 0)
            if let successor {
                #expect(try RawConnection(path).ask("PING") == .simple("PONG"))
                await successor.stop()
                #expect(lstat(path, &status) != 0)
            }
        }
    }

    @Test("A successor that begins while its predecessor is finishing keeps its socket")
    func overlapping() async throws {
        try await TestServer.run { test in
            let path = test.directory.path + "/mine"
            for _ in 0..<5 {
                let server = try await start(test, at: path)
                // It has something to finish.
                let waiting = try RawConnection(path)
                try waiting.send([["EV.READ", "AFTER", "$", "BLOCK", "300"]])
                async let stopped: Void = server.stop()
                while FileManager.default.fileExists(atPath: path) { try await Task.sleep(for: .microseconds(100)) }
                let successor = try await start(test, at: path)
                await stopped
                #expect(try RawConnection(path).ask("PING") == .simple("PONG"))
                await successor.stop()
            }
        }
    }

    @Test("A socket is only cleared away where nobody can be there: not with a full backlog, not of another kind")
    func aliveThoughSilent() async throws {
        try await TestServer.run { test in
            for (name, type) in [("full", SOCK_STREAM), ("other", SOCK_SEQPACKET)] {
                let path = test.directory.path + "/" + name
                let listening = try Self.bound(path, type)
                defer { close(listening) }
                try #require(listen(listening, 0) == 0)
                let waiting = type == SOCK_STREAM ? try RawConnection(path) : nil
                let refusal = try await refusal(test, at: path)
                #expect(refusal.contains("in use by a live daemon"), "\(refusal)")
                #expect(FileManager.default.fileExists(atPath: path))
                _ = waiting
            }
        }
    }

    private static func bound(_ path: String, _ type: __socket_type) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(type.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(status == 0)
        return descriptor
    }

    @Test("A file that is no socket is refused and left alone")
    func notASocket() async throws {
        try await TestServer.run { test in
            try test.directory.write("precious", to: "file")
            let path = test.directory.path + "/file"
            let refusal = try await refusal(test, at: path)
            #expect(refusal.contains("not a socket"))
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
        }
    }

    @Test("A folder that is missing is named")
    func missingFolder() async throws {
        try await TestServer.run { test in
            let path = test.directory.path + "/nowhere/socket"
            let refusal = try await refusal(test, at: path)
            #expect(refusal.contains(path))
        }
    }

    @Test("The socket has the permissions that were asked for")
    func mode() async throws {
        try await TestServer.run(server: { $0.socketMode = 0o600 }) { test in
            let mode = try FileManager.default.attributesOfItem(atPath: test.path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test("A connection beyond the limit is answered with an error and closed; when one goes, another may come")
    func maximum() async throws {
        try await TestServer.run(server: { $0.maximumConnections = 2 }) { test in
            do {
                let (first, second) = (try test.connect(), try test.connect())
                #expect(try first.ask("PING") == .simple("PONG"))
                #expect(try second.ask("PING") == .simple("PONG"))
                let third = try test.connect()
                #expect(try third.receive().errorText == "ERR max number of clients reached")
                #expect(third.isClosedByServer())
                #expect(try first.ask("PING") == .simple("PONG"))
            }
            let hasRoom = eventually { (try? test.connect().ask("PING")) == .simple("PONG") }
            #expect(hasRoom)
        }
    }

    @Test("stop answers every append that was taken in, and what is answered is durable")
    func stopAnswers() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            try connection.send(Array(repeating: ["EV.APPEND", "c", "a", "t", "{}"], count: 2000))
            #expect(try connection.receive() == .integer(1))
            async let stopping: Void = test.stop()
            var answered: Int64 = 1
            while case .integer(let id)? = try? connection.receive() {
                #expect(id == answered + 1)
                answered = id
            }
            await stopping
            #expect(test.store.tail >= EventID(UInt64(answered)))
            #expect(test.store.tail == EventID(UInt64(answered)), "what was appended was also answered")
            #expect(throws: (any Error).self) { try test.connect() }
        }
    }

    @Test("stop does not wait for readers that block or subscribers that idle")
    func stopWhileBlocked() async throws {
        // A stop that waited would wait until the time limit of this suite.
        try await TestServer.run(server: { $0.stopSeconds = 600 }) { test in
            let (blocked, subscriber) = (try test.connect(), try test.connect(resp3: true))
            try blocked.send([["EV.READ", "BLOCK", "0"]])
            _ = try subscriber.ask("EV.SUBSCRIBE")
            #expect(eventually { test.store.subscriptionCount == 2 })
            await test.stop()
            #expect(blocked.isClosedByServer() && subscriber.isClosedByServer())
            #expect(test.store.subscriptionCount == 0)
        }
    }

    @Test("A client that reads nothing delays the stop for no longer than the limit")
    func stopWithSilentClient() async throws {
        try await TestServer.run(server: { $0.stopSeconds = 1 }) { test in
            let (silent, writer) = (try test.connect(), try test.connect())
            let data = "{\"p\":\"" + String(repeating: "x", count: 500_000) + "\"}"
            for _ in 0..<10 { _ = try writer.ask("EV.APPEND", "c", "a", "t", data) }
            try silent.send([["EV.READ"], ["EV.READ"]])
            _ = try writer.ask("EV.COUNT")
            await test.stop()
            #expect(throws: (any Error).self) { try test.connect() }
        }
    }
}
