// Owns: a real server of a test's own: store, socket and all, in a temporary directory.

import EventModel
import EventStore
import EventWire
import Foundation
import SegmentLog
import Synchronization
import Testing

@testable import EventStoreServer

final class TestServer: Sendable {
    let directory: TemporaryDirectory
    let store: EventStore
    let server: Server
    let path: String
    private let isStopped = Atomic(false)

    private init(_ directory: TemporaryDirectory, _ store: EventStore, _ server: Server, _ path: String) {
        self.directory = directory
        self.store = store
        self.server = server
        self.path = path
    }

    /// Runs `body` with a server whose reducers are these, all of them live.
    static func run(
        reducers: [String: String] = [:],
        store configureStore: (inout StoreOptions) -> Void = { _ in },
        server configureServer: (inout ServerOptions) -> Void = { _ in },
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let directory = TemporaryDirectory()
        var options = StoreOptions(directory: directory.path + "/data")
        options.log.segmentBytes = 1 << 20
        options.log.spareFiles = 1
        for (name, text) in reducers { try directory.write(text, to: "reducers/\(name).lua") }
        if !reducers.isEmpty { options.reducersDirectory = directory.path + "/reducers" }
        options.projections = reducers.keys.sorted()
        configureStore(&options)
        var serverOptions = ServerOptions(socketPath: directory.path + "/socket")
        serverOptions.eventLoops = 1
        serverOptions.stopSeconds = 5
        configureServer(&serverOptions)
        let store = try EventStore.open(options)
        let server = try await Server.start(store: store, options: serverOptions)
        let test = TestServer(directory, store, server, serverOptions.socketPath)
        do {
            try await body(test)
        } catch {
            await test.stop()
            throw error
        }
        await test.stop()
    }

    /// Stops the server, and closes the store; once.
    func stop() async {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        await server.stop()
        store.close()
    }

    func connect(resp3: Bool = false) throws -> RawConnection {
        let connection = try RawConnection(path)
        if resp3 { _ = try connection.ask("HELLO", "3") }
        return connection
    }

    /// A value of EV.INFO.
    func info(_ key: String) throws -> String? {
        let text = try connect().ask("EV.INFO").text ?? ""
        return text.split(separator: "\r\n").first { $0.hasPrefix(key + ":") }.map {
            String($0.dropFirst(key.count + 1))
        }
    }
}

/// Asks until the answer is yes; false after two minutes. For what other threads do in their own time.
func eventually(_ isSo: () throws -> Bool) rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(120)
    while ContinuousClock.now < deadline {
        if try isSo() { return true }
        usleep(2000)
    }
    return try isSo()
}
