// Owns: who is at the other end of a Unix socket, as the kernel and the user database tell it.

import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// As it was when it was connected: Linux' `struct ucred`, the supplementary groups, and the user's name.
struct PeerCredentials: Sendable {
    let process: Int32
    let user: UInt32
    let group: UInt32
    /// The supplementary groups, in the kernel's order; nil while they are not known.
    var groups: [UInt32]?
    /// Nil where the user database has none.
    var name: String?

    /// Whether the peer is of a group, its own or a supplementary one.
    func isOf(group: UInt32) -> Bool { self.group == group || groups?.contains(group) == true }

    /// For a person.
    static func name(_ peer: PeerCredentials?) -> String {
        peer.map { "\(userName($0)), process \($0.process)" } ?? userName(nil)
    }

    static func userName(_ peer: PeerCredentials?) -> String {
        guard let peer else { return "an unknown user" }
        return "user \(peer.user)" + (peer.name.map { " (\($0))" } ?? "")
    }
}

extension PeerCredentials {
    /// Of a connected socket; nil where the system does not tell.
    init?(of descriptor: Int32) {
        var credentials: (process: Int32, user: UInt32, group: UInt32) = (0, 0, 0)
        var length = socklen_t(MemoryLayout.size(ofValue: credentials))
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 else { return nil }
        (process, user, group) = credentials
        groups = Self.groups(of: descriptor)
    }

    /// Nil where the kernel does not tell.
    private static func groups(of descriptor: Int32) -> [UInt32]? {
        var groups = [UInt32](repeating: 0, count: 32)
        while true {
            let room = groups.count * MemoryLayout<UInt32>.size
            var length = socklen_t(room)
            let status = getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, &groups, &length)
            let count = Int(length) / MemoryLayout<UInt32>.size
            if status == 0 { return Array(groups.prefix(count)) }
            // Where there is too little room, it says how much there has to be.
            guard errno == ERANGE, count > groups.count else { return nil }
            groups = [UInt32](repeating: 0, count: count)
        }
    }
}

/// The system's database of users. It may be a service of the network, which answers when it likes: so it is asked on a thread of
/// its own, and a user's name is remembered. May be used from any thread.
final class UserDatabase: Sendable {
    /// When there are more, all are forgotten: whoever can make namespaces has many users.
    private static let maximumNames = 1024

    private let names = Mutex<[UInt32: String?]>([:])
    private let thread = NIOThreadPool(numberOfThreads: 1)

    init() { thread.start() }

    func close() async { try? await thread.shutdownGracefully() }

    /// The peer with its name, and with its groups where the kernel did not tell them.
    func complete(_ peer: PeerCredentials, on eventLoop: any EventLoop) -> EventLoopFuture<PeerCredentials> {
        if peer.groups != nil, let name = names.withLock({ $0[peer.user] }) {
            var peer = peer
            peer.name = name
            return eventLoop.makeSucceededFuture(peer)
        }
        return thread.runIfActive(eventLoop: eventLoop) {
            var peer = peer
            peer.name = Self.name(of: peer.user)
            peer.groups = peer.groups ?? peer.name.map { Self.groups(of: $0, beside: peer.group) } ?? []
            self.names.withLock { names in
                if names.count >= Self.maximumNames { names.removeAll() }
                names[peer.user] = .some(peer.name)
            }
            return peer
        }
    }

    static func name(of user: UInt32) -> String? {
        withEntry(passwd()) {
            getpwuid_r(user, $0, $1, $2, $3)
        } as: {
            String(cString: $0.pw_name)
        }
    }

    static func user(named name: String) -> UInt32? {
        withEntry(passwd()) {
            getpwnam_r(name, $0, $1, $2, $3)
        } as: {
            $0.pw_uid
        }
    }

    static func group(named name: String) -> UInt32? {
        withEntry(Glibc.group()) {
            getgrnam_r(name, $0, $1, $2, $3)
        } as: {
            $0.gr_gid
        }
    }

    private static func groups(of name: String, beside group: UInt32) -> [UInt32] {
        var count: Int32 = 64
        while true {
            var groups = [UInt32](repeating: 0, count: Int(count))
            let room = count
            if getgrouplist(name, group, &groups, &count) >= 0 { return Array(groups.prefix(Int(count))) }
            guard count > room else { return [] }
        }
    }

    /// What one of the functions that end with `_r` finds; nil where there is no such entry. Its strings live as long as `read`
    /// takes.
    private static func withEntry<Entry, Value>(
        _ blank: Entry,
        _ find: (
            UnsafeMutablePointer<Entry>, UnsafeMutablePointer<CChar>, Int,
            UnsafeMutablePointer<UnsafeMutablePointer<Entry>?>
        ) -> Int32,
        as read: (Entry) -> Value
    ) -> Value? {
        var entry = blank
        // A group is as long as all its members' names.
        var size = 4 << 10
        while size <= 16 << 20 {
            var found: UnsafeMutablePointer<Entry>?
            var status: Int32 = 0
            let value = withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { strings -> Value? in
                guard let start = strings.baseAddress else { return nil }
                status = find(&entry, start, size, &found)
                return status == 0 && found != nil ? read(entry) : nil
            }
            guard status == ERANGE else { return value }
            size *= 2
        }
        return nil
    }
}
