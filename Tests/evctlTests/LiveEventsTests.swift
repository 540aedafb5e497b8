import EventModel
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

    @Test("begin with an error where no daemon answers")
    func noDaemon() async throws {
        let live = LiveEvents(socketPath: "/tmp/evctl-no-such-socket", filter: .all) { _, _ in }
        await #expect(throws: ClientError.self) { try await live.forEach(after: .zero) { _ in } }
    }
}
