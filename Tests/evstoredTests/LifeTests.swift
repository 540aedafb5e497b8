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
        let ids = try await client.appendPipelined((0..<5000).map { event($0) }).map { try $0.get().rawValue }
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
                    acknowledged = max(acknowledged, try result.get().rawValue)
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
        while !daemon.log.contains("reloaded;") { try await Task.sleep(for: .milliseconds(5)) }
        #expect(text(try await client.projection("counts")).contains(#""sum":45"#))
        try daemon.directory.write("return {", to: "reducers/counts.lua")
        daemon.signal(SIGHUP)
        while !daemon.log.contains("nothing was reloaded") { try await Task.sleep(for: .milliseconds(5)) }
        _ = try await client.append(event(5))
        #expect(text(try await client.projection("counts")).contains(#""sum":50"#))
        await client.close()
        #expect(daemon.terminate() == 0)
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
                        acknowledged[try result.get().rawValue] = next + offset
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
