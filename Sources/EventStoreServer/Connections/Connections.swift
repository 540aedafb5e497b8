// Owns: who is connected, and whether one more may be: how many there are in all, how many of each user, and that there
// are none any more once the server stops.

import NIOCore
import Synchronization

/// The open connections. May be used from any thread.
final class Connections: Sendable {
    private struct State {
        var open: [Int64: any Channel] = [:]
        var ofUser: [UInt32: Int] = [:]
        var next: Int64 = 1
        var rejected = 0
        var isStopping = false
    }

    enum Admission {
        case admitted(number: Int64)
        case refused(String)
    }

    private let maximum: Int
    private let maximumPerUser: Int
    private let unlimitedUsers: Set<UInt32>
    /// Kept for those who look after the daemon, who must reach it when all others are there.
    private let kept: Int
    private let state = Mutex(State())

    init(_ options: ServerOptions) {
        maximum = options.maximumConnections
        maximumPerUser = options.connectionsPerUser
        unlimitedUsers = options.unlimitedUsers
        kept = min(8, maximum / 16)
    }

    var count: Int { state.withLock(\.open.count) }
    /// Whether the server is to end, so that nothing more is begun.
    var isStopping: Bool { state.withLock(\.isStopping) }
    /// Since the server was started: how many were taken in, and how many were not.
    var received: Int { state.withLock { Int($0.next - 1) } }
    var rejected: Int { state.withLock(\.rejected) }

    /// Takes a connection in and numbers it, until it closes. The user is nil where the system does not tell.
    func admit(_ channel: any Channel, of user: UInt32?) -> Admission {
        let admission = state.withLock { state -> Admission in
            guard !state.isStopping else { return .refused("the server is stopping") }
            let isUnlimited = user.map(unlimitedUsers.contains) ?? false
            guard state.open.count < (isUnlimited ? maximum : maximum - kept) else {
                return .refused("max number of clients reached")
            }
            if let user {
                let others = state.ofUser[user, default: 0]
                guard others < maximumPerUser || isUnlimited else {
                    return .refused("max number of clients of one user reached: \(maximumPerUser) of user \(user)")
                }
                state.ofUser[user] = others + 1
            }
            defer { state.next += 1 }
            state.open[state.next] = channel
            return .admitted(number: state.next)
        }
        switch admission {
        case .admitted(let number): channel.closeFuture.whenComplete { _ in self.remove(number, of: user) }
        case .refused: state.withLock { $0.rejected += 1 }
        }
        return admission
    }

    private func remove(_ number: Int64, of user: UInt32?) {
        state.withLock { state in
            state.open[number] = nil
            guard let user, let count = state.ofUser[user] else { return }
            state.ofUser[user] = count > 1 ? count - 1 : nil
        }
    }

    /// The open connections; none will be added from now on.
    func stop() -> [any Channel] {
        state.withLock { state in
            state.isStopping = true
            return Array(state.open.values)
        }
    }
}
