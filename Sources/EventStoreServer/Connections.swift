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
        var isStopping = false
    }

    enum Admission {
        case admitted(number: Int64)
        case refused(String)
    }

    private let maximum: Int
    private let maximumPerUser: Int
    private let unlimitedUsers: Set<UInt32>
    private let state = Mutex(State())

    init(_ options: ServerOptions) {
        maximum = options.maximumConnections
        maximumPerUser = options.connectionsPerUser
        unlimitedUsers = options.unlimitedUsers
    }

    var count: Int { state.withLock(\.open.count) }

    /// Takes a connection in and numbers it, until it closes. The user is nil where the system does not tell.
    func admit(_ channel: any Channel, of user: UInt32?) -> Admission {
        let admission = state.withLock { state -> Admission in
            guard !state.isStopping else { return .refused("the server is stopping") }
            guard state.open.count < maximum else { return .refused("max number of clients reached") }
            if let user {
                let others = state.ofUser[user, default: 0]
                guard others < maximumPerUser || unlimitedUsers.contains(user) else {
                    return .refused("max number of clients of one user reached: \(maximumPerUser) of user \(user)")
                }
                state.ofUser[user] = others + 1
            }
            defer { state.next += 1 }
            state.open[state.next] = channel
            return .admitted(number: state.next)
        }
        if case .admitted(let number) = admission {
            channel.closeFuture.whenComplete { _ in self.remove(number, of: user) }
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

/// Who is at the other end of a Unix socket, as it was when it was connected: Linux' `struct ucred`.
struct PeerCredentials: Sendable {
    let process: Int32
    let user: UInt32
    let group: UInt32
}
