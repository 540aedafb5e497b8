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
        discussion: """
            The log and the snapshots, each byte against its checksum, and the indexes against the events. With --data-dir \
            the store's files are read without a daemon, and nothing in them is changed: a file system that is mounted \
            read-only will do. Bytes of a write that a crash cut off are told, and are no damage.
            """
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
            throw Failure(.corruption, "corruption found", details: findings)
        }
    }

    private func verifyLive(_ invocation: Invocation) async throws -> [UInt8] {
        let client = try await global.connect(invocation)
        let checking = Task { try await client.verify() }
        if global.showsProgress(invocation) {
            let watching = Task { await watch(try await global.connect(invocation)) }
            _ = await checking.result
            // The line is gone before anything else is printed.
            watching.cancel()
            _ = await watching.result
        }
        let json = try await checking.value
        await client.close()
        return json
    }

    /// Shows how far the daemon says it is, until cancelled. It is asked on a connection of its own, since an answer waits
    /// for those before it.
    private func watch(_ client: EventStoreClient) async {
        var meter = ProgressMeter(.percent, total: 100, isShown: true)
        while !Task.isCancelled, let info = try? await client.info() {
            if let percent = StatusReport(info: info).number("verify_percent") { meter.update(percent) }
            // Cancelled: then the loop ends, too.
            try? await Task.sleep(for: .milliseconds(200))
        }
        meter.clear()
        await client.close()
    }

    private func verifyOffline(_ directory: String, _ invocation: Invocation) throws -> [UInt8] {
        let steps = 1000.0
        var meter = ProgressMeter(.percent, total: UInt64(steps), isShown: global.showsProgress(invocation))
        defer { meter.clear() }
        let report = try EventStore.verify(directory: try DirectoryPath.existing(directory)) { share in
            meter.update(UInt64(saturating: share * steps))
        }
        return JSONText.verification(report).bytes
    }

    /// One sentence for each range of damaged events and for each other problem, file by file.
    static func findings(_ report: Report) throws -> [String] {
        try report.reports("files").flatMap { finding in
            let file = try finding.text("file")
            let damaged = try finding.reports("damaged").map { range in
                "events \(range.number("first") ?? 0) to \(range.number("last") ?? 0) are damaged"
            }
            return (damaged + (try finding.texts("problems"))).map { "\(file): \($0)" }
        }
    }

    private static func examined(_ report: Report) -> String {
        let torn = report.number("torn_bytes") ?? 0
        return
            "\(Quantity.counted(report.number("events") ?? 0, "event")) in "
            + "\(Quantity.counted(report.number("segments") ?? 0, "segment")), "
            + "\(Quantity.counted(report.number("snapshots") ?? 0, "snapshot")), \(Quantity.bytes(Double(report.number("bytes") ?? 0))) checked"
            + (torn > 0 ? "; \(Quantity.bytes(Double(torn))) of a write that was cut off" : "")
    }
}
