// Owns: the promises about roles in a real daemon: other users are told apart by the kernel, and a reload takes up other rules.

import ChildProcesses
import EventModel
import EventStoreClient
import Foundation
import Testing

@Suite(.timeLimit(.minutes(20))) struct AccessTests {
    private static let folder = "socket_mode: 0666\nread_only_socket: read-only\nread_only_socket_mode: 0666\n"

    /// What comes of a command that another user types, with these groups, on the first socket or another one.
    private func typed(
        _ command: String,
        by user: Int,
        groups: String,
        _ daemon: DaemonProcess,
        socket: String = "socket"
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
        // The shell of the other user, with what perl's sockets make of it: every Debian has both.
        let script = """
            use Socket; socket(my $s, PF_UNIX, SOCK_STREAM, 0); connect($s, pack_sockaddr_un($ARGV[0])) or die $!;
            syswrite($s, "$ARGV[1]\\r\\n"); print scalar <$s>;
            """
        process.arguments =
            ["--reuid=\(user)", "--regid=\(user)", "--groups=\(groups)", "perl", "-e", script]
            + ["\(daemon.directory.path)/\(socket)", command]
        let output = Pipe()
        process.standardOutput = output
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        try process.start()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitForEnd()
        return String(decoding: data, as: UTF8.self)
    }

    @Test(
        "Another user is told apart by the kernel, with its groups; a reload takes up other rules for it",
        .enabled(
            if: geteuid() == 0
                && ["/usr/bin/setpriv", "/usr/bin/perl"].allSatisfy(FileManager.default.isExecutableFile(atPath:))
        )
    )
    func otherUsers() async throws {
        let daemon = try DaemonProcess(yaml: Self.folder + "access: ['group 7001: read append', 'everyone: none']\n")
        #expect(chmod(daemon.directory.path, 0o755) == 0)
        try daemon.start()
        let client = try await daemon.connect()
        let append = "EV.APPEND c a t {}"
        #expect(try typed(append, by: 7000, groups: "7001,7002", daemon) == ":1\r\n")
        #expect(try typed(append, by: 7001, groups: "7002", daemon) == ":2\r\n")
        let stranger = try typed(append, by: 7000, groups: "7002", daemon)
        #expect(stranger == "-NOPERM EV.APPEND needs the role append, which user 7000 does not have\r\n")
        #expect(try typed("EV.COUNT", by: 7000, groups: "7001", daemon, socket: "read-only") == ":2\r\n")
        let reading = try typed(append, by: 7000, groups: "7001", daemon, socket: "read-only")
        #expect(reading == "-NOPERM EV.APPEND needs the role append, and this socket is read-only\r\n")
        #expect(
            daemon.log.contains("audit: user 7000, process ")
                && daemon.log.contains(": EV.APPEND refused: needs append")
        )

        let text = try String(contentsOfFile: daemon.directory.path + "/evstored.yaml", encoding: .utf8)
        try daemon.directory.write(
            text.replacing("group 7001: read append", with: "group 7001: read"),
            to: "evstored.yaml"
        )
        #expect(String(decoding: try await client.reload(), as: UTF8.self).contains(#""needs_restart":[]"#))
        #expect(try typed(append, by: 7000, groups: "7001", daemon).hasPrefix("-NOPERM "))
        #expect(daemon.log.contains(": EV.RELOAD done in "))
        try daemon.directory.write(text, to: "evstored.yaml")
        daemon.signal(SIGHUP)
        while !daemon.log.contains("access, reducers and projections reloaded") {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(try typed(append, by: 7000, groups: "7001", daemon) == ":3\r\n")
        try daemon.directory.write(text.replacing("read append", with: "write"), to: "evstored.yaml")
        await #expect(throws: ClientError.self) { try await client.reload() }
        #expect(try typed(append, by: 7000, groups: "7001", daemon) == ":4\r\n")
        await client.close()
        #expect(daemon.terminate() == 0, "\(daemon.log)")
    }

    @Test("The service manager's second socket is read-only by its name")
    func handedOver() async throws {
        let daemon = try DaemonProcess()
        let listening = try Self.listening(daemon.directory.path + "/handed")
        defer { close(listening) }
        try daemon.start(environment: ["LISTEN_FDNAMES": "read-only"], listening: listening)
        let client = try await daemon.connect()
        let reading = try await EventStoreClient.connect(.patient(daemon.directory.path + "/handed"))
        let event = NewEvent(category: "c", aggregateID: "a", eventType: "t")
        #expect(try await client.append(event) == EventID(1))
        #expect(try await reading.count() == 1)
        #expect(try await reading.whoAmI().isReadOnly)
        #expect(try await client.whoAmI().roles.count == 5)
        await #expect(throws: ClientError.self) { try await reading.append(event) }
        for client in [client, reading] { await client.close() }
        #expect(daemon.terminate() == 0, "\(daemon.log)")
    }

    /// A listening socket at a path.
    private static func listening(_ path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(status == 0 && listen(descriptor, 8) == 0)
        return descriptor
    }
}
