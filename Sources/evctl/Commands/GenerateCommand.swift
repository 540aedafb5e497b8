// Owns: `evctl generate`: a load for `import`, and for measurements.

import ArgumentParser

struct GenerateCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Print made-up events as NDJSON, a load for import.",
        discussion: """
            Orders, users, inventory and payments of the year 2025; a few aggregates are busy, most are not; some \
            events are told late. The same seed prints the same bytes everywhere.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Option(help: ArgumentHelp("How many.", valueName: "n"))
    var events: UInt64 = 1_000_000

    @Option(help: ArgumentHelp("About how many things, in all categories together.", valueName: "n"))
    var aggregates: UInt64 = 100_000

    @Option(help: ArgumentHelp("Another seed, other events.", valueName: "n"))
    var seed: UInt64 = 1

    func validate() throws {
        guard (4...4_000_000_000).contains(aggregates) else {
            throw ValidationError("--aggregates: expected a number from 4 to 4,000,000,000.")
        }
    }

    func run(in invocation: Invocation) async throws {
        var generator = EventGenerator(seed: seed, events: events, aggregates: aggregates)
        let output = StandardOutput()
        for _ in 0..<events { try output.write { generator.appendLine(to: &$0) } }
        try output.flush()
    }
}
