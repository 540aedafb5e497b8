// Owns: how much has come and gone: what each event loop counts, and how fast it has lately been, in Redis' terms.

import NIOCore
import Synchronization

/// What one event loop counts. Its loop alone writes, so that counting needs no locked instruction; anybody may read.
final class LoopTraffic: Sendable {
    private let commandCount = Atomic(0)
    private let bytesInCount = Atomic(0)
    private let bytesOutCount = Atomic(0)
    private let blockedCount = Atomic(0)

    var commands: Int { commandCount.load(ordering: .relaxed) }
    var bytesIn: Int { bytesInCount.load(ordering: .relaxed) }
    var bytesOut: Int { bytesOutCount.load(ordering: .relaxed) }
    /// Connections that wait in a read that blocks.
    var blocked: Int { blockedCount.load(ordering: .relaxed) }

    func add(commands count: Int) { Self.add(count, to: commandCount) }
    func add(bytesIn count: Int) { Self.add(count, to: bytesInCount) }
    func add(bytesOut count: Int) { Self.add(count, to: bytesOutCount) }
    func add(blocked count: Int) { Self.add(count, to: blockedCount) }

    private static func add(_ count: Int, to total: borrowing Atomic<Int>) {
        total.store(total.load(ordering: .relaxed) + count, ordering: .relaxed)
    }
}

/// What all loops have counted by a moment.
struct Traffic: Sendable {
    var commands = 0
    var bytesIn = 0
    var bytesOut = 0
    var blocked = 0

    init(_ loops: some Sequence<LoopTraffic>) {
        for loop in loops {
            commands += loop.commands
            bytesIn += loop.bytesIn
            bytesOut += loop.bytesOut
            blocked += loop.blocked
        }
    }
}

/// The speed between the last two looks, which are taken once a second. May be used from any thread.
final class TrafficRate: Sendable {
    struct Speed {
        var commands = 0.0
        var bytesIn = 0.0
        var bytesOut = 0.0
    }

    private struct State {
        var last: (traffic: Traffic, at: NIODeadline)?
        var speed = Speed()
    }

    private let state = Mutex(State())

    /// Each of them for a second.
    var speed: Speed { state.withLock(\.speed) }

    func look(_ traffic: Traffic, at now: NIODeadline) {
        state.withLock { state in
            if let last = state.last, now > last.at {
                let seconds = Double((now - last.at).nanoseconds) / 1e9
                state.speed = Speed(
                    commands: Double(traffic.commands - last.traffic.commands) / seconds,
                    bytesIn: Double(traffic.bytesIn - last.traffic.bytesIn) / seconds,
                    bytesOut: Double(traffic.bytesOut - last.traffic.bytesOut) / seconds
                )
            }
            state.last = (traffic, now)
        }
    }
}
