// Owns: what INFO says beside EV.INFO: Redis' sections, by Redis' names. What has no equal here is left out, not made up.

import EventModel
import EventStore
import Glibc
import NIOCore

extension ServerCore {
    /// The sections that are asked for, by their names in lower case; `all`, `everything`, `default`, or none of them ask for
    /// all. As in Redis, a name that is none is passed over.
    func redisInfo(_ wanted: [String], store: EventStore?) -> String {
        let own = store == nil ? loadingInfoSections : infoSections
        var sections = redisSections(store)
        for section in own {
            // Both have a Server.
            if let known = sections.firstIndex(where: { $0.name == section.name }) {
                sections[known].entries += section.entries.filter { $0.0 != "redis_version" }
            } else {
                sections.append(section)
            }
        }
        let isWanted = { (name: String) in
            wanted.isEmpty || wanted.contains(name.lowercased())
                || wanted.contains { ["all", "everything", "default"].contains($0) }
        }
        return Self.text(sections.filter { isWanted($0.name) })
    }

    private func redisSections(_ store: EventStore?) -> [InfoSection] {
        let (figures, traffic, info) = (ProcessFigures(), traffic, store?.info)
        return [
            ("Server", serverEntries(figures)),
            (
                "Clients",
                [
                    ("connected_clients", "\(connections.count)"), ("maxclients", "\(options.maximumConnections)"),
                    ("blocked_clients", "\(traffic.blocked)"), ("pubsub_clients", "\(info?.subscriptions ?? 0)"),
                ]
            ),
            ("Memory", memoryEntries(figures)),
            ("Persistence", persistenceEntries(info)),
            ("Stats", statsEntries(traffic)),
            ("Replication", [("role", "master"), ("connected_slaves", "0"), ("master_failover_state", "no-failover")]),
            (
                "CPU",
                [
                    ("used_cpu_sys", "\(figures.systemSeconds)"), ("used_cpu_user", "\(figures.userSeconds)"),
                ]
            ),
            ("Cluster", [("cluster_enabled", "0")]),
            ("Keyspace", keyspaceEntries(info)),
        ]
    }

    private func serverEntries(_ figures: ProcessFigures) -> [(String, String)] {
        let seconds = (NIODeadline.now() - started).nanoseconds / 1_000_000_000
        return [
            ("redis_version", Self.redisVersion), ("redis_mode", "standalone"), ("os", figures.system),
            ("arch_bits", "\(Int.bitWidth)"), ("multiplexing_api", "epoll"), ("process_id", "\(getpid())"),
            ("run_id", runID), ("tcp_port", "0"), ("uptime_in_seconds", "\(seconds)"),
            ("uptime_in_days", "\(seconds / 86_400)"),
        ]
    }

    private func memoryEntries(_ figures: ProcessFigures) -> [(String, String)] {
        let ratio = Double(figures.residentBytes) / Double(max(figures.usedBytes, 1))
        return [
            ("used_memory", "\(figures.usedBytes)"), ("used_memory_human", Self.human(figures.usedBytes)),
            ("used_memory_rss", "\(figures.residentBytes)"),
            ("used_memory_rss_human", Self.human(figures.residentBytes)),
            ("total_system_memory", "\(figures.machineBytes)"),
            ("total_system_memory_human", Self.human(figures.machineBytes)), ("maxmemory", "0"),
            ("maxmemory_human", "0B"), ("maxmemory_policy", "noeviction"),
            ("mem_fragmentation_ratio", Self.decimal(ratio)), ("mem_allocator", "libc"),
        ]
    }

    /// Every append is in the log before it is answered, which is what Redis calls an AOF with `appendfsync always`.
    private func persistenceEntries(_ info: StoreInfo?) -> [(String, String)] {
        let takesAppends = info.map { $0.state != .failed && !$0.isFull } ?? true
        return [
            ("loading", info == nil ? "1" : "0"), ("rdb_changes_since_last_save", "0"),
            ("rdb_bgsave_in_progress", "0"), ("aof_enabled", "1"), ("aof_rewrite_in_progress", "0"),
            ("aof_last_write_status", takesAppends ? "ok" : "err"),
        ]
    }

    private func statsEntries(_ traffic: Traffic) -> [(String, String)] {
        let speed = rate.speed
        return [
            ("total_connections_received", "\(connections.received)"),
            ("total_commands_processed", "\(traffic.commands)"),
            ("instantaneous_ops_per_sec", "\(Int(speed.commands.rounded()))"),
            ("total_net_input_bytes", "\(traffic.bytesIn)"), ("total_net_output_bytes", "\(traffic.bytesOut)"),
            ("instantaneous_input_kbps", Self.decimal(speed.bytesIn / 1024)),
            ("instantaneous_output_kbps", Self.decimal(speed.bytesOut / 1024)),
            ("rejected_connections", "\(connections.rejected)"), ("expired_keys", "0"), ("evicted_keys", "0"),
        ]
    }

    /// Events are what is kept, in the one database there is. As in Redis, an empty one is not named.
    private func keyspaceEntries(_ info: StoreInfo?) -> [(String, String)] {
        guard let info, info.lastID >= info.firstID else { return [] }
        let count = info.lastID.rawValue - info.firstID.rawValue + 1
        return info.lastID.rawValue == 0 ? [] : [("db0", "keys=\(count),expires=0,avg_ttl=0")]
    }

    private static func human(_ bytes: Int) -> String {
        var (value, unit) = (Double(bytes), "B")
        for next in ["K", "M", "G", "T"] where value >= 1024 { (value, unit) = (value / 1024, next) }
        return unit == "B" ? "\(bytes)B" : decimal(value) + unit
    }

    /// Two digits of fraction.
    private static func decimal(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
