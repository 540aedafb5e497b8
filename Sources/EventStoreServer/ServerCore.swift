// Owns: what all connections of a server share.

import EventModel
import EventStore
import EventWire
import NIOCore
import NIOPosix
import SegmentLog
import Synchronization

final class ServerCore: Sendable {
    static let version = "0.1.0"

    let store: EventStore
    let options: ServerOptions
    let readers: NIOThreadPool
    private let contexts: [ObjectIdentifier: LoopContext]
    private let started = NIODeadline.now()
    private let connections = Mutex(Connections())

    private struct Connections {
        var open: [Int64: any Channel] = [:]
        var next: Int64 = 1
        var isStopping = false
    }

    init(store: EventStore, options: ServerOptions, group: MultiThreadedEventLoopGroup) {
        self.store = store
        self.options = options
        contexts = Dictionary(
            uniqueKeysWithValues: group.makeIterator().map { loop in
                (ObjectIdentifier(loop), LoopContext(loop, store: store))
            }
        )
        readers = NIOThreadPool(numberOfThreads: max(options.readers, 1))
        readers.start()
    }

    func context(of eventLoop: any EventLoop) -> LoopContext {
        guard let context = contexts[ObjectIdentifier(eventLoop)] else {
            preconditionFailure("a connection belongs to a loop of the server's group")
        }
        return context
    }

    /// Takes a connection in and numbers it; nil where there are too many, or the server is stopping.
    func register(_ channel: any Channel) -> Int64? {
        let number = connections.withLock { connections -> Int64? in
            guard !connections.isStopping, connections.open.count < options.maximumConnections else { return nil }
            defer { connections.next += 1 }
            connections.open[connections.next] = channel
            return connections.next
        }
        guard let number else { return nil }
        channel.closeFuture.whenComplete { _ in
            self.connections.withLock { $0.open[number] = nil }
        }
        return number
    }

    /// The open connections; none will be added from now on.
    func stopRegistering() -> [any Channel] {
        connections.withLock { connections in
            connections.isStopping = true
            return Array(connections.open.values)
        }
    }

    /// The answer of EV.INFO, in the form of Redis' INFO.
    var info: String {
        let info = store.info
        let lag = info.projections.map(\.lag).max() ?? 0
        let damaged = info.damage.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
        let log = info.log
        let sections: [(String, [(String, String)])] = [
            (
                "Server",
                [
                    ("redis_version", "7.0.0"), ("version", Self.version), ("store_uuid", info.storeUUID),
                    ("uptime_seconds", "\((NIODeadline.now() - started).nanoseconds / 1_000_000_000)"),
                ]
            ),
            (
                "Store",
                [
                    ("state", info.state.rawValue), ("loading", "0"), ("first_id", "\(info.firstID)"),
                    ("last_id", "\(info.lastID)"), ("damaged", damaged),
                    ("appends", info.state == .failed ? "failed" : info.isFull ? "nospace" : "ok"),
                ]
            ),
            (
                "Log",
                [
                    ("segments_sealed", "\(log.sealedSegments)"), ("segments_raw", "\(log.rawSegments)"),
                    ("log_bytes", "\(log.sealedBytes)"), ("record_bytes", "\(log.recordBytes)"),
                    ("seal_backlog_bytes", "\(log.backlogBytes)"),
                ]
            ),
            (
                "Disk",
                [
                    ("disk_free_bytes", "\(info.freeBytes)"), ("disk_keep_free_bytes", "\(info.keepFreeBytes)"),
                    ("disk_reserve_bytes", "\(info.reserveBytes)"), ("scrub_passes", "\(info.scrub.passes)"),
                    ("scrub_bytes", "\(info.scrub.bytes)"), ("scrub_problems", "\(info.scrub.problems)"),
                    ("scrub_last_pass", info.scrub.lastPass?.description ?? ""),
                ]
            ),
            (
                "Readers",
                [
                    ("connections", "\(connections.withLock(\.open.count))"),
                    ("subscriptions", "\(info.subscriptions)"), ("projections", "\(info.projections.count)"),
                    ("projection_lag", "\(lag)"),
                ]
            ),
            (
                "Limits",
                [
                    ("limit_event_bytes", "\(store.options.limits.eventBytes)"),
                    ("limit_command_bytes", "\(options.limits.commandBytes)"),
                    ("limit_arguments", "\(options.limits.arguments)"),
                    ("limit_connections", "\(options.maximumConnections)"),
                ]
            ),
        ]
        return sections.map { name, entries in
            "# \(name)\r\n" + entries.map { "\($0):\($1)\r\n" }.joined()
        }.joined(separator: "\r\n")
    }
}
