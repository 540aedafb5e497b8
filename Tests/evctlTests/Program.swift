// Owns: running evctl as users do: the program itself, with its output and its exit status.

import ChildProcesses
import Foundation

/// What a run of evctl came to.
struct ProgramResult {
    /// Minus the signal where one killed it.
    let status: Int32
    let output: String
    let errors: String

    var lines: [String] { output.split(separator: "\n").map(String.init) }
    /// The ids of events that were printed as JSON, one a line.
    var ids: [Int] {
        lines.compactMap { line in
            (try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["event_id"] as? Int
        }
    }
}

/// How evctl is run, and until when.
struct Program: Sendable {
    /// The folder in which the build put the tests, and the program beside them.
    private static let products: String = {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let argument = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? bundle
        return String(argument[..<(argument.lastIndex(of: "/") ?? argument.startIndex)])
    }()

    static var path: String { products + "/evctl" }

    var arguments: [String]
    var socket = "/tmp/evctl-no-such-socket"
    var environment: [String: String] = [:]
    /// Whether its standard output is a terminal.
    var isOnTerminal = false
    /// It is interrupted once it has printed so many lines.
    var stopAfterLines: Int?
    /// It is interrupted after so long, and again until it ends.
    var stopAfterSeconds: Double?

    /// Runs it to its end. Where `stopAfterLines` is given it is interrupted once it has printed so many lines.
    static func run(
        _ arguments: [String],
        socket: String = "/tmp/evctl-no-such-socket",
        stopAfterLines: Int? = nil
    ) async throws -> ProgramResult {
        try await Program(arguments: arguments, socket: socket, stopAfterLines: stopAfterLines).run()
    }

    /// Runs it to its end.
    func run() async throws -> ProgramResult {
        try await withCheckedThrowingContinuation { continuation in
            // A thread of its own: the shared ones are few, and other runs wait on them.
            Thread { continuation.resume(with: Result { try runNow(Self.path, arguments) }) }.start()
        }
    }

    /// Runs a script of `sh` to its end, in which `"$0"` is evctl: for input that is piped in, and for bytes that are no text.
    static func shell(_ script: String, socket: String = "/tmp/evctl-no-such-socket") async throws -> ProgramResult {
        try await withCheckedThrowingContinuation { continuation in
            let program = Program(arguments: [], socket: socket)
            Thread {
                continuation.resume(with: Result { try program.runNow("/bin/sh", ["-c", script, Self.path]) })
            }.start()
        }
    }

    private func runNow(_ program: String, _ arguments: [String]) throws -> ProgramResult {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment
            .merging(["EVCTL_SOCKET": socket]) { $1 }.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        let errors = Pipe()
        process.standardError = errors
        let (reading, writing) = try isOnTerminal ? Self.terminal() : Self.pipe()
        process.standardOutput = writing
        try process.start()
        try writing.close()
        if let stopAfterSeconds {
            // Once more where it was not yet listening.
            Thread {
                usleep(UInt32(stopAfterSeconds * 1_000_000))
                while process.isRunning {
                    process.interrupt()
                    usleep(500_000)
                }
            }.start()
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        // A terminal that nobody writes to any more is an error to read, not an end.
        while case let count = read(reading.fileDescriptor, &buffer, buffer.count), count > 0 {
            bytes += buffer[..<count]
            if let stopAfterLines, bytes.count(where: { $0 == UInt8(ascii: "\n") }) >= stopAfterLines {
                process.interrupt()
            }
        }
        let said = errors.fileHandleForReading.readDataToEndOfFile()
        return ProgramResult(
            status: process.waitForEnd(),
            output: String(decoding: bytes, as: UTF8.self),
            errors: String(decoding: said, as: UTF8.self)
        )
    }

    private static func pipe() throws -> (reading: FileHandle, writing: FileHandle) {
        let pipe = Pipe()
        return (pipe.fileHandleForReading, pipe.fileHandleForWriting)
    }

    /// A terminal that changes nothing of what is written to it.
    static func terminal() throws -> (reading: FileHandle, writing: FileHandle) {
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        // TIOCSPTLCK and TIOCGPTN, which Glibc's module leaves out: unlock the other end, and tell its number.
        var (isLocked, number): (Int32, Int32) = (0, 0)
        guard master >= 0, ioctl(master, 0x4004_5431, &isLocked) == 0, ioctl(master, 0x8004_5430, &number) == 0,
            case let slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC), slave >= 0
        else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        var settings = termios()
        tcgetattr(slave, &settings)
        cfmakeraw(&settings)
        tcsetattr(slave, TCSANOW, &settings)
        return (
            FileHandle(fileDescriptor: master, closeOnDealloc: true),
            FileHandle(fileDescriptor: slave, closeOnDealloc: true)
        )
    }
}
