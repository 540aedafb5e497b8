// Owns: the promises of the running daemon: signals, stops, kills, and sockets that it is given.

import EventModel
import EventStoreClient
import Foundation
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(20))) struct LifeTests {
    private static let reducers = "reducers:\n  directory: reducers\nprojections: [counts]"
    private static let counts = "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"

    private func event(_ n: Int) -> NewEvent {
        NewEvent(category: "c", aggregateID: "a-\(n % 10)", eventType: "t", data: Array("{\"n\":\(n)}".utf8))
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("SIGTERM: everything acknowledged is there after the restart, and the status is 0")
    func terminate() async throws {
        let daemon = try DaemonProcess(yaml: Self.reducers)
        try daemon.directory.write(Self.counts, to: "reducers/counts.lua")
        try daemon.start()
        var client = try await daemon.connect()
        let ids = try await client.appendPipelined((0..<5000).map { event($0) }).map { try $0.get().id.rawValue }
        #expect(daemon.terminate() == 0)
        #expect(!FileManager.default.fileExists(atPath: daemon.socket))
        try daemon.start()
        client = try await daemon.connect()
        #expect(ids == Array(1...5000))
        #expect(try await client.count() == 5000)
        #expect(text(try await client.projection("counts")).contains(#""count":5000"#))
        #expect(daemon.terminate() == 0)
    }

    @Test("SIGTERM while a client appends: status 0, and every acknowledgement it has got holds")
    func terminateUnderLoad() async throws {
        let daemon = try DaemonProcess()
        try daemon.start()
        let client = try await daemon.connect()
        _ = try await client.appendPipelined((0..<1000).map { event($0) }).map { try $0.get() }
        var acknowledged: UInt64 = 1000
        do {
            while true {
                if acknowledged > 3000, daemon.process.isRunning { daemon.signal(SIGTERM) }
                for result in try await client.appendPipelined((0..<100).map { event($0) }) {
                    acknowledged = max(acknowledged, try result.get().id.rawValue)
                }
            }
        } catch {
            #expect(daemon.end() == 0)
        }
        await client.close()
        try daemon.start()
        let again = try await daemon.connect()
        #expect(try await again.count() >= acknowledged)
        await again.close()
        #expect(daemon.terminate() == 0)
    }

    @Test("SIGINT ends it as SIGTERM does, and either is obeyed however early it comes")
    func earlySignals() async throws {
        let daemon = try DaemonProcess()
        for signal in [SIGTERM, SIGINT] {
            try daemon.start()
            // The lock file is there before the store is open.
            while !FileManager.default.fileExists(atPath: daemon.directory.path + "/data/LOCK") { usleep(200) }
            daemon.signal(signal)
            #expect(daemon.end() == 0)
            try FileManager.default.removeItem(atPath: daemon.directory.path + "/data")
        }
    }

    @Test("SIGHUP reads reducers anew; a mistake in them changes nothing")
    func reload() async throws {
        let daemon = try DaemonProcess(yaml: Self.reducers)
        try daemon.directory.write(Self.counts, to: "reducers/counts.lua")
        try daemon.start()
        let client = try await daemon.connect()
        _ = try await client.appendPipelined((0..<10).map { event($0) })
        #expect(text(try await client.projection("counts")).contains(#""count":10"#))
        try daemon.directory.write(
            "return { reduce = function(s, e) s.sum = (s.sum or 0) + e.data.n return s end }",
            to: "reducers/counts.lua"
        )
        daemon.signal(SIGHUP)
        while !daemon.log.contains("projections reloaded") { try await Task.sleep(for: .milliseconds(5)) }
        #expect(text(try await client.projection("counts")).contains(#""sum":45"#))
        try daemon.directory.write("return {", to: "reducers/counts.lua")
        daemon.signal(SIGHUP)
        while !daemon.log.contains("nothing was reloaded") { try await Task.sleep(for: .milliseconds(5)) }
        _ = try await client.append(event(5))
        #expect(text(try await client.projection("counts")).contains(#""sum":50"#))
        await client.close()
        #expect(daemon.terminate() == 0)
    }

    @Test(
        "EV.RELOAD says what was taken up, what was passed over and what waits for a restart; and why where nothing was"
    )
    func reloadCommand() async throws {
        let daemon = try DaemonProcess(yaml: Self.reducers)
        try daemon.directory.write(Self.counts, to: "reducers/counts.lua")
        try daemon.start()
        let client = try await daemon.connect()
        _ = try await client.append(event(1))
        try daemon.directory.write(Self.counts, to: "reducers/other.lua")
        try daemon.directory.write("return {", to: "reducers/unused.lua")
        try daemon.directory.write(
            "data_dir: data\nsocket: socket\nsegment: {bytes: 1048576, spare_files: 2}\n"
                + "reducers: {directory: reducers}\nprojections: [counts, other]\ncreate: true\n",
            to: "evstored.yaml"
        )
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(try await client.reload())) as? [String: Any]
        )
        #expect(report["reducers"] as? [String] == ["counts", "other"])
        #expect(report["projections"] as? [String] == ["counts", "other"])
        #expect(report["needs_restart"] as? [String] == ["segment.spare_files"])
        let passedOver = try #require(report["passed_over"] as? [[String: String]])
        #expect(passedOver.count == 1 && passedOver[0]["file"]?.hasSuffix("/reducers/unused.lua") == true)
        #expect(passedOver[0]["reason"]?.contains("unused.lua:1:") == true)
        #expect(text(try await client.projection("other")).contains(#""count":1"#))
        #expect(try await client.reducers().map(\.name) == ["counts", "other", "unused"])
        #expect(try await client.reducers().map(\.isProjection) == [true, true, false])

        // A typo in the file, a reducer that does not compile, one that is gone: as it was, and why.
        let mistakes = [
            ("evstored.yaml", "dota_dir: x\n", "'dota_dir'"), ("reducers/other.lua", "return", "other.lua"),
        ]
        for (file, mistake, reason) in mistakes {
            let path = daemon.directory.path + "/" + file
            let good = try String(contentsOfFile: path, encoding: .utf8)
            try daemon.directory.write(mistake, to: file)
            let error = await #expect(throws: ClientError.self) { try await client.reload() }
            #expect("\(error.map { "\($0)" } ?? "none")".contains("ERR nothing was reloaded: "))
            #expect("\(error.map { "\($0)" } ?? "none")".contains(reason))
            _ = try await client.append(event(2))
            #expect(try await client.projections().map(\.health).contains { $0.hasPrefix("faulted") } == false)
            try daemon.directory.write(good, to: file)
        }
        try FileManager.default.removeItem(atPath: daemon.directory.path + "/reducers/other.lua")
        let error = await #expect(throws: ClientError.self) { try await client.reload() }
        #expect("\(error.map { "\($0)" } ?? "none")".contains("no reducer 'other'"))
        #expect(text(try await client.projection("other")).contains(#""count":3"#))
        await client.close()
        #expect(daemon.terminate() == 0)
    }

    @Test("A projection whose reducer has a mistake stops no start: appends go on, it is shown, and the log says where")
    func brokenReducer() async throws {
        let daemon = try DaemonProcess(yaml: "reducers:\n  directory: reducers\nprojections: [broken]")
        try daemon.directory.write("return {\n  reduce = function(s, e\n}", to: "reducers/broken.lua")
        try #require(symlink("/nowhere", daemon.directory.path + "/reducers/link.lua") == 0)
        try #require(mkfifo(daemon.directory.path + "/reducers/pipe.lua", 0o600) == 0)
        try daemon.start(environment: ["EVSTORED_PORT": "tcp://10.96.0.7:6379"])
        let client = try await daemon.connect()
        #expect(try await client.append(event(1)) == EventID(1))
        #expect(try await client.projections().first?.health.contains("broken.lua:3:") == true)
        for told in ["broken.lua:3:", "link.lua", "pipe.lua", "EVSTORED_PORT"] {
            #expect(daemon.log.contains(told), "\(daemon.log)")
        }
        await client.close()
        #expect(daemon.terminate() == 0)
    }

    @Test("A daemon that ends leaves the socket of its successor alone")
    func successor() async throws {
        let first = try DaemonProcess()
        try first.start()
        let client = try await first.connect()
        // Somebody has cleared the way, and another daemon has begun.
        try FileManager.default.removeItem(atPath: first.socket)
        let second = try DaemonProcess()
        let configuration = ["--config", second.directory.path + "/evstored.yaml"]
        try second.start(configuration + ["--socket", first.socket])
        while !second.log.contains("has come to event") { try await Task.sleep(for: .milliseconds(5)) }
        await client.close()
        #expect(first.terminate() == 0)
        let successor = try await EventStoreClient.connect(.patient(first.socket))
        #expect(try await successor.append(event(1)) == EventID(1))
        await successor.close()
        #expect(second.terminate() == 0)
        #expect(!FileManager.default.fileExists(atPath: first.socket))
    }

    @Test(
        "A stop that was not in good order is said at the next start, once, and in EV.INFO; a stop in good order is not"
    )
    func uncleanStop() async throws {
        let daemon = try DaemonProcess()
        let said = "did not stop in good order"
        for (isKilled, wasKilled) in [(false, false), (true, false), (false, true), (false, false)] {
            try daemon.start()
            let client = try await daemon.connect()
            _ = try await client.append(event(1))
            #expect(daemon.log.contains(said) == wasKilled, "\(daemon.log)")
            #expect(try await client.info().contains(wasKilled ? "last_stop:unclean" : "last_stop:clean"))
            if isKilled { daemon.kill() } else { #expect(daemon.terminate() == 0) }
            await client.close()
        }
    }

    @Test("SIGKILL under load, five times: every acknowledged event is there, ids have no gap, projections are right")
    func kills() async throws {
        let daemon = try DaemonProcess(yaml: Self.reducers + "\nsnapshots:\n  every_events: 500")
        try daemon.directory.write(Self.counts, to: "reducers/counts.lua")
        /// The number in each acknowledged event, by its id.
        var acknowledged: [UInt64: Int] = [:]
        var next = 0
        for round in 0..<5 {
            try daemon.start()
            let client = try await daemon.connect()
            let target = acknowledged.count + 300 + round * 170
            do {
                while true {
                    let batch = (0..<50).map { event(next + $0) }
                    if acknowledged.count >= target { daemon.signal(SIGKILL) }
                    for (offset, result) in try await client.appendPipelined(batch).enumerated() {
                        acknowledged[try result.get().id.rawValue] = next + offset
                    }
                    next += 50
                }
            } catch {
                next += 50
            }
            daemon.end()
            await client.close()
        }
        try daemon.start()
        let client = try await daemon.connect()
        var events: [Event] = []
        while case let page = try await client.read(Filter(after: events.last?.id)), !page.isEmpty { events += page }
        #expect(events.map(\.id.rawValue) == Array(1...UInt64(events.count)))
        #expect(events.count >= acknowledged.count)
        for (id, number) in acknowledged { #expect(text(events[Int(id) - 1].data) == "{\"n\":\(number)}") }
        #expect(text(try await client.projection("counts")).contains("\"state\":{\"count\":\(events.count)}"))
        #expect(text(try await client.verify()).contains(#""damaged":[],"problems":[]"#))
        await client.close()
        #expect(daemon.terminate() == 0)
    }

    @Test("A socket that the service manager hands over is served, told about, and left in place")
    func activation() async throws {
        let daemon = try DaemonProcess()
        let (listening, notify) = (
            try Self.bound(daemon.socket, SOCK_STREAM), try Self.bound(daemon.directory.path + "/notify", SOCK_DGRAM)
        )
        #expect(listen(listening, 16) == 0)
        try daemon.start(environment: ["NOTIFY_SOCKET": daemon.directory.path + "/notify"], listening: listening)
        let client = try await daemon.connect()
        #expect(try await client.append(event(0)) == EventID(1))
        #expect(daemon.terminate() == 0)
        #expect(FileManager.default.fileExists(atPath: daemon.socket))
        var states = ""
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = recv(notify, &buffer, buffer.count, Int32(MSG_DONTWAIT)), count > 0 {
            states += String(decoding: buffer[..<count], as: UTF8.self) + "\n"
        }
        let ready = try #require(states.firstRange(of: "READY=1")),
            stopping = try #require(states.firstRange(of: "STOPPING=1"))
        #expect(ready.lowerBound < stopping.lowerBound)
        // Before anything that may take long, the manager is asked for time.
        let patience = try #require(states.firstRange(of: "EXTEND_TIMEOUT_USEC="))
        #expect(states.hasPrefix("STATUS=opening ") && patience.lowerBound < ready.lowerBound)
        close(listening)
        close(notify)
    }

    private static func bound(_ path: String, _ type: __socket_type) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(type.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(status == 0)
        return descriptor
    }
}
