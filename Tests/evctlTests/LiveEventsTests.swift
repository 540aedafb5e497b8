import EventModel
import EventStore
import EventStoreClient
import Synchronization
import Testing

@testable import evctl

@Suite("Live events")
struct LiveEventsTests {
    private struct Enough: Error {}

    @Test("survive a restart of the daemon without gap and without repeat", .timeLimit(.minutes(20)))
    func reconnect() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let daemon = try Daemon(directory)
        try await daemon.start()
        try await daemon.append(1...5)

        let restart = Mutex<Task<Void, any Error>?>(nil)
        var received: [UInt64] = []
        let live = LiveEvents(socketPath: daemon.socket, filter: .all) { _, _ in }
        await #expect(throws: Enough.self) {
            try await live.forEach(after: EventID(2)) { event in
                received.append(event.id.rawValue)
                if event.id == EventID(5) {
                    restart.withLock {
                        $0 = Task {
                            await daemon.stop()
                            try await daemon.start()
                            try await daemon.append(6...9)
                        }
                    }
                }
                if event.id == EventID(9) { throw Enough() }
            }
        }
        try await restart.withLock { $0 }?.value
        #expect(received == [3, 4, 5, 6, 7, 8, 9])
        await daemon.end()
    }

    @Test(
        "end with POSITION where another store answers after a loss, whatever it holds",
        .timeLimit(.minutes(20)),
        arguments: [0, 9]
    )
    func replacedStore(events: Int) async throws {
        let (directory, other) = (try TemporaryDirectory(), try TemporaryDirectory())
        defer {
            directory.remove()
            other.remove()
        }
        let daemon = try Daemon(directory)
        try await daemon.start()
        try await daemon.append(1...5)
        let replacement = try Daemon(other, socket: daemon.socket)
        let swap = Mutex<Task<Void, any Error>?>(nil)
        var received: [UInt64] = []
        let live = LiveEvents(socketPath: daemon.socket, filter: .all) { _, _ in }
        let error = await #expect(throws: ClientError.self) {
            try await live.forEach(after: .zero) { event in
                received.append(event.id.rawValue)
                guard event.id == EventID(5) else { return }
                swap.withLock {
                    $0 = Task {
                        await daemon.stop()
                        try await replacement.start()
                        if events > 0 { try await replacement.append(1...events) }
                    }
                }
            }
        }
        guard case .store(let reason) = error else { throw error ?? .protocolViolation("no error") }
        #expect(reason.code == .position && reason.message.contains("\(daemon.store.uuid)"))
        #expect(received == [1, 2, 3, 4, 5])
        try await swap.withLock { $0 }?.value
        // Its server has been stopped.
        daemon.store.close()
        await replacement.end()
    }

    @Test("begin with an error where no daemon answers")
    func noDaemon() async throws {
        let live = LiveEvents(socketPath: "/tmp/evctl-no-such-socket", filter: .all) { _, _ in }
        await #expect(throws: ClientError.self) { try await live.forEach(after: .zero) { _ in } }
    }
}
