// Owns: the promise that users share an event loop: whoever asks little is answered at once, however many connections another floods.

import Foundation
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct LoopTurnTests {
    /// Sends a flood and lets its answers go, on two threads, until the other end of the connection closes.
    private struct Flooding: @unchecked Sendable {
        let connection: RawConnection

        func start() {
            Thread.detachNewThread {
                let flood = [UInt8]([String](repeating: "*1\r\n$4\r\nPING\r\n", count: 16_000).joined().utf8)
                while (try? connection.send(flood)) != nil {}
            }
            Thread.detachNewThread { while connection.skim() {} }
        }
    }

    @Test("Connections that flood the loop hold another user's up for a few turns of all of them together")
    func flood() async throws {
        try await Peers.run(["everyone: read"], server: { $0.eventLoops = 1 }) { peers in
            let other = try peers.connect(4001)
            for _ in 0..<16 { Flooding(connection: try peers.connect(4000)).start() }
            let traffic = peers.test.server.core.loops[0].traffic
            while traffic.commands < 50_000 { usleep(1000) }
            // What the flood is given between a question and its answer; and while whoever asks waits for a processor, which is not
            // to be judged here.
            var given = (0..<40).map { _ in
                let before = traffic.commands
                #expect(throws: Never.self) { try other.ask("PING") }
                return traffic.commands - before
            }
            given.sort()
            #expect(given[10] < 60_000, "\(given)")
        }
    }
}
