import EventModel
import EventStoreClient
import Glibc
import Testing

@testable import evctl

@Suite("A load", .timeLimit(.minutes(20)))
struct LoadRunTests {
    private static let names = AggregateNames(category: "c", aggregates: 10)

    private func watch(_ interruption: Interruption = Interruption()) -> LoadWatch {
        LoadWatch(ProgressMeter(.operations, total: nil, isShown: false), interruption)
    }

    private func run(
        _ plan: LoadPlan,
        batch: Int = 1,
        on path: String,
        _ watch: LoadWatch? = nil
    ) async throws -> Measurement {
        var source = EventSource(seed: 1, aggregates: 4)
        // As many as are worth the time to make them up.
        var some = plan
        some.units = min(plan.units, 500)
        let work = Work.appends(Self.names, plan: some, batch: batch, source: &source)
        return try await LoadRun.run(
            [work],
            Self.names,
            .inTurn,
            plan,
            socketPath: path,
            watch: watch ?? self.watch()
        )[0]
    }

    private func report(_ measurement: Measurement, _ kind: Work.Kind = .append, isInterrupted: Bool = false)
        -> LoadReport
    {
        LoadReport(rows: [(kind, measurement)], parameters: { _ in }, isInterrupted: isInterrupted)
    }

    private func withScript(
        _ script: @escaping @Sendable (ScriptedServer.Peer) -> Void,
        _ body: (String) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let server = try ScriptedServer(directory, script)
        try await body(server.path)
        server.end()
    }

    private func withNullServer(_ body: (String) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let server = try NullServer(directory.path + "/socket")
        defer { server.stop() }
        try await body(directory.path + "/socket")
    }

    @Test(
        "sends exactly what was asked for, over any number of clients, threads and units under way",
        arguments: [(1, 1, 1, 1), (3, 4, 1, 1), (5, 64, 2, 1), (2, 3, 2, 7)]
    )
    func exact(clients: Int, pipeline: Int, threads: Int, batch: Int) async throws {
        try await withNullServer { path in
            let plan = LoadPlan(clients: clients, pipeline: pipeline, threads: threads, units: 501)
            let measurement = try await run(plan, batch: batch, on: path)
            #expect(measurement.units == 501 && measurement.latencies.count == 501)
            #expect(measurement.events == 501 * batch)
            #expect(measurement.failedUnits == 0 && measurement.unansweredUnits == 0)
            #expect(report(measurement).failure == nil)
        }
    }

