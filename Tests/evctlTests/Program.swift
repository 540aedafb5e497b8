// Owns: running evctl as users do: the program itself, with its output and its exit status.

import Foundation

/// What a run of evctl came to.
struct ProgramResult {
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

enum Program {
    /// The folder in which the build put the tests, and the program beside them.
    private static let products: String = {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let argument = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? bundle
        return String(argument[..<(argument.lastIndex(of: "/") ?? argument.startIndex)])
    }()

    /// Runs it to its end. Where `stopAfterLines` is given it is interrupted once it has printed so many lines.
    static func run(
        _ arguments: [String],
        socket: String = "/tmp/evctl-no-such-socket",
        stopAfterLines: Int? = nil
    ) async throws -> ProgramResult {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try runNow(arguments, socket, stopAfterLines) })
            }
        }
    }

    private static func runNow(
        _ arguments: [String],
        _ socket: String,
        _ stopAfterLines: Int?
    ) throws -> ProgramResult {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: products + "/evctl")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(["EVCTL_SOCKET": socket]) { $1 }
        process.standardInput = FileHandle.nullDevice
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        var bytes = Data()
        while true {
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { break }
            bytes += more
            if let stopAfterLines, bytes.count(where: { $0 == UInt8(ascii: "\n") }) >= stopAfterLines {
                process.interrupt()
            }
        }
        let said = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return ProgramResult(
            status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: String(decoding: bytes, as: UTF8.self),
            errors: String(decoding: said, as: UTF8.self)
        )
    }
}
