// Owns: the promise that users share an event loop: whoever asks little is answered at once, however many connections another floods.

import Foundation
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct LoopTurnTests {
    /// Sends a flood and reads its answers, until the other end of the connection closes.
    private struct Flooding: @unchecked Sendable {
        let connection: RawConnection

        func start() {
            Thread.detachNewThread {
                let flood = [[String]](repeating: ["PING"], count: 4000)
                while (try? connection.send(flood)) != nil {
                    for _ in flood where (try? connection.receive()) == nil { return }
                }
            }
        }
    }

    @Test("Connections that flood the loop hold another user's up for a few turns of all of them together")
    func flood() async throws {
        try await Peers.run(["everyone: read"], server: { $0.eventLoops = 1 }) { peers in
            let other = try peers.connect(4001)
            for _ in 0..<16 { Flooding(connection: try peers.connect(4000)).start() }
            let traffic = peers.test.server.core.loops[0].traffic
            while traffic.commands < 50_000 { usleep(1000) }
            // What the flood is given between a question and its answer, which the machine's speed has no part in.
            var given = (0..<40).map { _ in
                let before = traffic.commands
                #expect(throws: Never.self) { try other.ask("PING") }
                return traffic.commands - before
            }
            given.sort()
            #expect(given[20] < 8000, "\(given)")
        }
    }
}
