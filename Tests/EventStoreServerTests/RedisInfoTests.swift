// Owns: the promises of INFO and CONFIG GET: what exporters and stock clients look for is there by Redis' names, and true.

import EventWire
import Glibc
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct RedisInfoTests {
    private let append = ["EV.APPEND", "c", "a", "t", "{}"]

    private func info(_ connection: RawConnection, _ sections: String...) throws -> String {
        try #require(try connection.ask(["INFO"] + sections).text)
    }

    private func encoded(_ words: [String]) -> [UInt8] {
        var encoder = CommandEncoder()
        encoder.command(words)
        return encoder.bytes
    }

    private func headings(_ text: String) -> [String] {
        text.split(separator: "\r\n").filter { $0.hasPrefix("# ") }.map { String($0.dropFirst(2)) }
    }

    private func value(_ key: String, in text: String) -> String? {
        text.split(separator: "\r\n").first { $0.hasPrefix(key + ":") }.map { String($0.dropFirst(key.count + 1)) }
    }

    @Test("INFO has Redis' sections and then its own; EV.INFO has its own alone")
    func sections() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            let redis = [
                "Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Cluster", "Keyspace",
            ]
            let own = ["Store", "Log", "Disk", "Readers", "Limits"]
            #expect(headings(try info(connection)) == redis + own)
            let ev = try #require(try connection.ask("EV.INFO").text)
            #expect(headings(ev) == ["Server"] + own)
            #expect(ev.hasPrefix("# Server\r\nredis_version:7.0.0\r\nversion:\(ServerCore.version)\r\nuptime_seconds:"))
            for key in ["role", "used_memory", "connected_clients"] { #expect(value(key, in: ev) == nil) }
        }
    }

    @Test(
        "INFO with names answers those sections, in any case; all of them by all, everything and default; none by others",
        arguments: [
            (["memory"], ["Memory"]), (["MEMORY", "Stats"], ["Memory", "Stats"]), (["replication"], ["Replication"]),
            (["store"], ["Store"]), (["nonsense"], []), (["nonsense", "cpu"], ["CPU"]),
        ]
    )
    func named(words: [String], expected: [String]) async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            #expect(headings(try #require(try connection.ask(["INFO"] + words).text)) == expected)
            let all = headings(try info(connection))
            for name in ["all", "everything", "DEFAULT"] { #expect(headings(try info(connection, name)) == all) }
        }
    }

    @Test("What clients and exporters decide by is there")
    func names() async throws {
        try await TestServer.run { test in
            let text = try info(try test.connect())
            for key in [
                "redis_version", "redis_mode", "os", "process_id", "run_id", "tcp_port", "uptime_in_seconds",
                "uptime_in_days", "connected_clients", "blocked_clients", "maxclients", "used_memory",
                "used_memory_human", "used_memory_rss", "maxmemory", "loading", "rdb_bgsave_in_progress",
                "aof_enabled", "aof_rewrite_in_progress", "total_connections_received", "total_commands_processed",
                "instantaneous_ops_per_sec", "total_net_input_bytes", "total_net_output_bytes",
                "rejected_connections", "role", "connected_slaves", "used_cpu_sys", "used_cpu_user",
                "cluster_enabled",
            ] {
                #expect(value(key, in: text)?.isEmpty == false, "\(key)")
            }
            #expect(value("role", in: text) == "master")
            #expect(value("process_id", in: text) == "\(getpid())")
            #expect(value("run_id", in: text)?.count == 40)
            let (used, resident) = (Int(value("used_memory", in: text)!)!, Int(value("used_memory_rss", in: text)!)!)
            #expect(used > 1 << 16 && resident > 1 << 20)
        }
    }

    @Test("Commands, connections and bytes are counted, each once, whichever way they are taken")
    func counters() async throws {
        try await TestServer.run(server: { $0.maximumConnections = 3 }) { test in
            let (asking, working) = (try test.connect(), try test.connect(resp3: true))
            func figures() throws -> (commands: Int, bytesIn: Int, bytesOut: Int, received: Int, rejected: Int) {
                let text = try info(asking, "stats")
                func number(_ key: String) -> Int { value(key, in: text).flatMap { Int($0) } ?? -1 }
                return (
                    number("total_commands_processed"), number("total_net_input_bytes"),
                    number("total_net_output_bytes"), number("total_connections_received"),
                    number("rejected_connections")
                )
            }
            let before = try figures()
            // Plain appends in a run, one with an option, a transaction, small talk: 300 + 1 + 4 + 1.
            let plain = encoded(append)
            var bytes = Array(repeatElement(plain, count: 300).joined())
            bytes += encoded(append + ["VERSION", "2"])
            for words in [["MULTI"], append, append, ["EXEC"], ["PING"]] { bytes += encoded(words) }
            try working.send(bytes)
            _ = try working.receive(306)
            let third = try test.connect()
            #expect(try third.ask("PING") == .simple("PONG"))
            #expect(try test.connect().receive().errorText?.contains("max number of clients") == true)
            let after = try figures()
            // The look itself, and the third's PING.
            #expect(after.commands - before.commands == 306 + 2)
            let look = encoded(["INFO", "stats"]).count
            #expect(after.bytesIn - before.bytesIn == bytes.count + encoded(["PING"]).count + look)
            #expect(after.bytesOut > before.bytesOut + 306 * 4)
            #expect(after.received - before.received == 1 && after.rejected - before.rejected == 1)
            #expect(value("connected_clients", in: try info(asking)) == "3")
            #expect(value("db0", in: try info(asking)) == "keys=303,expires=0,avg_ttl=0")
        }
    }

    @Test("An empty store has no keys; the speed is that of the last second")
    func speed() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            #expect(try info(connection, "keyspace") == "# Keyspace\r\n")
            #expect(
                try eventually {
                    try connection.send(Array(repeatElement(encoded(append), count: 500).joined()))
                    _ = try connection.receive(500)
                    return Int(value("instantaneous_ops_per_sec", in: try info(connection)) ?? "") ?? 0 > 100
                }
            )
        }
    }

    @Test(
        "CONFIG GET tells by Redis' patterns what is true, and nothing of what there is not",
        arguments: [
            (["save"], ["save": ""]), (["APPENDONLY"], ["appendonly": "yes"]),
            (["save", "appendonly"], ["save": "", "appendonly": "yes"]), (["databases"], ["databases": "1"]),
            (["maxclients", "max*s"], ["maxclients": "77"]), (["requirepass"], [:]),
            (["app*sync"], ["appendfsync": "always"]),
        ]
    )
    func configuration(patterns: [String], expected: [String: String]) async throws {
        try await TestServer.run(server: { $0.maximumConnections = 77 }) { test in
            let (two, three) = (try test.connect(), try test.connect(resp3: true))
            guard case .map(let map) = try three.ask(["CONFIG", "GET"] + patterns) else {
                return #expect(Bool(false), "no map")
            }
            #expect(try two.ask(["CONFIG", "get"] + patterns) == .array(map))
            let words = map.compactMap(\.text)
            let pairs = stride(from: 0, to: words.count, by: 2).map { (words[$0], words[$0 + 1]) }
            #expect(Dictionary(uniqueKeysWithValues: pairs) == expected)
            #expect(try two.error("CONFIG", "GET") == "ERR wrong number of arguments for 'config|get' command")
            #expect(try two.error("CONFIG", "SET", "save", "")?.contains("Expected CONFIG GET") == true)
        }
    }
}
