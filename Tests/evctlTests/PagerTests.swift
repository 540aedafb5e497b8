// Owns: the promises about what stands behind standard output: a pager that fails loses nothing, and a reader that has
// gone is not waited for.

import ChildProcesses
import EventModel
import EventStore
import EventStoreClient
import Foundation
import Synchronization
import Testing

@testable import evctl

@Suite("Pagers and readers", .timeLimit(.minutes(20)))
struct PagerTests {
    private func withDaemon(events: Int, _ body: (Daemon) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let daemon = try Daemon(directory)
        try await daemon.start()
        try await daemon.append(1...events)
        do {
            try await body(daemon)
        } catch {
            await daemon.end()
            throw error
        }
        await daemon.end()
    }

    @Test(
        "A pager that cannot be started, or fails at once, loses nothing: the listing is printed, and a note says why",
        arguments: [
            ("/no/such", 127), ("less-that-is-not-there -R -F", 127), ("/dev/null", 126), ("exit 3", 3),
            ("kill -9 $$", 137), ("head -c 10 >/dev/null; exit 1", 1), ("'unfinished", 2),
        ]
    )
    func failing(command: String, status: Int) async throws {
        for events in [3, 600] {
            try await withDaemon(events: events) { daemon in
                for arguments in [["read", "-o", "json"], ["export"]] {
                    let result = try await Program(
                        arguments: arguments,
                        socket: daemon.socket,
                        environment: ["PAGER": command],
                        isOnTerminal: true
                    ).run()
                    #expect(
                        result.status == 0 && result.ids == Array(1...events),
                        "\(arguments), \(events): \(result.errors)"
                    )
                    #expect(result.errors.contains("ended with status \(status)"), "\(result.errors)")
                }
            }
        }
    }

    @Test(
        "A pager that works has the listing to itself, whatever words its command has",
        arguments: ["cat -", "sed -e 's/^/> /'", "head -n 2", "true", "less -FRX", "/bin/cat | /bin/cat"]
    )
    func working(command: String) async throws {
        try await withDaemon(events: 3) { daemon in
            let result = try await Program(
                arguments: ["read", "-o", "json"],
                socket: daemon.socket,
                environment: ["PAGER": command, "TERM": "xterm"],
                isOnTerminal: true
            ).run()
            #expect(result.status == 0 && result.errors == "", "\(result)")
            let lines = result.output.split(separator: "\n").filter { $0.contains("event_id") }
            #expect(lines.count == (command == "true" ? 0 : command == "head -n 2" ? 2 : 3), "\(result)")
        }
    }

    @Test("A pager that has shown some and then failed is an error, never a success")
    func failingLate() throws {
        let sink = try FileHandle(forWritingTo: URL(fileURLWithPath: "/dev/null"))
        let pager = Pager("head -c 300000 >/dev/null; exit 5", before: Descriptor(sink.fileDescriptor)) { _ in }
        signal(SIGPIPE, SIG_IGN)
        let failure = #expect(throws: Failure.self) {
            for _ in 0..<100 { try pager.write([UInt8](repeating: 0x78, count: 1 << 16)) }
            try pager.finish()
        }
        #expect(failure?.status == .error && failure?.message.contains("status 5") == true)
    }

    @Test("What a failed pager leaves is printed once and whole, and so is what comes after it")
    func rest() throws {
        signal(SIGPIPE, SIG_IGN)
        let pipe = Pipe()
        let notes = Mutex<[String]>([])
        let descriptor = Descriptor(pipe.fileHandleForWriting.fileDescriptor)
        let pager = Pager("exit 7", before: descriptor) { note in notes.withLock { $0.append(note) } }
        try pager.write(Array("one\n".utf8))
        try pager.finish()
        try pager.write(Array("two\n".utf8))
        try pager.finish()
        try pipe.fileHandleForWriting.close()
        #expect(pipe.fileHandleForReading.readDataToEndOfFile() == Data("one\ntwo\n".utf8))
        #expect(notes.withLock(\.count) == 1)
    }

    private enum Output: CaseIterable {
        case pipe
        case socket
        case terminal

        func open() throws -> (reading: FileHandle, writing: FileHandle) {
            switch self {
            case .pipe:
                let pipe = Pipe()
                return (pipe.fileHandleForReading, pipe.fileHandleForWriting)
            case .socket:
                var ends: [Int32] = [-1, -1]
                try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
                for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
                return (FileHandle(fileDescriptor: ends[0]), FileHandle(fileDescriptor: ends[1]))
            case .terminal:
                return try Program.terminal()
            }
        }
    }

    @Test(
        "Whoever waits for events ends with its reader, though no event ever comes, and with status 0",
        arguments: [
            ["read", "-f"], ["subscribe"], ["subscribe", "--after", "2"], ["read", "-f", "--category", "none"],
        ]
    )
    func readerGoes(arguments: [String]) async throws {
        try await withDaemon(events: 3) { daemon in
            for output in Output.allCases {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: Program.path)
                process.arguments = arguments
                process.environment = ProcessInfo.processInfo.environment.merging(["EVCTL_SOCKET": daemon.socket]) {
                    $1
                }
                process.standardInput = FileHandle.nullDevice
                process.standardError = FileHandle.nullDevice
                let (reading, writing) = try output.open()
                process.standardOutput = writing
                try process.start()
                try writing.close()
                // It is there, and has nothing more to print.
                if arguments.contains("none") {
                    try await Task.sleep(for: .milliseconds(500))
                } else {
                    var byte: UInt8 = 0
                    #expect(read(reading.fileDescriptor, &byte, 1) == 1)
                    try await Task.sleep(for: .milliseconds(200))
                }
                #expect(process.isRunning)
                let gone = ContinuousClock.now
                try reading.close()
                while process.isRunning, gone.duration(to: .now) < .seconds(20) {
                    try await Task.sleep(for: .milliseconds(5))
                }
                let taken = gone.duration(to: .now)
                // A moment; how long that is, a busy machine decides.
                #expect(!process.isRunning, "\(output): \(taken)")
                if process.isRunning { process.terminate() }
                #expect(process.waitForEnd() == 0, "\(output)")
            }
        }
    }

    @Test("A command whose answer matters is done though nobody reads what it prints")
    func appendIsDone() async throws {
        try await withDaemon(events: 1) { daemon in
            let (process, pipe) = (Process(), Pipe())
            process.executableURL = URL(fileURLWithPath: Program.path)
            process.arguments = ["append", "c", "a", "t"]
            process.environment = ProcessInfo.processInfo.environment.merging(["EVCTL_SOCKET": daemon.socket]) { $1 }
            process.standardOutput = pipe.fileHandleForWriting
            try pipe.fileHandleForReading.close()
            try process.start()
            process.waitForEnd()
            #expect(daemon.store.tail == EventID(2))
        }
    }
}
