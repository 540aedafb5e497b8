// Owns: `evctl roll`, `snapshot` and `compact`: what the daemon does by itself, done now, and what it reports of it.

import ArgumentParser
import EventModel
import EventStoreClient

struct RollCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "roll",
        abstract: "Close the active segment, so that it is sealed and a new one begun."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    func run(in invocation: Invocation) async throws {
        let client = try await global.connect(invocation)
        let report = try await client.roll()
        await client.close()
        try global.print(report: report, in: invocation) { report in
            guard let first = report.number("first_id"), let last = report.number("last_id") else {
                return ["nothing to roll: the active segment is empty"]
            }
            return ["rolled events \(first) to \(last)"]
        }
    }
}

struct SnapshotCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Save the state of every projection."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    func run(in invocation: Invocation) async throws {
        let client = try await global.connect(invocation)
        let report = try await client.snapshot()
        await client.close()
        try global.print(report: report, in: invocation) { report in
            let lines = try report.reports("snapshots").map { snapshot in
                let bytes = Quantity.bytes(Double(snapshot.number("bytes") ?? 0))
                return "\(try snapshot.text("projection")) at event \(snapshot.number("event_id") ?? 0), \(bytes)"
            }
            return lines.isEmpty ? ["nothing to save: there are no projections"] : lines
        }
    }
}

struct CompactCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Merge and rewrite sealed segments."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    func run(in invocation: Invocation) async throws {
        let client = try await global.connect(invocation)
        let report = try await client.compact()
        await client.close()
        try global.print(report: report, in: invocation) { report in
            let segments = { (when: String) in "\(report.number("segments_\(when)") ?? 0)" }
            let bytes = { (when: String) in Quantity.bytes(Double(report.number("bytes_\(when)") ?? 0)) }
            return ["\(segments("before")) segments to \(segments("after")), \(bytes("before")) to \(bytes("after"))"]
        }
    }
}

extension GlobalOptions {
    /// Prints a report of the daemon: its JSON where that is asked for, else the sentences made of it.
    func print(report json: [UInt8], in invocation: Invocation, _ lines: (Report) throws -> [String]) throws {
        if isJSON {
            try print(json: json, in: invocation)
        } else if !quiet {
            let output = StandardOutput()
            for line in try lines(Report(json)) { try output.print(line: ShownText(line)) }
        }
    }
}
