// Owns: the promises about what one user may have of subscriptions and rolls, whatever its connections.

import EventWire
import NIOCore
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct UserCapsTests {
    @Test("A user has no more subscriptions than it may, over all its connections; one that ends makes room")
    func subscriptions() async throws {
        try await Peers.run(["everyone: read"], server: { $0.subscriptionsPerUser = 3 }) { peers in
            let (first, other) = (try peers.connect(4000), try peers.connect(4001))
            do {
                let second = try peers.connect(4000)
                #expect(try first.ask("EV.SUBSCRIBE") == .integer(1))
                #expect(try second.ask("EV.SUBSCRIBE") == .integer(1))
                #expect(try second.ask("EV.SUBSCRIBE") == .integer(2))
                let refusal = try first.error("EV.SUBSCRIBE")
                #expect(refusal?.hasPrefix("TOOBIG ") == true)
                #expect(refusal?.contains("limits.subscriptions_per_user is 3") == true)
                #expect(peers.audit.has("EV.SUBSCRIBE refused: the user has 3 subscriptions"))
                #expect(try other.ask("EV.SUBSCRIBE") == .integer(1))
                #expect(try second.ask("EV.UNSUBSCRIBE", "1") == .ok)
                #expect(try first.ask("EV.SUBSCRIBE") == .integer(2))
                #expect(try second.error("EV.SUBSCRIBE") != nil)
                // RESP2 has none.
                _ = try second.ask("HELLO", "2")
                _ = try second.ask("HELLO", "3")
                #expect(try second.ask("EV.SUBSCRIBE") == .integer(3))
            }
            // So does a connection that ends.
            #expect(try eventually { try first.error("EV.SUBSCRIBE") == nil })
        }
    }

    @Test("A subscription that cannot be made is not counted")
    func failures() async throws {
        try await Peers.run(["everyone: read"], server: { $0.subscriptionsPerUser = 1 }) { peers in
            let connection = try peers.connect(4000)
            for _ in 0..<3 {
                #expect(try connection.error("EV.SUBSCRIBE", "AFTER", "9")?.hasPrefix("POSITION") == true)
            }
            #expect(try connection.ask("EV.SUBSCRIBE") != .null)
            #expect(try connection.error("EV.SUBSCRIBE")?.hasPrefix("TOOBIG") == true)
        }
    }

    @Test("Subscriptions that are made too fast, and rolls, are refused with the limit and with when to come again")
    func rates() async throws {
        try await Peers.run(
            ["everyone: read operate"],
            server: {
                $0.subscriptionsPerSecondPerUser = 2
                $0.rollsPerMinutePerUser = 2
            }
        ) { peers in
            let connection = try peers.connect(4000)
            var refusals = 0
            for _ in 0..<20 {
                if let refusal = try connection.error("EV.SUBSCRIBE") {
                    refusals += 1
                    #expect(refusal.contains("limits.subscriptions_per_second_per_user is 2; come again in"))
                }
            }
            #expect(refusals > 10)
            for _ in 0..<2 { #expect(try connection.error("EV.ROLL") == nil) }
            #expect(try connection.error("EV.ROLL")?.contains("limits.rolls_per_minute_per_user is 2") == true)
            #expect(peers.audit.has("EV.ROLL refused: too many rolls of one user"))
            #expect(try peers.connect(4001).error("EV.ROLL") == nil)
            let root = try peers.connect(0)
            for _ in 0..<5 {
                #expect(try root.error("EV.ROLL") == nil)
                #expect(try root.error("EV.SUBSCRIBE") == nil)
            }
        }
    }

    @Test("A bucket of tokens gives as many at once as it takes in, and then one after the other")
    func bucket() {
        var bucket = TokenBucket()
        let start = NIODeadline.uptimeNanoseconds(5_000_000_000)
        func take(_ milliseconds: Int64) -> Int64? {
            bucket.take(4, in: .seconds(1), at: start + .milliseconds(milliseconds))
        }
        for _ in 0..<4 { #expect(take(0) == nil) }
        #expect(take(0) == 250)
        #expect(take(249) == 1)
        #expect(take(250) == nil && take(250) == 250)
        #expect(!bucket.isFull(at: start + .milliseconds(1249)) && bucket.isFull(at: start + .milliseconds(1250)))
        for _ in 0..<4 { #expect(take(60_000) == nil) }
        #expect(take(60_000) == 250)
        for _ in 0..<100 { #expect(bucket.take(0, in: .seconds(1), at: start) == nil) }
    }
}