    @Test("reaches the store: what it counts is what is there, each aggregate with its share")
    func store() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let daemon = try Daemon(directory)
        try await daemon.start()
        let single = try await run(LoadPlan(clients: 4, pipeline: 8, threads: 2, units: 400), on: daemon.socket)
        let batches = try await run(LoadPlan(clients: 2, units: 20), batch: 5, on: daemon.socket)
        let client = try await EventStoreClient.connect(.patient(daemon.socket))
        #expect(single.events == 400 && batches.events == 100)
        #expect(try await client.count() == 500)
        let one = Filter(alternatives: [Criteria(aggregates: ["c-000003"])])
        #expect(try await client.count(one) == 50)
        await client.close()
        await daemon.end()
    }

    @Test("counts an error as an error, by its code, and takes its latency for none of a success")
    func errors() async throws {
        try await withScript { peer in
            // One unit at a time: each third is refused.
            for unit in 0..<9 where peer.receive() > 0 {
                peer.send(unit % 3 == 2 ? "-NOSPC the disk is full\r\n" : ":1\r\n")
            }
            _ = peer.receive()
        } _: { path in
            let measurement = try await run(LoadPlan(units: 9), on: path)
            #expect(measurement.units == 6 && measurement.events == 6 && measurement.latencies.count == 6)
            #expect(measurement.failedUnits == 3 && measurement.errors == ["NOSPC": 3])
            let failure = report(measurement).failure
            #expect(failure == Failure(.readOnlyOrFull, "not everything was answered well: 3 × NOSPC"))
        }
    }

    @Test("a transaction that is refused is one failure, and none of its events counts")
    func refusedTransaction() async throws {
        try await withScript { peer in
            for unit in 0..<3 where peer.receive() > 0 {
                let isRefused = unit == 1
                peer.send("+OK\r\n+QUEUED\r\n")
                peer.send(isRefused ? "-INVALID no\r\n-EXECABORT no\r\n" : "+QUEUED\r\n*2\r\n:1\r\n:2\r\n")
            }
            _ = peer.receive()
        } _: { path in
            let measurement = try await run(LoadPlan(units: 3), batch: 2, on: path)
            #expect(measurement.units == 2 && measurement.events == 4 && measurement.failedUnits == 1)
            #expect(measurement.errors == ["INVALID": 1, "EXECABORT": 1] && measurement.latencies.count == 2)
        }
    }

    @Test("a daemon that is still loading is told, and nothing counts")
    func loading() async throws {
        try await withScript { peer in
            for _ in 0..<4 where peer.receive() > 0 { peer.send("-LOADING the store is being recovered\r\n") }
            _ = peer.receive()
        } _: { path in
            let measurement = try await run(LoadPlan(units: 4), on: path)
            #expect(measurement.units == 0 && measurement.events == 0 && measurement.errors == ["LOADING": 4])
            #expect(report(measurement).failure?.status == .cannotConnect)
        }
    }

    @Test("a connection that breaks leaves what was under way unanswered, and the outcome of appends unknown")
    func lost() async throws {
        try await withScript { peer in
            _ = peer.receive()
            peer.send(":1\r\n:2\r\n:3")
        } _: { path in
            let measurement = try await run(LoadPlan(pipeline: 8, units: 100), on: path)
            #expect(measurement.units == 2 && measurement.events == 2 && measurement.latencies.count == 2)
            #expect(measurement.lostConnections == 1 && measurement.errors == ["DISCONNECTED": 1])
            #expect((6...8).contains(measurement.unansweredUnits))
            #expect(report(measurement).failure?.status == .outcomeUnknown)
            #expect(report(measurement, .read).failure?.status == .cannotConnect)
        }
    }

    @Test("what is no RESP ends the connection")
    func garbage() async throws {
        try await withScript { peer in
            _ = peer.receive()
            peer.send("HTTP/1.1 400 Bad Request\r\n")
            _ = peer.receive()
        } _: { path in
            let measurement = try await run(LoadPlan(units: 5), on: path)
            #expect(measurement.units == 0 && measurement.errors == ["PROTOCOL": 1])
        }
    }

    @Test("at a rate, latencies count from when each unit was to be sent, not from when it could be")
    func openLoop() async throws {
        try await withScript { peer in
            // The first answer comes when all the others would be due.
            _ = peer.receive()
            usleep(60_000)
            peer.send(":1\r\n")
            for _ in 1..<20 where peer.receive() > 0 { peer.send(":1\r\n") }
            _ = peer.receive()
        } _: { path in
            let measurement = try await run(LoadPlan(units: 20, rate: 1000), on: path)
            #expect(measurement.units == 20)
            // The last was due after 19 ms, and sent after 60 ms.
            #expect(measurement.latencies.percentile(perTenThousand: 1) >= 40_000_000)
        }
    }

    @Test("at a rate, no unit is sent before its time")
    func pace() async throws {
        try await withNullServer { path in
            let measurement = try await run(LoadPlan(clients: 2, threads: 2, units: 50, rate: 1000), on: path)
            #expect(measurement.units == 50 && measurement.nanoseconds >= 48_000_000)
        }
    }

    @Test("ends when its time is up, and waits for what is under way")
    func duration() async throws {
        try await withNullServer { path in
            let measurement = try await run(LoadPlan(clients: 2, pipeline: 4, seconds: 0.05), on: path)
            #expect(measurement.units > 0 && measurement.unansweredUnits == 0)
            #expect(measurement.nanoseconds >= 50_000_000)
        }
    }

    @Test("an interruption ends it with what was measured so far, and with the status of one")
    func interrupted() async throws {
        try await withNullServer { path in
            let interruption = Interruption()
            interruption.deferToCommand()
            // Without an end of its own.
            async let running = run(LoadPlan(clients: 2, pipeline: 4), on: path, watch(interruption))
            try await Task.sleep(for: .milliseconds(100))
            interruption.interrupt()
            let measurement = try await running
            #expect(measurement.unansweredUnits == 0)
            #expect(report(measurement, isInterrupted: true).failure?.status == .interrupted)
        }
    }

    @Test("an interruption is obeyed though the daemon answers nothing any more")
    func interruptedSilence() async throws {
        let interruption = Interruption()
        interruption.deferToCommand()
        try await withScript { peer in
            _ = peer.receive()
            peer.send(":1\r\n")
            interruption.interrupt()
            while peer.receive() > 0 {}
        } _: { path in
            let measurement = try await run(LoadPlan(pipeline: 3, units: 10), on: path, watch(interruption))
            #expect(measurement.units == 1 && measurement.unansweredUnits >= 2)
        }
    }

    @Test("works that are compared take turns, and each does all that was asked for")
    func turns() async throws {
        try await withNullServer { path in
            let plan = LoadPlan(clients: 3, pipeline: 2, threads: 2, units: 95)
            let works = [
                Work.states(Self.names, plan: plan, reducer: "r", at: nil), Work.reads(Self.names, plan: plan),
                Work.pings(Self.names, plan: plan),
            ]
            let measurements = try await LoadRun.run(
                works,
                Self.names,
                .atRandom(seed: 1),
                plan,
                socketPath: path,
                watch: watch()
            )
            #expect(measurements.map(\.units) == [95, 95, 95])
            #expect(measurements.map(\.events) == [0, 950, 0])
        }
    }

    @Test("is told as one JSON object with every parameter and figure")
    func json() {
        var measurement = Measurement()
        measurement.latencies.record(1500)
        measurement.latencies.record(2_000_000)
        (measurement.units, measurement.events, measurement.failedUnits) = (2, 20, 1)
        (measurement.sentBytes, measurement.receivedBytes) = (300, 40)
        (measurement.nanoseconds, measurement.cpuNanoseconds) = (2_500_000_000, 10_000_000)
        measurement.errors = ["ERR": 1]
        let report = LoadReport(
            rows: [(.read, measurement), (.ping, Measurement())],
            parameters: { $0.number("clients", 3) },
            isInterrupted: false
        )
        let figures = #""latency_us":{"mean":1000.750,"p50":1.500,"p90":2000.000,"p99":2000.000,"p99.9":2000.000,"#
        let none = #""latency_us":{"mean":0.000,"p50":0.000,"p90":0.000,"p99":0.000,"p99.9":0.000,"#
        #expect(
            String(decoding: report.json, as: UTF8.self)
                == #"{"bench":"read","parameters":{"clients":3},"interrupted":false,"seconds":2.500,"operations":2,"#
                + #""operations_per_second":0.800,"events":20,"events_per_second":8.000,"sent_bytes":300,"#
                + #""received_bytes":40,"client_cpu_seconds":0.010,"# + figures
                + #""p99.99":2000.000,"max":2000.000},"failed_operations":1,"unanswered_operations":0,"#
                + #""lost_connections":0,"errors":{"ERR":1},"ping":{"seconds":0.000,"operations":0,"#
                + #""operations_per_second":0.000,"events":0,"events_per_second":0.000,"sent_bytes":0,"#
                + #""received_bytes":0,"client_cpu_seconds":0.000,"# + none
                + #""p99.99":0.000,"max":0.000},"failed_operations":0,"unanswered_operations":0,"#
                + #""lost_connections":0,"errors":{}}}"#
        )
        #expect(
            report.table.lines[1].text.split(separator: "  ").map { String($0.drop { $0 == " " }) }
                == ["read", "1", "8", "1.0 ms", "1.5 µs", "2.0 ms", "2.0 ms", "2.0 ms", "2.0 ms", "2.0 ms", "0 %"]
        )
    }
}
