import EventModel
import EventStoreClient
import EventWire
import Foundation
import Testing

@testable import evctl

@Suite("evctl bench", .timeLimit(.minutes(20)))
struct BenchCommandTests {
    /// Runs a subcommand as a user does, and returns its status and its JSON object.
    private func bench(
        _ arguments: [String],
        socket: String = "/tmp/evctl-no-such-socket"
    ) async throws -> (status: Int32, json: [String: Any], errors: String) {
        let result = try await Program.run(["bench"] + arguments + ["-o", "json"], socket: socket)
        let json = try JSONSerialization.jsonObject(with: Data(result.lines.first?.utf8 ?? "{}".utf8))
        return (result.status, json as? [String: Any] ?? [:], result.errors)
    }

    @Test("appends, reads, folds, replays and follows what is in the store, and says so")
    func everything() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let daemon = try Daemon(directory, reducers: ReducerFiles.directory { _ in nil })
        try await daemon.start()
        let client = try await EventStoreClient.connect(.patient(daemon.socket))
        let names = ["--aggregates", "20", "--category", "inventory"]

        let append = try await bench(
            ["append", "--events", "400", "-c", "4", "-P", "8"] + names,
            socket: daemon.socket
        )
        #expect(append.status == 0 && append.json["events"] as? Int == 400 && append.json["operations"] as? Int == 400)
        #expect(try await client.count() == 400)
        let parameters = append.json["parameters"] as? [String: Any]
        #expect(parameters?["clients"] as? Int == 4 && parameters?["category"] as? String == "inventory")

        let read = try await bench(["read", "--operations", "50"] + names, socket: daemon.socket)
        #expect(read.status == 0 && read.json["operations"] as? Int == 50 && read.json["events"] as? Int == 50 * 20)
        #expect((read.json["ping"] as? [String: Any])?["operations"] as? Int == 50)

        let state = try await bench(
            ["state", "--reducer", "inventory", "--at", "now", "--operations", "30"] + names,
            socket: daemon.socket
        )
        #expect(state.status == 0 && state.json["operations"] as? Int == 30)
        #expect((state.json["read"] as? [String: Any])?["events"] as? Int == 30 * 20)

        let subscribe = try await bench(["subscribe", "--events", "25"], socket: daemon.socket)
        #expect(
            subscribe.status == 0 && subscribe.json["events"] as? Int == 25 && subscribe.json["missing"] as? Int == 0
        )
        for latency in ["append_latency_us", "delivery_latency_us", "total_latency_us"] {
            #expect((subscribe.json[latency] as? [String: Any])?["p99"] as? Double != nil, "\(latency)")
        }
        #expect(try await client.count() == 425)

        let replay = try await bench(["replay", "--after", "5"], socket: daemon.socket)
        #expect(replay.status == 0 && replay.json["events"] as? Int == 420)
        let bytes = try await client.read(Filter(after: EventID(5))).reduce(0) { sum, event in
            sum + event.category.utf8.count + event.aggregateID.utf8.count + event.eventType.utf8.count
                + event.data.count
        }
        #expect(replay.json["bytes"] as? Int == bytes)

        let missing = try await bench(["state", "--reducer", "nope", "--operations", "10"], socket: daemon.socket)
        #expect(missing.status == 3 && missing.json["operations"] as? Int == 0)
        #expect(missing.json["errors"] as? [String: Int] == ["NOTFOUND": 10])
        #expect(missing.errors == "evctl: not everything was answered well: 10 × NOTFOUND\n")
        await client.close()
        await daemon.end()
    }

    @Test(
        "measures itself against a server that does nothing, without any daemon",
        arguments: [["append", "--events"], ["read", "--operations"], ["state", "--reducer", "r", "--operations"]]
    )
    func null(arguments: [String]) async throws {
        let result = try await bench(arguments + ["200", "--null", "-c", "2", "-P", "4"])
        #expect(result.status == 0 && result.json["operations"] as? Int == 200, "\(result.errors)")
    }

    @Test("prints a table and a summary, the summary not with --quiet")
    func table() async throws {
        let told = try await Program.run(["bench", "append", "--null", "--events", "100"])
        #expect(told.lines.count == 3 && told.lines[0].hasPrefix("WORK") && told.errors.isEmpty)
        #expect(told.lines.last?.hasPrefix("100 operations, 100 events in ") == true)
        #expect(try await Program.run(["bench", "append", "--null", "--events", "100", "-q"]).lines.count == 2)
    }

    @Test("says when there is no daemon", arguments: [["append"], ["read"], ["replay"], ["subscribe"]])
    func noDaemon(arguments: [String]) async throws {
        let result = try await bench(arguments)
        #expect(result.status == 5 && result.json.isEmpty)
    }

    @Test("the null server answers every command with a reply of its kind")
    func nullServer() throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let server = try NullServer(directory.path + "/socket")
        defer { server.stop() }
        let reader = try ReplyReader(directory.path + "/socket")
        #expect(try reader.ask(["PING"]) == .simple("PONG"))
        #expect(try reader.ask(["EV.APPEND", "c", "a", "t", "{}"]).unsigned != nil)
        #expect(try reader.ask(["MULTI"]) == .simple("OK"))
        #expect(try reader.ask(["EV.APPEND", "c", "a", "t", "{}"]) == .simple("QUEUED"))
        #expect(try reader.ask(["EXEC"]).elements?.count == 1)
        #expect(try reader.ask(["EV.READ", "AGGREGATE", "a"]).elements?.compactMap(Event.init).count == 10)
        #expect(try reader.ask(["EV.STATE", "a", "REDUCER", "r"]).bytes?.first == UInt8(ascii: "{"))
        // Longer than what the server first has room for.
        #expect(try reader.ask(["EV.APPEND", "c", "a", "t", String(repeating: "x", count: 700_000)]).unsigned != nil)
    }
}
