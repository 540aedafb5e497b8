// Owns: the promises about the time before the store is open: who connects is answered, and need not connect again.

import EventModel
import EventStore
import EventWire
import Foundation
import SegmentLog
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct LoadingTests {
    /// A server that listens, and a store for it.
    private func listening(_ body: (Server, String, EventStore) async throws -> Void) async throws {
        let directory = TemporaryDirectory()
        var options = StoreOptions(directory: directory.path + "/data")
        options.log.segmentBytes = 1 << 20
        options.log.spareFiles = 0
        let path = directory.path + "/socket"
        let server = try await Server.listen(ServerOptions(socketPath: path))
        let store = try EventStore.open(options)
        do {
            try await body(server, path, store)
        } catch {
            await server.stop()
            store.close()
            throw error
        }
        await server.stop()
        store.close()
    }

    private static let needTheStore = [
        "EV.APPEND c a t {}", "EV.GET 1", "EV.READ", "EV.READ BLOCK 0", "EV.COUNT", "EV.STATE a REDUCER r",
        "EV.FOLD REDUCER r", "EV.PROJECTIONS", "EV.PROJECTION p", "EV.REBUILD p", "EV.SUBSCRIBE", "EV.ROLL",
        "EV.SNAPSHOT", "EV.COMPACT", "EV.VERIFY",
    ]

    @Test("Whatever needs the store is answered LOADING with the percentage, and works on the same connection later")
    func loading() async throws {
        try await listening { server, path, store in
            let connection = try RawConnection(path)
            _ = try connection.ask("HELLO", "3")
            server.recovering(0.414)
            for command in Self.needTheStore {
                let answer = try connection.ask(command.split(separator: " ").map(String.init)).errorText ?? "no error"
                #expect(answer.hasPrefix("LOADING 41 % "), "\(command): \(answer)")
            }
            server.recovering(0.999)
            #expect(try connection.ask("EV.COUNT").errorText?.hasPrefix("LOADING 99 % ") == true)
            server.serve(store)
            #expect(try connection.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(1))
            #expect(try connection.ask("EV.SUBSCRIBE", "FROM", "1") == .integer(1))
            #expect(try connection.receive().elements?[2].event?.id == EventID(1))
        }
    }

    @Test("What is about the connection is answered as ever, and INFO says how far recovery is")
    func connection() async throws {
        try await listening { server, path, store in
            let connection = try RawConnection(path)
            server.recovering(0.5)
            #expect(try connection.ask("HELLO")[field: "loading"] == .integer(50))
            #expect(try connection.ask("PING") == .simple("PONG"))
            #expect(try connection.ask("ECHO", "x").text == "x")
            #expect(try connection.ask("SELECT", "0") == .ok)
            #expect(try connection.ask("CLIENT", "SETNAME", "x") == .ok)
            #expect(try connection.ask("COMMAND", "COUNT").unsigned ?? 0 > 20)
            for command in ["INFO", "EV.INFO"] {
                let info = try connection.ask(command).text ?? ""
                for line in ["state:loading", "loading:1", "loading_loaded_perc:50", "connections:1"] {
                    #expect(info.contains("\r\n\(line)\r\n"), "\(info)")
                }
            }
            #expect(try connection.ask("RESET") == .simple("RESET"))
            server.serve(store)
            #expect(try connection.ask("HELLO")[field: "loading"] == nil)
            #expect(try connection.ask("INFO").text?.contains("\r\nloading:0\r\n") == true)
            #expect(try connection.ask("QUIT") == .ok)
        }
    }

    @Test("A transaction that lost an append to LOADING is refused whole, though the store is open by EXEC")
    func transaction() async throws {
        try await listening { server, path, store in
            let connection = try RawConnection(path)
            #expect(try connection.ask("MULTI") == .ok)
            #expect(try connection.ask("EV.APPEND", "c", "a", "t", "{}").errorText?.hasPrefix("LOADING ") == true)
            server.serve(store)
            #expect(try connection.ask("EV.APPEND", "c", "a", "t", "{}") == .queued)
            #expect(try connection.ask("EXEC").errorText?.contains("EXECABORT") == true)
            #expect(try connection.ask("EV.COUNT") == .integer(0))
        }
    }

    @Test("A server can be stopped before there is a store")
    func stop() async throws {
        let directory = TemporaryDirectory()
        let server = try await Server.listen(ServerOptions(socketPath: directory.path + "/socket"))
        let connection = try RawConnection(directory.path + "/socket")
        #expect(try connection.ask("PING") == .simple("PONG"))
        await server.stop()
        #expect(connection.isClosedByServer())
    }
}
