// Owns: `evctl verify`: has every byte of the store checked, by its daemon or, where none runs, in this process.

import ArgumentParser
import EventModel
import EventStore
import EventStoreClient
import EventStoreServer

struct VerifyCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every byte; exit 6 and the exact ids where there is damage.",
        discussion: "With --data-dir the store's files are read without a daemon. Nothing is changed either way."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Option(help: ArgumentHelp("Check the files of this data directory, offline.", valueName: "dir"))
    var dataDir: String?

    func run(in invocation: Invocation) async throws {
        let json: [UInt8]
        if let dataDir {
            json = try verifyOffline(dataDir, invocation)
        } else {
            json = try await verifyLive(invocation)
        }
        let report = try Report(json)
        try global.print(report: json, in: invocation) { [Self.examined($0)] }
        let findings = try Self.findings(report)
        guard findings.isEmpty else {
            throw Failure(.corruption, "corruption found: \(findings.joined(separator: "; "))")
        }
    }

    private func verifyLive(_ invocation: Invocation) async throws -> [UInt8] {
        let client = try await global.connect(invocation)
        let json = try await client.verify()
        await client.close()
        return json
    }

    private func verifyOffline(_ directory: String, _ invocation: Invocation) throws -> [UInt8] {
        let steps = 1000.0
        var meter = ProgressMeter(.percent, total: UInt64(steps), isShown: global.showsProgress(invocation))
        defer { meter.clear() }
        let report = try EventStore.verify(directory: directory) { share in
            meter.update(UInt64(share * steps))
            return true
        }
        return JSONText.verification(report).bytes
    }

    /// One sentence for each range of damaged events and for each other problem.
    static func findings(_ report: Report) throws -> [String] {
        let damaged = try report.reports("damaged").map { range in
            "events \(range.number("first") ?? 0) to \(range.number("last") ?? 0) are damaged"
        }
        return damaged + (try report.texts("problems"))
    }

    private static func examined(_ report: Report) -> String {
        "\(Quantity.grouped(report.number("events") ?? 0)) events in \(report.number("segments") ?? 0) segments, "
            + "\(Quantity.bytes(Double(report.number("bytes") ?? 0))) checked"
    }
}
