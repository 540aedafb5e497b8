// Owns: the promise that nothing which somebody names, and no reducer, forges a line of the daemon's log or steers the
// terminal that shows it.

import EventModel
import EventStoreClient
import Foundation
import Testing

@testable import evstored

@Suite(.timeLimit(.minutes(20))) struct LogTextTests {
    private static let forged = "evstored: critical: forged"

    private func check(_ log: String) {
        #expect(!log.unicodeScalars.contains { $0.isSteering && $0 != "\n" }, "\(log)")
        let lines = log.split(separator: "\n")
        #expect(
            !lines.isEmpty && lines.allSatisfy { $0.hasPrefix("evstored: ") && !$0.hasPrefix(Self.forged) },
            "\(log)"
        )
    }

    @Test("A reducer that cannot be loaded says why on one line, whatever it says")
    func reducer() async throws {
        let daemon = try DaemonProcess(yaml: "reducers:\n  directory: reducers\nprojections: [loud]\n")
        try daemon.directory.write(
            #"error("\27[2J\10\#(Self.forged)\10\127\194\155\226\128\174")"#,
            to: "reducers/loud.lua"
        )
        try daemon.start()
        await (try await daemon.connect()).close()
        #expect(daemon.terminate() == 0)
        check(daemon.log)
        #expect(daemon.log.contains(#"\x1b[2J "# + Self.forged), "\(daemon.log)")
    }

    @Test("A key of the configuration is quoted on one line, whatever it is called")
    func key() throws {
        let daemon = try DaemonProcess(yaml: "\"so\\e[2J\\n\(Self.forged)\\x7f\\u202e\": 1\n")
        #expect(try daemon.refusal() == 78)
        check(daemon.log)
    }

    @Test("A file in the data directory is named on one line, whatever it is called")
    func file() async throws {
        let daemon = try DaemonProcess(yaml: "reducers:\n  directory: reducers\nprojections: [count]\n")
        try daemon.directory.write("return { reduce = function(s) return s end }", to: "reducers/count.lua")
        try daemon.start()
        await (try await daemon.connect()).close()
        #expect(daemon.terminate() == 0)
        try daemon.directory.write("x", to: "data/snapshots/count/\u{1B}[2J\n\(Self.forged)\u{202E}.snapshot")
        try daemon.start()
        let client = try await daemon.connect()
        while !daemon.log.contains("cannot be read") { try await Task.sleep(for: .milliseconds(10)) }
        await client.close()
        #expect(daemon.terminate() == 0)
        check(daemon.log)
    }

    @Test("A state that the service manager is told cannot hold another")
    func manager() throws {
        let directory = TemporaryDirectory()
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: (directory.path + "/notify").utf8) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(status == 0)
        ServiceManager(environment: ["NOTIFY_SOCKET": directory.path + "/notify"])
            .notify(status: "opening /data\nMAINPID=1", "READY=1")
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        #expect(String(decoding: buffer[..<max(count, 0)], as: UTF8.self) == "STATUS=opening /data MAINPID=1\nREADY=1")
    }
}
