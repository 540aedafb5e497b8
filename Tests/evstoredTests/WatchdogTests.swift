// Owns: the promises about what the service manager hears: that the daemon lives, only while it does, and how far
// recovery is.

import EventStore
import EventStoreServer
import Foundation
import SegmentLog
import Testing

@testable import evstored

@Suite(.timeLimit(.minutes(20))) struct WatchdogTests {
    private let directory = TemporaryDirectory()

    /// A watchdog that is to be fed every 40 ms, on a server and a store; `body` counts the times it was.
    private func watched(_ body: (Server, EventStore, NotifySocket) async throws -> Void) async throws {
        var options = StoreOptions(directory: directory.path + "/data")
        options.log.segmentBytes = 1 << 20
        options.log.spareFiles = 0
        let store = try EventStore.open(options)
        let server = try await Server.start(
            store: store,
            options: ServerOptions(socketPath: directory.path + "/socket")
        )
        let socket = try NotifySocket(directory.path + "/notify")
        let manager = ServiceManager(environment: ["NOTIFY_SOCKET": socket.path, "WATCHDOG_USEC": "40000"])
        let feeding = Task { await Watchdog(manager).feed(server, store) }
        try await body(server, store, socket)
        feeding.cancel()
        await feeding.value
        await server.stop()
        store.close()
    }

    @Test("The watchdog is fed again and again")
    func fed() async throws {
        try await watched { _, _, socket in
            for _ in 0..<5 { #expect(await socket.next() == "WATCHDOG=1") }
        }
    }

    @Test("A writer that hangs stops it; when the writer goes on, so does the feeding")
    func writer() async throws {
        try await watched { _, store, socket in
            #expect(await socket.next() == "WATCHDOG=1")
            let (hangs, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            store.roll { _ in
                hangs.signal()
                release.wait()
            }
            await Task.detached { Self.wait(hangs) }.value
            // What was answered before may still be told.
            _ = await socket.drain(milliseconds: 100)
            #expect(await socket.drain(milliseconds: 300) == [])
            release.signal()
            #expect(await socket.next() == "WATCHDOG=1")
        }
    }

    private static func wait(_ semaphore: DispatchSemaphore) { semaphore.wait() }

    @Test("Progress of recovery is told with a plea for patience, at most once a second")
    func recovery() async throws {
        let socket = try NotifySocket(directory.path + "/notify")
        let notes = RecoveryNotes(ServiceManager(environment: ["NOTIFY_SOCKET": socket.path]))
        for percent in 41...60 { notes.progress(Double(percent) / 100) }
        #expect(await socket.next() == "STATUS=recovering, 41 %\nEXTEND_TIMEOUT_USEC=300000000")
        #expect(await socket.drain(milliseconds: 50).count <= 1)
    }
}

/// The service manager's end of the conversation.
final class NotifySocket: Sendable {
    let path: String
    private let descriptor: Int32

    init(_ path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(status == 0)
    }

    deinit { close(descriptor) }

    /// What has been told; nil where nothing has.
    func poll() -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// Waits for what is told next.
    func next() async -> String {
        while true {
            if let state = poll() { return state }
            try? await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Everything that is told within a time.
    func drain(milliseconds: Int) async -> [String] {
        try? await Task.sleep(for: .milliseconds(milliseconds))
        var states: [String] = []
        while let state = poll() { states.append(state) }
        return states
    }
}
