// Owns: a real `evstored`, the program itself, as a process of a test's own.

import ChildProcesses
import EventStoreClient
import Foundation

/// A directory with a configuration, and the daemons that are started on it one after the other.
final class DaemonProcess {
    let directory: TemporaryDirectory
    private(set) var process = Process()
    var socket: String { directory.path + "/socket" }

    /// The folder in which the build put the tests, and the program beside them.
    private static let products: String = {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let argument = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? bundle
        return String(argument[..<(argument.lastIndex(of: "/") ?? argument.startIndex)])
    }()

    init(in directory: TemporaryDirectory = TemporaryDirectory(), yaml: String = "") throws {
        self.directory = directory
        try directory.write(
            """
            data_dir: data
            socket: socket
            segment:
              bytes: 1048576
              spare_files: 1
            \(yaml)
            """,
            to: "evstored.yaml"
        )
    }

    deinit {
        if process.isRunning { kill() }
    }

    /// Starts the program; with its own configuration where no arguments are given.
    func start(
        _ arguments: [String]? = nil,
        environment: [String: String] = [:],
        listening descriptor: Int32? = nil
    ) throws {
        let program = Self.products + "/evstored"
        let arguments = arguments ?? ["--config", directory.path + "/evstored.yaml"]
        process = Process()
        if let descriptor {
            // As systemd does it: the socket is descriptor 3, and the process id is told.
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\""
            process.arguments = ["-c", script, program] + arguments
            process.standardInput = FileHandle(fileDescriptor: descriptor)
        } else {
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = arguments
            process.standardInput = FileHandle.nullDevice
        }
        let log = directory.path + "/log"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardError = FileHandle(forWritingAtPath: log)
        process.standardOutput = process.standardError
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        try process.start()
    }

    /// Everything the last daemon has said.
    var log: String { (try? String(contentsOfFile: directory.path + "/log", encoding: .utf8)) ?? "" }

    /// A client, once the daemon answers. How long that takes is the machine's affair; the time limit of the suite holds.
    func connect() async throws -> EventStoreClient {
        while true {
            do {
                return try await EventStoreClient.connect(.patient(socket))
            } catch {
                guard process.isRunning else { throw Death(description: "the daemon has ended: \(log)") }
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    struct Death: Error, CustomStringConvertible {
        let description: String
    }

    func signal(_ number: Int32) { Foundation.kill(process.processIdentifier, number) }

    /// Waits for the end, and returns the exit status; minus the signal where one killed it.
    @discardableResult
    func end() -> Int32 { process.waitForEnd() }

    @discardableResult
    func terminate() -> Int32 {
        signal(SIGTERM)
        return end()
    }

    func kill() {
        signal(SIGKILL)
        end()
    }

    private static let patience = 60.0

    /// Starts the program, which is expected to refuse, and returns its exit status. One that serves instead is killed.
    func refusal(_ arguments: [String]? = nil, environment: [String: String] = [:]) throws -> Int32 {
        try start(arguments, environment: environment)
        let deadline = Date.now + Self.patience
        while process.isRunning, Date.now < deadline { usleep(5000) }
        if process.isRunning { signal(SIGKILL) }
        return end()
    }

    /// The same by a script of `sh`, for bytes that are no text: `"$0"` is the program, and `"$1"` the directory.
    func refusal(script: String) throws -> Int32 {
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script, Self.products + "/evstored", directory.path]
        let log = directory.path + "/log"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardError = FileHandle(forWritingAtPath: log)
        try process.start()
        return end()
    }
}

extension EventStoreClient.Configuration {
    /// For a machine on which hundreds of tests run at once.
    static func patient(_ socketPath: String) -> Self {
        var configuration = Self(socketPath: socketPath)
        configuration.connectTimeoutMilliseconds = 120_000
        return configuration
    }
}
