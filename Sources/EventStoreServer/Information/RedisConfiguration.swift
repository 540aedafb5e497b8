// Owns: the configuration by Redis' names, as CONFIG GET tells it: what stock clients and exporters look for and is true here.

import EventWire

extension ServerCore {
    /// Names and values, each that any of the patterns matches, once.
    func configuration(_ patterns: [GlobPattern]) -> [(name: String, value: String)] {
        configuration.filter { entry in patterns.contains { $0.matches(entry.name) } }
    }

    private var configuration: [(name: String, value: String)] {
        [
            ("appendfsync", "always"), ("appendonly", "yes"), ("cluster-enabled", "no"), ("databases", "1"),
            ("io-threads", "\(loops.count)"), ("maxclients", "\(options.maximumConnections)"), ("maxmemory", "0"),
            ("maxmemory-policy", "noeviction"), ("notify-keyspace-events", ""), ("port", "0"),
            ("proto-max-bulk-len", "\(options.limits.argumentBytes)"), ("save", ""), ("timeout", "0"),
            ("unixsocket", options.socketPath), ("unixsocketperm", String(options.socketMode, radix: 8)),
        ]
    }
}
