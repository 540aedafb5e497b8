// Owns: the promises of slowed appends to those who append: whoever appends much waits, and neither another user nor anything else does.

import EventModel
import EventStore
import EventWire
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct SlowedAppendTests {
    private static let slow = "return { reduce = function(s, e) for i = 1, 2000000 do end return s end }"

    @Test("Whoever has had its share waits to append; its questions and other users do not, nor does a stop")
    func slowed() async throws {
        try await Peers.run(
            ["everyone: read append"],
            reducers: ["slow": Self.slow],
            store: { $0.backlog.hardEvents = 1 }
        ) { peers in
            let (greedy, other) = (try peers.connect(4000), try peers.connect(4001))
            let append = ["EV.APPEND", "c", "a", "t", "{}"]
            #expect(try greedy.ask(append) == .integer(1))
            #expect(try greedy.ask("EV.PROJECTION", "slow").errorText == nil)
            try greedy.send([[String]](repeating: append, count: 2000))
            for _ in 0..<2000 { _ = try greedy.receive() }
            #expect(try eventually { try peers.test.info("appends_slowed_by") == "projection slow" })
            // More than its share of many seconds.
            peers.test.store.pace.note(of: 4000, bytes: 1, events: 1 << 30)
            try greedy.send([append, ["PING"]])
            #expect(try peers.connect(4000).ask("EV.GET", "1").event?.id.rawValue == 1)
            for _ in 0..<20 { #expect(try other.ask(append).errorText == nil) }
            #expect(try peers.test.info("last_id") == "2021")
            await peers.test.stop()
            #expect(peers.test.server.core.cuts.count == 0)
        }
    }
}
